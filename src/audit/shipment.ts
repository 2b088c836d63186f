import { basename, join } from 'node:path';
import { frameEnd } from './bundle.ts';
import { parseCheckpoint, type Checkpoint } from './checkpoint.ts';
import type { Destination } from './destination.ts';
import type { Entry } from './entry.ts';
import { BundleHasher, HASH_BYTES } from './hash.ts';
import { CHECKPOINT_FILE, VERIFIER_FILE } from './names.ts';
import { parseNote } from './note.ts';
import { readLogFile } from './read-file.ts';
import { findLogs, LogReader, readAtLeast, subtree } from './reader.ts';
import { NOTHING_SHIPPED, type Shipped, type ShipRecord } from './ship-record.ts';
import { TILE_WIDTH, tilePath, type TileName } from './tile.ts';
import { rootAt, type HashReader } from './tree.ts';
import { KEPT_CHECKPOINTS } from './verify-layout.ts';

/** So many bundles are made durable and noted together. */
const NOTED_EVERY = 64;
/** Levels of a tile apart. */
const TILE_HEIGHT = 8;

export interface ShipmentOptions {
  /** Folder that holds a folder for each log. */
  readonly evidence: string;
  readonly destination: Destination;
  readonly record: ShipRecord;
  /** Whether an entry tells of nothing but shipping: it alone is no reason to ship. */
  readonly isOwn: (entry: Entry) => boolean;
}

/** What a destination does not have yet, as far as it was last looked at. */
export interface Backlog {
  readonly entries: number;
  /** When the oldest of them was appended, milliseconds since the epoch; null: there is none. */
  readonly since: number | null;
}

/** Why a log was not shipped. `log` is the name of its folder; empty: none could be. */
export interface ShipFailure {
  readonly log: string;
  readonly error: Error;
}

const NO_BACKLOG: Backlog = { entries: 0, since: null };

/**
 * Copies logs to a destination, those of workers that are gone too: full tiles and bundles first, then the partial ones
 * that a checkpoint needs, then the checkpoint, so that what is there verifies at every moment. Nothing leaves that does
 * not hash to the checkpoint, and no checkpoint that does not continue the last one.
 */
export class Shipment {
  readonly #options: ShipmentOptions;
  readonly #hasher = new BundleHasher();
  readonly #backlogs = new Map<string, Backlog>();
  /** By folder: up to here all that was not shipped is its own. */
  readonly #looked = new Map<string, number>();

  constructor(options: ShipmentOptions) {
    this.#options = options;
  }

  get backlog(): Backlog {
    let entries = 0;
    let since: number | null = null;
    for (const each of this.#backlogs.values()) {
      entries += each.entries;
      if (each.since !== null) since = Math.min(since ?? Infinity, each.since);
    }
    return { entries, since };
  }

