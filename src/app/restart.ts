import { isDeepStrictEqual } from 'node:util';
import type { Settings } from './config/settings.ts';

/** What is bound or opened at the start, by its key in domicile.yaml: a reload cannot change it. */
const FIXED: readonly (readonly [string, (settings: Settings) => unknown])[] = [
  ['self.name', ({ self }) => self.name],
  ['state', ({ state }) => state],
  ['listeners', ({ listeners }) => listeners],
  ['ops', ({ ops }) => ops],
  ['timeouts.request_head_ms', ({ timeouts }) => timeouts.requestHeadMs],
  ['timeouts.keep_alive_ms', ({ timeouts }) => timeouts.keepAliveMs],
  ['limits.connections', ({ limits }) => limits.connections],
];

/** Keys that a reload found changed and that hold only after a restart. */
export function keysThatNeedRestart(before: Settings, after: Settings): string[] {
  return FIXED.filter(([, of]) => !isDeepStrictEqual(of(before), of(after))).map(([key]) => key);
}
