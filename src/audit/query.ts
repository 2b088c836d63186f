import { frameEnd } from './bundle.ts';
import { Entry } from './entry.ts';
import type { EntryMatcher } from './filter.ts';
import type { LogReader } from './reader.ts';
import { TILE_WIDTH } from './tile.ts';

export interface QueryOptions {
  /** Newest first. Default: newest last. */
  readonly reverse?: boolean;
  /** Told after each bundle how many entries were looked at, in all logs. */
  readonly onProgress?: (entries: number) => void;
}

/**
 * Entries that match, out of several logs, by time; those of one log in their order. It holds one bundle of each log.
 * @throws Error for a log that is not whole, SyntaxError for an entry that is no JSON
 */
export function* query(
  logs: readonly LogReader[],
  matcher: EntryMatcher,
  { reverse = false, onProgress = () => {} }: QueryOptions = {},
): Generator<Entry> {
  let looked = 0;
  const count = (entries: number) => onProgress((looked += entries));
  const heads: { readonly entries: Generator<Entry>; entry: Entry }[] = [];
  for (const log of logs) {
    const entries = scan(log, matcher, reverse, count);
    const { value: entry, done } = entries.next();
    if (done !== true) heads.push({ entries, entry });
  }
  while (heads.length > 0) {
    let first = heads[0]!;
    for (const head of heads)
      if (reverse ? head.entry.time > first.entry.time : head.entry.time < first.entry.time) first = head;
    yield first.entry;
    const { value: entry, done } = first.entries.next();
    if (done === true) heads.splice(heads.indexOf(first), 1);
    else first.entry = entry;
  }
}

function* scan(
  log: LogReader,
  matcher: EntryMatcher,
  reverse: boolean,
  count: (entries: number) => void,
): Generator<Entry, undefined> {
  const { origin, size } = log.checkpoint();
  const bundles = Math.ceil(size / TILE_WIDTH);
  for (let i = 0; i < bundles; i++) {
    const index = reverse ? bundles - 1 - i : i;
    const first = index * TILE_WIDTH;
    const bytes = log.bundle(index, size);
    const entries = bytes === null ? [] : matching(origin, first, Math.min(size - first, TILE_WIDTH), bytes, matcher);
    yield* reverse ? entries.toReversed() : entries;
    count(Math.min(size - first, TILE_WIDTH));
  }
  return undefined;
}

/** Entries of one bundle that match. Only those are parsed that have all the marks of the filter. */
function matching(origin: string, first: number, count: number, bundle: Buffer, matcher: EntryMatcher): Entry[] {
  const found: Entry[] = [];
  const { marks } = matcher;
  if (!marks.every((mark) => bundle.includes(mark))) return found;
  const [rarest] = marks;
  let offset = 0;
  let hit = rarest === undefined ? 0 : -1;
  for (let place = 0; place < count; place++) {
    const end = frameEnd(bundle, offset, bundle.length);
    if (rarest !== undefined && hit < offset) {
      hit = bundle.indexOf(rarest, offset);
      if (hit < 0) break;
    }
    if (rarest === undefined || hit < end) {
      const entry = new Entry(origin, first + place, bundle.toString('latin1', offset + 2, end));
      if (marks.every((mark) => bundle.subarray(offset, end).includes(mark)) && matcher.matches(entry))
        found.push(entry);
    }
    offset = end;
  }
  return found;
}
