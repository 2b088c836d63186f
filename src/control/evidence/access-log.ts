import { setImmediate } from 'node:timers/promises';
import { Entry } from '../../audit/entry.ts';
import { TILE_WIDTH } from '../../audit/tile.ts';
import {
  evidenceEntries,
  evidenceLogs,
  evidenceSpans,
  type EvidenceAsked,
  type EvidenceEntryRow,
  type EvidenceFilter,
  type EvidencePlace,
  type EvidenceSpanRow,
} from '../../store/evidence.ts';
import type { EvidenceIndex } from './evidence-index.ts';
import { HeadReader } from './head.ts';
import { SPAN } from './read.ts';
import { rowOf } from './row.ts';

/** Stretches that are looked up at once. */
const SPANS = 50;
/** Milliseconds after which a page ends with what it has. */
const PAGE_MS = 2000;

export interface FoundEntries {
  /** The newest first. */
  readonly entries: readonly Entry[];
  /** Where the next page begins: with what comes before it in the order of `EvidencePlace`. Null: this was the last. */
  readonly next: EvidencePlace | null;
  /** Origins of logs that were not read whole. */
  readonly incomplete: readonly string[];
}

/**
 * Entries of a tenant, those too that the index does not keep: the logs on this machine are read where it says that there
 * are some. A page ends early, even without any, when it took long to find so few: the next goes on from there.
 */
export async function accessLog(
  index: EvidenceIndex,
  filter: EvidenceFilter & { readonly tenant: string },
  before: EvidencePlace | null,
  limit: number,
): Promise<FoundEntries> {
  if (isKept(filter)) return keptEntries(index, { filter, view: null }, before, limit);
  const logs = await openLogs(index);
  const { elsewhere } = logs;
  const last = before ?? { at: filter.to, log: '', seq: 0 };
  const kept = { filter, view: null, logs: elsewhere, after: last, limit: limit + 1 };
  const newest = new Newest(
    limit + 1,
    elsewhere.length === 0 ? [] : (await evidenceEntries(index.store.db, kept)).map(foundOf),
  );
  const incomplete = () => [...new Set([...elsewhere, ...index.behind, ...logs.unread])].sort();
  const end = performance.now() + PAGE_MS;
  let first: number | null = null;
  for await (const span of spansBefore(index, filter, last.at, logs)) {
    if (newest.isFullAfter(span.last_at)) break;
    if (first !== null && performance.now() > end && span.last_at < first) {
      const next = { at: span.last_at + 1, log: '', seq: 0 };
      return { ...pageOf(newest.above(span.last_at), limit, next), incomplete: incomplete() };
    }
    first ??= span.last_at;
    for await (const found of logs.entriesIn(span, filter)) newest.add(found, last);
  }
  return { ...pageOf(newest.all, limit, null), incomplete: incomplete() };
}

/** Of the entries that the index keeps, those of a view. */
export async function keptEntries(
  index: EvidenceIndex,
  asked: Pick<EvidenceAsked, 'filter' | 'view'>,
  before: EvidencePlace | null,
  limit: number,
): Promise<FoundEntries> {
  const rows = await evidenceEntries(index.store.db, { ...asked, logs: null, after: before, limit: limit + 1 });
  return { ...pageOf(rows.map(foundOf), limit, null), incomplete: index.behind };
}

/** An entry, and its place among all of them. */
interface Found extends EvidencePlace {
  readonly entry: Entry;
}

function foundOf({ at, log, seq, body }: Pick<EvidenceEntryRow, 'at' | 'log' | 'seq' | 'body'>): Found {
  return { at, log, seq, entry: new Entry(log, seq, body) };
}

/** Whether the index keeps whole whatever a filter lets through. */
function isKept({ kind, effect, reason }: EvidenceFilter): boolean {
  if (kind !== null && kind !== 'decision' && kind !== 'outcome') return true;
  return (effect !== null && effect !== 'allow') || (reason !== null && reason !== 'in_residency');
}

function pageOf(found: readonly Found[], limit: number, next: EvidencePlace | null): Omit<FoundEntries, 'incomplete'> {
  const entries = found.slice(0, limit).map(({ entry }) => entry);
  const last = found[limit - 1];
  return { entries, next: found.length > limit && last !== undefined ? last : next };
}

/** The newest of the entries that were found, at most so many. */
class Newest {
  all: Found[];
  readonly #limit: number;

  constructor(limit: number, all: Found[]) {
    this.#limit = limit;
    this.all = all;
  }

