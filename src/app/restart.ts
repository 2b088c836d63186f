import { isDeepStrictEqual } from 'node:util';
import type { Settings } from './config/settings.ts';

/** What is bound or opened at the start, by its key in domicile.yaml and its place in the settings: a reload cannot change it. */
const FIXED: readonly (readonly [string, readonly [keyof Settings] | readonly [keyof Settings, string]])[] = [
  ['self.name', ['self', 'name']],
  ['state', ['state']],
  ['listeners', ['listeners']],
  ['store', ['store']],
  ['control', ['control']],
  ['feed', ['feed']],
  ['approvals', ['approvals']],
  ['webhooks', ['webhooks']],
  ['ops', ['ops']],
  ['audit.key', ['audit', 'key']],
  ['audit.flush_ms', ['audit', 'flushMs']],
  ['audit.queue', ['audit', 'queue']],
  ['audit.checkpoint', ['audit', 'checkpoint']],
  ['audit.ship', ['audit', 'ship']],
  ['audit.collect', ['audit', 'collect']],
  ['limits.connections', ['limits', 'connections']],
];

type Place = (typeof FIXED)[number][1];

function read(settings: Settings, [section, key]: Place): unknown {
  const value = settings[section];
  return key === undefined ? value : (value as unknown as Readonly<Record<string, unknown>>)[key];
}

/** Keys that a reload found changed and that hold only after a restart. */
export function keysThatNeedRestart(before: Settings, after: Settings): string[] {
  return FIXED.filter(([, place]) => !isDeepStrictEqual(read(before, place), read(after, place))).map(([key]) => key);
}

/** `next` as it holds without a restart: with what was fixed when `started` was in force. */
export function asStarted(started: Settings, next: Settings): Settings {
  const kept: Record<string, unknown> = { ...next };
  for (const [, place] of FIXED) {
    const [section, key] = place;
    kept[section] =
      key === undefined ? read(started, place) : { ...(kept[section] as object), [key]: read(started, place) };
  }
  return kept as unknown as Settings;
}
