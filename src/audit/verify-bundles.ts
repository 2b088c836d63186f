import { join } from 'node:path';
import { frameEnd } from './bundle.ts';
import { checkEntry } from './entry-check.ts';
import { faultOf, LogFault, type Fault } from './fault.ts';
import { BundleHasher, HASH_BYTES } from './hash.ts';
import { EVIDENCE_PRUNED } from './log-entry.ts';
import { readIfThere } from './read-file.ts';
import { readAtLeast } from './reader.ts';
import { TILE_WIDTH, tilePath } from './tile.ts';

/** An entry that says something about the log itself: of kind `key` or `gap`, or that bundles were pruned. */
export interface Marked {
  readonly seq: number;
  readonly offset: number;
  readonly text: string;
}

/** Full bundles of a log, from `first` to before `end`, and the tiles of their hashes. */
export interface BundleRange {
  readonly folder: string;
  readonly first: number;
  readonly end: number;
}

export interface RangeResult {
  /** Roots of the tiles, 32 bytes each. */
  readonly roots: Uint8Array;
  /** Bundles that are not there. */
  readonly missing: readonly number[];
  readonly marked: readonly Marked[];
  /** Where it ended early. */
  readonly fault: Fault | null;
}

const PRUNED_MARK = `"action":"${EVIDENCE_PRUNED}"`;

/** Checks bundles against tiles. One for each thread. */
export class BundleChecker {
  readonly #hasher = new BundleHasher();
  readonly #leaves = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
  readonly #work = Buffer.alloc(TILE_WIDTH * HASH_BYTES);

  /** Checks a range. What is wrong is in the result, so that it can cross threads. */
  range({ folder, first, end }: BundleRange): RangeResult {
    const roots = Buffer.alloc((end - first) * HASH_BYTES);
    const missing: number[] = [];
    const marked: Marked[] = [];
    const result = (fault: Fault | null): RangeResult => ({ roots, missing, marked, fault });
    for (let index = first; index < end; index++) {
      const name = { level: 0, index, width: TILE_WIDTH };
      try {
        const tile = readIfThere(join(folder, tilePath(name)));
        if (tile === null) throw new LogFault(tilePath(name), 0, 'is missing');
        requireWidth(tilePath(name), tile, TILE_WIDTH);
        const bundle = readIfThere(join(folder, tilePath({ ...name, level: 'entries' })));
        if (bundle === null) missing.push(index);
        else this.bundle(index, bundle, tile, marked, (hashes) => this.#fitsAbove(folder, index, hashes));
        this.#rootOf(tile).copy(roots, (index - first) * HASH_BYTES);
      } catch (error) {
        return result(faultOf(folder, error));
      }
    }
    return result(null);
  }

  /**
   * Checks that a bundle has as many entries as its tile has hashes, each what it must be and with the hash that the tile
   * has. Where they differ, `fits` says which hashes belong to the rest of the tree, and so which of the two is wrong.
   * @throws LogFault
   */
  bundle(index: number, bundle: Buffer, tile: Buffer, marked: Marked[], fits: (hashes: Buffer) => boolean): void {
    const width = tile.length / HASH_BYTES;
    const file = tilePath({ level: 'entries', index, width });
    const offsets = checkEntries(file, index * TILE_WIDTH, bundle, marked);
    if (offsets.length !== width) {
      const at = offsets[width] ?? bundle.length;
      throw new LogFault(file, at, `has ${offsets.length} entries, and not ${width}`);
    }
    this.#hasher.leaves(bundle, 0, bundle.length, this.#leaves, 0);
    const leaves = this.#leaves.subarray(0, tile.length);
    if (leaves.equals(tile)) return;
    const at = firstDifference(leaves, tile);
    if (fits(leaves) && !fits(tile)) {
      throw new LogFault(tilePath({ level: 0, index, width }), at, 'is not the hash of its entry');
    }
    const place = Math.floor(at / HASH_BYTES);
    throw new LogFault(file, offsets[place]!, `entry ${index * TILE_WIDTH + place} is not the one that was signed`);
  }

  /**
   * Checks the first entries of a bundle that a log does not need against the tile in their place.
   * @param isWhole whether it has no more than those
   * @throws LogFault
   */
  prefix(file: string, index: number, bundle: Buffer, tile: Buffer, count: number, isWhole: boolean): void {
    const offsets: number[] = [];
    let end = 0;
    for (; end < bundle.length && offsets.length < count; end = endOf(file, bundle, end)) offsets.push(end);
    if (offsets.length < count || (isWhole && end < bundle.length))
      throw new LogFault(file, end, `has not ${count} entries`);
    this.#hasher.leaves(bundle, 0, end, this.#leaves, 0);
    const at = firstDifference(this.#leaves.subarray(0, count * HASH_BYTES), tile);
    if (at < 0) return;
    const place = Math.floor(at / HASH_BYTES);
    throw new LogFault(file, offsets[place]!, `entry ${index * TILE_WIDTH + place} is not the one that was signed`);
  }

  /** Whether a full tile with these hashes has the root that the level above says. */
  #fitsAbove(folder: string, index: number, hashes: Buffer): boolean {
    const slot = index % TILE_WIDTH;
    const above = readAtLeast(folder, { level: 1, index: Math.floor(index / TILE_WIDTH), width: slot + 1 });
    return above !== null && above.subarray(slot * HASH_BYTES, (slot + 1) * HASH_BYTES).equals(this.#rootOf(hashes));
  }

  /** A view that the next call overwrites. */
  #rootOf(tile: Buffer): Buffer {
    this.#hasher.parents(tile, TILE_WIDTH, this.#work, 0);
    for (let count = TILE_WIDTH / 2; count > 1; count /= 2) this.#hasher.parents(this.#work, count, this.#work, 0);
    return this.#work.subarray(0, HASH_BYTES);
  }
}

/** Where the frames of a bundle begin. */
function checkEntries(file: string, first: number, bundle: Buffer, marked: Marked[]): number[] {
  const offsets: number[] = [];
  const hasPruned = bundle.includes(PRUNED_MARK, 0, 'latin1');
  for (let offset = 0; offset < bundle.length;) {
    const end = endOf(file, bundle, offset);
    const text = bundle.latin1Slice(offset + 2, end);
    const seq = first + offsets.length;
    let kind: string;
    try {
      kind = checkEntry(text, seq);
    } catch (error) {
      throw new LogFault(file, offset, `entry ${seq} ${(error as Error).message}`);
    }
    if (kind === 'key' || kind === 'gap' || (hasPruned && text.includes(PRUNED_MARK))) {
      marked.push({ seq, offset, text });
    }
    offsets.push(offset);
    offset = end;
  }
  return offsets;
}

function endOf(file: string, bundle: Buffer, offset: number): number {
  try {
    return frameEnd(bundle, offset, bundle.length);
  } catch (error) {
    throw new LogFault(file, offset, (error as Error).message);
  }
}

/** @throws LogFault for a tile that has not so many hashes */
export function requireWidth(file: string, tile: Buffer, width: number): void {
  const expected = width * HASH_BYTES;
  if (tile.length !== expected) {
    throw new LogFault(file, Math.min(tile.length, expected), `has ${tile.length} bytes, and not ${expected}`);
  }
}

/** Where the second of two buffers first differs from the first; -1: nowhere in the first. */
export function firstDifference(a: Buffer, b: Buffer): number {
  return a.findIndex((byte, at) => byte !== b[at]);
}