  add(found: Found, before: EvidencePlace): void {
    if (compare(found, before) >= 0) return;
    const at = this.all.findIndex((other) => compare(other, found) < 0);
    if (at === -1 && this.all.length >= this.#limit) return;
    this.all.splice(at === -1 ? this.all.length : at, 0, found);
    if (this.all.length > this.#limit) this.all.pop();
  }

  /** Whether there are enough of them, all newer than anything up to this moment. */
  isFullAfter(at: number): boolean {
    return this.all.length >= this.#limit && (this.all.at(-1) as Found).at > at;
  }

  above(at: number): Found[] {
    return this.all.filter((found) => found.at > at);
  }
}

function compare(a: EvidencePlace, b: EvidencePlace): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.log !== b.log) return a.log < b.log ? -1 : 1;
  return a.seq - b.seq;
}

/** The one with the newest entry first, those only that begin before a moment. */
export async function* spansBefore(
  index: EvidenceIndex,
  { tenant, from, to }: EvidenceFilter & { readonly tenant: string },
  at: number,
  { sizes }: OpenLogs,
): AsyncGenerator<EvidenceSpanRow> {
  const logs = [...sizes.keys()];
  if (logs.length === 0) return;
  const asked = { tenant, logs, from, to: Math.min(to, at + 1), limit: SPANS };
  let after: EvidenceSpanRow | null = null;
  for (;;) {
    const spans: EvidenceSpanRow[] = await evidenceSpans(index.store.db, { ...asked, after });
    yield* spans;
    after = spans.at(-1) ?? null;
    if (spans.length < SPANS) return;
  }
}

/** The logs as they are at the beginning of an answer. */
export async function openLogs(index: EvidenceIndex): Promise<OpenLogs> {
  const sizes = new Map<string, number>();
  const elsewhere: string[] = [];
  for (const { origin, size } of await evidenceLogs(index.store.db))
    if (index.logs.has(origin)) sizes.set(origin, Math.max(size, 0));
    else elsewhere.push(origin);
  return new OpenLogs(index, sizes, elsewhere);
}

/** Reads the entries of stretches of logs. */
export class OpenLogs {
  /** Entries that the index knows, by origin, of logs on this machine. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly elsewhere: readonly string[];
  readonly unread: string[] = [];
  readonly #index: EvidenceIndex;
  readonly #logs: EvidenceIndex['logs'];
  readonly #head = new HeadReader();

  constructor(index: EvidenceIndex, sizes: ReadonlyMap<string, number>, elsewhere: readonly string[]) {
    this.#index = index;
    this.#logs = index.logs;
    this.sizes = sizes;
    this.elsewhere = elsewhere;
  }

  /** Those that a filter lets through, in order. A log that cannot be read has none, and is told of in `unread`. */
  async *entriesIn({ log, span }: EvidenceSpanRow, filter: EvidenceFilter): AsyncGenerator<Found> {
    const size = this.sizes.get(log) ?? 0;
    const end = Math.min((span + 1) * SPAN, size);
    try {
      for (let first = span * SPAN; first < end; first += TILE_WIDTH) {
        // A log that has grown shorter since has no such bundle, or fewer in it.
        const bundle = this.#logs.get(log)?.reader.bundle(first / TILE_WIDTH, size) ?? null;
        if (bundle !== null) yield* this.#entriesOf(bundle, log, first, Math.min(first + TILE_WIDTH, end), filter);
        await setImmediate(); // others first
      }
    } catch (error) {
      this.#index.unreadable(log, error);
      if (!this.unread.includes(log)) this.unread.push(log);
    }
  }

  *#entriesOf(bundle: Buffer, log: string, first: number, end: number, filter: EvidenceFilter): Generator<Found> {
    const head = this.#head;
    head.over(bundle);
    for (let seq = first; seq < end && head.advance(); seq++) {
      const known = head.read();
      if (known && (head.tenant !== filter.tenant || head.at < filter.from || head.at >= filter.to)) continue;
      const { at } = head;
      const entry = new Entry(log, seq, head.entry());
      if (known && !asksMore(filter)) yield { at, log, seq, entry };
      else if (passes(entry, filter)) yield { at: Date.parse(entry.time), log, seq, entry };
    }
  }
}

/** Whether it is not enough to know whose an entry is, and of when. */
function asksMore({ subject, user, reason, effect, region, kind, classification }: EvidenceFilter): boolean {
  return [subject, user, reason, effect, region, kind, classification].some((value) => value !== null);
}

function passes(entry: Entry, filter: EvidenceFilter): boolean {
  let row: EvidenceEntryRow;
  try {
    row = rowOf(entry);
  } catch {
    return false; // the index tells of it
  }
  const { region } = filter;
  return (
    row.at >= filter.from &&
    row.at < filter.to &&
    is(filter.tenant, row.tenant) &&
    is(filter.subject, row.subject) &&
    is(filter.user, row.user) &&
    is(filter.reason, row.reason) &&
    is(filter.effect, row.effect) &&
    is(filter.kind, row.kind) &&
    is(filter.classification, row.classification) &&
    (region === null || row.to_region === region || row.from_region === region)
  );
}

function is(asked: string | null, value: string | null): boolean {
  return asked === null || asked === value;
}
