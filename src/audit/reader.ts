import { existsSync, readdirSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { entriesOf } from './bundle.ts';
import { parseCheckpoint, type Checkpoint } from './checkpoint.ts';
import { Entry } from './entry.ts';
import { HASH_BYTES, nodeHash } from './hash.ts';
import { CHECKPOINT_FILE, TILES_FOLDER, VERIFIER_FILE } from './names.ts';
import { parseNote, type Note } from './note.ts';
import { readIfThere, readLogFile } from './read-file.ts';
import { TILE_WIDTH, tilePath, type TileName } from './tile.ts';
import type { HashReader } from './tree.ts';

/** How deep below a folder logs are looked for: a folder of copies, by sidecar, by log. */
const DEPTH = 3;
/** How often a tile that vanished between two looks is looked for again. */
const LOOKS = 5;
/** Tiles that a `HashReader` keeps, 8 KiB each. */
const KEPT_TILES = 64;

export interface SignedCheckpoint extends Checkpoint {
  readonly note: Note;
}

/**
 * Folders that hold a log: the path itself, or such up to three levels below; sorted. One whose checkpoint alone is gone is
 * a log still: it is made before the tiles, and in a copy before the key.
 * @throws Error where a folder cannot be read
 */
export async function findLogs(path: string): Promise<string[]> {
  const found: string[] = [];
  await find(path, DEPTH, found);
  return found.sort();
}

async function find(folder: string, depth: number, found: string[]): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  const names = new Set(entries.map(({ name }) => name));
  if (names.has(CHECKPOINT_FILE) || (names.has(VERIFIER_FILE) && names.has(TILES_FOLDER))) {
    found.push(folder);
    return;
  }
  if (depth === 0) return;
  for (const entry of entries) if (entry.isDirectory()) await find(join(folder, entry.name), depth - 1, found);
}

/**
 * Reads one log, also while it is written: what is asked for is what the checkpoint covered at that moment. It trusts
 * the files; verify.ts does not.
 */
export class LogReader {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static open(folder: string): LogReader {
    return new LogReader(folder);
  }

  /** The checkpoint on disk now. @throws Error in one line, of what cannot be read or parsed */
  checkpoint(): SignedCheckpoint {
    const note = parseNote(readLogFile(join(this.folder, CHECKPOINT_FILE)));
    return { ...parseCheckpoint(note.text), note };
  }

  /** Entries from `from` to before `to`, in order; without those of pruned bundles. */
  *entries(from = 0, to = Infinity): Generator<Entry> {
    const { origin, size } = this.checkpoint();
    const end = Math.min(to, size);
    for (const { first, bytes } of this.#bundles(from, end, size)) {
      let seq = first;
      for (const entry of entriesOf(bytes)) {
        if (seq >= end) return;
        if (seq >= from) yield new Entry(origin, seq, entry.toString('latin1'));
        seq++;
      }
    }
  }

  /** Bundles as they are, those that hold entries from `from` to before `to`; the last may hold more than that. */
  *bundles(from = 0, to = Infinity): Generator<{ readonly first: number; readonly bytes: Buffer }> {
    const { size } = this.checkpoint();
    yield* this.#bundles(from, Math.min(to, size), size);
  }

  *#bundles(from: number, end: number, size: number): Generator<{ readonly first: number; readonly bytes: Buffer }> {
    for (let index = Math.floor(from / TILE_WIDTH); index * TILE_WIDTH < end; index++) {
      const bytes = this.bundle(index, size);
      if (bytes !== null) yield { first: index * TILE_WIDTH, bytes };
    }
  }

  /**
   * A bundle as a log of that size has it: at least its entries, more where it grew meanwhile. Null: pruned.
   * @throws Error where the last, partial one is not there, or not even the hashes of one that was pruned
   */
  bundle(index: number, size: number): Buffer | null {
    const width = Math.min(TILE_WIDTH, size - index * TILE_WIDTH);
    const bytes = readAtLeast(this.folder, { level: 'entries', index, width });
    if (bytes !== null) return bytes;
    // Hashes stay. A checkpoint may state any size: without this whoever reads on looks for bundles for years.
    const hashes = { level: 0, index, width };
    if (width < TILE_WIDTH || !existsSync(join(this.folder, tilePath(hashes))))
      throw this.#missing({ ...hashes, level: 'entries' });
    return null;
  }

  /** Hashes of the tree of the checkpoint that is on disk now. */
  hashes(): HashReader {
    return this.hashesAt(this.checkpoint().size);
  }

  /** Hashes of the tree that the log was when it had `size` entries. */
  hashesAt(size: number): HashReader {
    const tiles = new Map<string, Buffer>();
    const tile = (level: number, index: number): Buffer => {
      const width = Math.min(TILE_WIDTH, Math.floor(size / TILE_WIDTH ** level) - index * TILE_WIDTH);
      const name = { level, index, width };
      const key = tilePath(name);
      const kept = tiles.get(key);
      if (kept !== undefined) return kept;
      const bytes = readAtLeast(this.folder, name);
      if (bytes === null) throw this.#missing(name);
      if (tiles.size >= KEPT_TILES) tiles.clear();
      tiles.set(key, bytes);
      return bytes;
    };
    return { hash: (level, index) => hashIn(tile, level, index) };
  }

  #missing(tile: TileName): Error {
    return new Error(`${join(this.folder, tilePath(tile))} is missing: this copy of the log is not whole`);
  }
}

/** Hash of a complete subtree, out of the tile that holds its descendants; tiles hold every eighth level. */
export function hashIn(tile: (level: number, index: number) => Buffer, level: number, index: number): Buffer {
  const inTile = level % 8;
  const tileLevel = (level - inTile) / 8;
  const first = index * 2 ** inTile;
  const tileIndex = Math.floor(first / TILE_WIDTH);
  const bytes = tile(tileLevel, tileIndex);
  const at = (first % TILE_WIDTH) * HASH_BYTES;
  const end = at + 2 ** inTile * HASH_BYTES;
  if (bytes.length < end)
    throw new Error(`${tilePath({ level: tileLevel, index: tileIndex, width: TILE_WIDTH })} is too short`);
  return subtree(bytes.subarray(at, end));
}

/** Root of the complete tree over hashes that lie one after the other, a power of two of them. */
export function subtree(hashes: Buffer): Buffer {
  if (hashes.length === HASH_BYTES) return hashes;
  const half = hashes.length / 2;
  return nodeHash(subtree(hashes.subarray(0, half)), subtree(hashes.subarray(half)));
}

/**
 * A tile or bundle, or one of the same place that grew meanwhile: a writer deletes a partial one once a wider one, or
 * the full one, is durable. Null: none is there.
 */
export function readAtLeast(folder: string, tile: TileName): Buffer | null {
  const full = join(folder, tilePath({ ...tile, width: TILE_WIDTH }));
  if (tile.width === TILE_WIDTH) return readIfThere(full);
  for (let look = 0; look < LOOKS; look++) {
    const bytes = readIfThere(join(folder, tilePath(tile))) ?? readIfThere(full);
    if (bytes !== null) return bytes;
    const wider = widths(`${full}.p`).find((width) => width > tile.width);
    const grown = wider === undefined ? null : readIfThere(join(`${full}.p`, String(wider)));
    if (grown !== null) return grown;
  }
  return null;
}

function widths(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^[1-9]\d{0,2}$/.test(name))
      .map(Number)
      .filter((width) => width < TILE_WIDTH)
      .sort((a, b) => b - a);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