  /** Only counts what is to be shipped. Resolves to what could not be read. */
  look(): Promise<ShipFailure[]> {
    return this.#each((folder) => {
      const { size } = checkpointOf(folder);
      this.#count(folder, this.#options.record.of(basename(folder)).size, size);
      return Promise.resolve();
    });
  }

  /**
   * Ships what is new, one file at a time. A log that fails keeps no other back. Resolves to what failed.
   * @param signal ends it between two files
   */
  ship(signal: AbortSignal): Promise<ShipFailure[]> {
    return this.#each((folder) => this.#ship(folder, signal));
  }

  async #each(act: (folder: string) => Promise<void>): Promise<ShipFailure[]> {
    const failures: ShipFailure[] = [];
    let folders: string[] = [];
    try {
      folders = await findLogs(this.#options.evidence);
    } catch (error) {
      // No log was ever opened.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') failures.push({ log: '', error: error as Error });
    }
    for (const folder of folders) {
      try {
        await act(folder);
      } catch (error) {
        failures.push({ log: basename(folder), error: error as Error });
      }
    }
    return failures;
  }

  async #ship(folder: string, signal: AbortSignal): Promise<void> {
    const { record, destination } = this.#options;
    const log = basename(folder);
    // Before the checkpoint: when a key is handed over, the file follows.
    const key = readLogFile(join(folder, VERIFIER_FILE));
    const { bytes, ...checkpoint } = checkpointOf(folder);
    const { size, root } = checkpoint;
    const recorded = record.of(log);
    const isNew = this.#count(folder, recorded.size, size);
    const hashes = LogReader.open(folder).hashesAt(size);
    mustContinue(folder, checkpoint, recorded, hashes, 'recorded as shipped');
    if (!rootAt(size, hashes).equals(root))
      throw new Error(`${folder}: its tiles do not have the root that its checkpoint states`);
    if (!isNew) return;

    const last = await this.#lastThere(folder, checkpoint, recorded, hashes);
    await this.#shipFull(folder, last, size, hashes, signal);
    for (const tile of partialTiles(size)) await this.#put(folder, tile, hashes, signal);
    await destination.put(`${log}/${KEPT_CHECKPOINTS}/${size}`, bytes, 'same_statement');
    await destination.settle();
    await destination.put(`${log}/${CHECKPOINT_FILE}`, bytes, 'replace');
    await destination.settle();
    await destination.put(`${log}/${VERIFIER_FILE}`, key, 'replace');
    await destination.settle();
    await this.#removeSuperseded(log, [recorded.size, last.size], size);
    await record.note(log, { size, root, full: size - (size % TILE_WIDTH) });
    this.#backlogs.set(folder, NO_BACKLOG);
  }

  /** Counts what is to be shipped of a log, and tells whether there is any. */
  #count(folder: string, from: number, to: number): boolean {
    let since: number | null = null;
    let looked = Math.max(from, Math.min(to, this.#looked.get(folder) ?? 0));
    if (looked < to) {
      for (const entry of LogReader.open(folder).entries(looked, to)) {
        looked = entry.seq;
        if (this.#options.isOwn(entry)) continue;
        const time = Date.parse(entry.time);
        since = Number.isNaN(time) ? 0 : time;
        break;
      }
    }
    this.#looked.set(folder, looked);
    this.#backlogs.set(folder, since === null ? NO_BACKLOG : { entries: to - from, since });
    return since !== null;
  }

  /**
   * What the destination has by its own checkpoint, where it can be asked.
   * @throws Error where that is of another log or another history, or where it has lost what was shipped: retention goes
   *   by that
   */
  async #lastThere(folder: string, checkpoint: Checkpoint, recorded: Shipped, hashes: HashReader): Promise<Shipped> {
    const { destination } = this.#options;
    if (!destination.readable) return recorded;
    const path = `${basename(folder)}/${CHECKPOINT_FILE}`;
    const there = await destination.read(path);
    if (there === null && recorded.size === 0) return NOTHING_SHIPPED;
    if (there === null) throw new Error(`${path} is not at ${destination.id}: ${lost(recorded.size)}`);
    let found: Checkpoint;
    try {
      found = parseCheckpoint(parseNote(there).text);
    } catch (error) {
      throw new Error(`${path} at ${destination.id} was altered: ${(error as Error).message}`, { cause: error });
    }
    const { origin, size, root } = found;
    if (origin !== checkpoint.origin)
      throw new Error(`${path} at ${destination.id} is of another log: ${JSON.stringify(origin)}`);
    mustContinue(folder, checkpoint, found, hashes, `at ${destination.id}`);
    if (size < recorded.size)
      throw new Error(`${path} at ${destination.id} is of ${size} entries only: ${lost(recorded.size)}`);
    // More than that may be there: it is compared on the way.
    return { size, root, full: size === recorded.size ? recorded.full : size - (size % TILE_WIDTH) };
  }

  async #shipFull(folder: string, last: Shipped, size: number, hashes: HashReader, signal: AbortSignal): Promise<void> {
    const { destination, record } = this.#options;
    const bundles = Math.floor(size / TILE_WIDTH);
    for (let index = last.full / TILE_WIDTH; index < bundles; index++) {
      for (const tile of completedBy(index)) await this.#put(folder, tile, hashes, signal);
      if ((index + 1) % NOTED_EVERY !== 0) continue;
      await destination.settle();
      await record.note(basename(folder), { ...last, full: (index + 1) * TILE_WIDTH });
    }
  }

  async #put(folder: string, tile: TileName, hashes: HashReader, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const bytes = readTile(folder, tile);
    if (bytes === null) {
      if (tile.level === 'entries' && tile.width === TILE_WIDTH) return; // pruned
      throw new Error(`${join(folder, tilePath(tile))} is missing: this log is not whole`);
    }
    if (!this.#isTrue(tile, bytes, hashes))
      throw new Error(`${join(folder, tilePath(tile))} does not hash to what the checkpoint covers: it was altered`);
    await this.#options.destination.put(`${basename(folder)}/${tilePath(tile)}`, bytes, 'same');
  }

  /** Whether a tile hashes to its place in the level above, which in the end is what the root was made of. */
  #isTrue({ level, index, width }: TileName, bytes: Buffer, hashes: HashReader): boolean {
    if (level === 'entries') {
      const leaves = Buffer.allocUnsafe(width * HASH_BYTES);
      if (this.#hasher.leaves(bytes, 0, bytes.length, leaves, 0) !== width) return false;
      for (let i = 0; i < width; i++) {
        const leaf = leaves.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
        if (!leaf.equals(hashes.hash(0, index * TILE_WIDTH + i))) return false;
      }
      return true;
    }
    // Every hash of a partial tile is one of those that the root was made of.
    return width < TILE_WIDTH || subtree(bytes).equals(hashes.hash((level + 1) * TILE_HEIGHT, index));
  }

  async #removeSuperseded(log: string, sizes: readonly number[], size: number): Promise<void> {
    const needed = new Set(partialTiles(size).map(tilePath));
    for (const before of sizes) {
      for (const path of partialTiles(before).map(tilePath))
        if (!needed.has(path)) await this.#options.destination.remove(`${log}/${path}`);
    }
  }
}

