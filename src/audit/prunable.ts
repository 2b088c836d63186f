import { join } from 'node:path';
import { entriesOf, frameEnd } from './bundle.ts';
import { MAX_ENTRY_BYTES } from './entry.ts';
import { readIfThere } from './read-file.ts';
import { LogReader } from './reader.ts';
import { keptUntil, type RetentionRules } from './retention.ts';
import { TILE_WIDTH, tilePath } from './tile.ts';

/** Entries [from, to): whole bundles. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** A bundle that may go. */
export interface DueBundle {
  readonly index: number;
  /** Since when it has been past its time. Milliseconds since the epoch. */
  readonly since: number;
}

/**
 * Finds the full bundles of one log in which every entry is past its time. Of each it remembers from when on it might
 * go, and looks again no sooner: of a young bundle it reads the first entry, once.
 */
export class Prunable {
  readonly #folder: string;
  readonly #log: LogReader;
  readonly #rules: RetentionRules;
  /** By bundle; Infinity: never, or it is gone. Milliseconds since the epoch. */
  readonly #notBefore: number[] = [];

  /** @param rules for new ones make a new finder */
  constructor(folder: string, rules: RetentionRules) {
    this.#folder = folder;
    this.#log = LogReader.open(folder);
    this.#rules = rules;
  }

  /**
   * Looks at the next bundles from `index` on.
   * @param below entries from this one on stay: they are not durable, or not shipped
   * @param most files that are read at most
   * @param due takes the bundles that may go
   * @returns the bundle to go on with; null: it has been through all
   */
  scan(index: number, below: number, now: number, most: number, due: DueBundle[]): number | null {
    const bundles = Math.floor(below / TILE_WIDTH);
    for (let read = 0; index < bundles; index++) {
      if ((this.#notBefore[index] ?? 0) > now) continue;
      if (read++ === most) return index;
      const notBefore = this.#lookAt(index, now);
      this.#notBefore[index] = notBefore;
      if (notBefore <= now) due.push({ index, since: notBefore });
    }
    return null;
  }

  /** From when on a bundle might go; at most `now`: it may go now. */
  #lookAt(index: number, now: number): number {
    const start = index * TILE_WIDTH;
    const first = firstEntry(join(this.#folder, tilePath({ level: 'entries', index, width: TILE_WIDTH })));
    if (first === null) return Infinity;
    let latest = this.#keptUntil([first], 0, start);
    if (latest > now) return latest; // that long in any case
    const bundle = this.#log.bundle(index, start + TILE_WIDTH);
    if (bundle === null) return Infinity;
    const entries = [...entriesOf(bundle)];
    for (let i = 1; i < entries.length && latest <= now; i++)
      latest = Math.max(latest, this.#keptUntil(entries, i, start));
    return latest;
  }

  /** @param entries of a bundle, whose first is the `start`-th of the log */
  #keptUntil(entries: readonly Buffer[], place: number, start: number): number {
    const value = valueOf(entries[place]!);
    if (value['kind'] !== 'outcome') return keptUntil(value, this.#rules, null);
    const decision = Number(value['of']);
    const near = entries[decision - start];
    return keptUntil(value, this.#rules, near === undefined ? this.#decision(decision) : valueOf(near));
  }

  /** Null: its bundle is gone. */
  #decision(seq: number): Record<string, unknown> | null {
    for (const { value } of this.#log.entries(seq, seq + 1)) return value;
    return null;
  }
}

function valueOf(entry: Buffer): Record<string, unknown> {
  return JSON.parse(entry.toString('latin1')) as Record<string, unknown>;
}

/** The first entry of a bundle, without reading the rest; null: there is no such bundle. */
function firstEntry(path: string): Buffer | null {
  const bytes = readIfThere(path, 2 + MAX_ENTRY_BYTES);
  return bytes && bytes.subarray(2, frameEnd(bytes, 0, bytes.length));
}

/** Bundles, in order, as ranges of entries: neighbours are one. */
export function rangesOf(bundles: readonly DueBundle[]): Range[] {
  const ranges: { from: number; to: number }[] = [];
  for (const { index } of bundles) {
    const last = ranges.at(-1);
    if (last?.to === index * TILE_WIDTH) last.to += TILE_WIDTH;
    else ranges.push({ from: index * TILE_WIDTH, to: (index + 1) * TILE_WIDTH });
  }
  return ranges;
}