/** @throws Error where a checkpoint is not a continuation of an earlier one */
function mustContinue(
  folder: string,
  { size }: Checkpoint,
  earlier: { readonly size: number; readonly root: Buffer },
  hashes: HashReader,
  where: string,
): void {
  if (size < earlier.size)
    throw new Error(`${folder} has ${size} entries, less than the ${earlier.size} ${where}: it was rolled back`);
  if (!rootAt(earlier.size, hashes).equals(earlier.root))
    throw new Error(
      `${folder} does not continue the checkpoint of ${earlier.size} entries ${where}: one was rewritten`,
    );
}

function lost(size: number): string {
  return `${size} entries were shipped there; mount or restore it, or delete ship.json in the folder \`state\` to ship all anew`;
}

function checkpointOf(folder: string): Checkpoint & { readonly bytes: Buffer } {
  const bytes = readLogFile(join(folder, CHECKPOINT_FILE));
  return { ...parseCheckpoint(parseNote(bytes).text), bytes };
}

/** Full tiles that a bundle completes, itself first. */
function completedBy(index: number): TileName[] {
  const tiles: TileName[] = [{ level: 'entries', index, width: TILE_WIDTH }];
  for (let level = 0, done = index + 1; ; level++, done /= TILE_WIDTH) {
    tiles.push({ level, index: done - 1, width: TILE_WIDTH });
    if (done % TILE_WIDTH !== 0) return tiles;
  }
}

/** The right edge of a log of `size` entries. */
function partialTiles(size: number): TileName[] {
  const tiles: TileName[] = [];
  const add = (level: TileName['level'], hashes: number) => {
    const width = hashes % TILE_WIDTH;
    if (width > 0) tiles.push({ level, index: Math.floor(hashes / TILE_WIDTH), width });
  };
  add('entries', size);
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) add(level, hashes);
  return tiles;
}

/** A tile of just that width: a log that is being written may have a wider one by now, which begins with it. */
function readTile(folder: string, tile: TileName): Buffer | null {
  const bytes = readAtLeast(folder, tile);
  if (bytes === null) return null;
  if (tile.level !== 'entries') return bytes.subarray(0, tile.width * HASH_BYTES);
  let end = 0;
  for (let i = 0; i < tile.width && end < bytes.length; i++) end = frameEnd(bytes, end, bytes.length);
  return bytes.subarray(0, end);
}
