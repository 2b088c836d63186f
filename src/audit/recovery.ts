import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { entriesOf, entryCount, frameEnd } from './bundle.ts';
import { parseCheckpoint, type Checkpoint } from './checkpoint.ts';
import type { DurableFiles } from './durable.ts';
import { Edge } from './edge.ts';
import { checkEntry } from './entry-check.ts';
import { BundleHasher, HASH_BYTES } from './hash.ts';
import { publicOf, type SigningKeys } from './key.ts';
import { EVIDENCE_PRUNED } from './log-entry.ts';
import { CHECKPOINT_FILE, TILES_FOLDER } from './names.ts';
import { isSignedBy, parseNote, verifierOf, type Note } from './note.ts';
import { hashIn, subtree } from './reader.ts';
import { parseTilePath, TILE_WIDTH, tilePath, type TileName } from './tile.ts';
import { rootAt } from './tree.ts';

/** A log as it lay on disk. */
export interface Recovered {
  /** Of the checkpoint, and of what is taken in again behind it. */
  readonly edge: Edge;
  /** Entries that the checkpoint covers. */
  readonly size: number;
  /** The checkpoint as it lay there. */
  readonly checkpoint: Buffer;
  /** What signed the checkpoint. */
  readonly signer: KeyObject;
  /** Its last entry, of those taken in again if there are any; null: it has none. */
  readonly last: string | null;
  /** Paths of tiles and bundles at the right edge, those that are not needed with them. */
  readonly atEdge: readonly string[];
}

/** What a log is read by. */
export interface Reading {
  readonly files: DurableFiles;
  readonly folder: string;
  readonly origin: string;
  readonly sidecar: string;
  readonly keys: SigningKeys;
}

const WHOLE = 'restore it from a copy, or move the folder aside to begin a new log';

/**
 * Reads the checkpoint and the right edge of a log, which must match, and what lies whole behind it: entries that were
 * written before a crash, but whose checkpoint was not.
 * @returns null where there is no log
 * @throws Error in one line, naming the file and what to do, for a log that is not as it was left
 */
export function recover(reading: Reading): Recovered | null {
  const { files, folder, sidecar } = reading;
  const found = checkpointOf(reading);
  if (found === null) return null;
  const { bytes, checkpoint, signer } = found;
  const { edge, last } = edgeOf(files, folder, checkpoint);
  const taken = takeIn(files, folder, sidecar, edge);
  return {
    edge,
    size: checkpoint.size,
    checkpoint: bytes,
    signer,
    last: taken ?? last,
    atEdge: filesAtEdge(files, folder, checkpoint.size),
  };
}

interface Found {
  readonly bytes: Buffer;
  readonly checkpoint: Checkpoint;
  readonly signer: KeyObject;
}

function checkpointOf({ files, folder, origin, keys }: Reading): Found | null {
  const path = join(folder, CHECKPOINT_FILE);
  const bytes = files.read(path);
  if (bytes === null) {
    if (files.list(join(folder, TILES_FOLDER)) === null) return null;
    throw new Error(`${path} is missing, but there are tiles: ${WHOLE}`);
  }
  let note: Note;
  let checkpoint: Checkpoint;
  try {
    note = parseNote(bytes);
    checkpoint = parseCheckpoint(note.text);
  } catch (error) {
    throw new Error(`${path} is damaged: ${(error as Error).message}: ${WHOLE}`, { cause: error });
  }
  if (checkpoint.origin !== origin) throw new Error(`${path} is of ${checkpoint.origin}, not of ${origin}: ${WHOLE}`);
  const signer = [keys.current, ...keys.previous].find((key) => isSignedBy(note, verifierOf(origin, publicOf(key))));
  if (signer === undefined)
    throw new Error(
      `${path} is not signed by this sidecar's key: put the key that signed it into evidence.key.previous, so that it can ` +
        `be handed over, or move the folder aside to begin a new log`,
    );
  return { bytes, checkpoint, signer };
}

function edgeOf(files: DurableFiles, folder: string, { size, root }: Checkpoint): { edge: Edge; last: string | null } {
  const tiles: Buffer[] = [];
  for (let level = 0, hashes = size; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH))
    tiles.push(lastTile(files, folder, level, hashes));
  const reader = { hash: (level: number, index: number) => hashIn((tile) => tiles[tile]!, level, index) };
  // Full tiles of the edge are below hashes that the root is made of; what is not full must lead to the root itself.
  const tails = tiles.map((bytes) => (bytes.length === TILE_WIDTH * HASH_BYTES ? Buffer.alloc(0) : bytes));
  if (!rootAt(size, reader).equals(root))
    throw new Error(`${join(folder, TILES_FOLDER)} does not match the root in ${CHECKPOINT_FILE}: ${WHOLE}`);
  for (const [level, bytes] of tiles.entries()) {
    if (bytes.length < TILE_WIDTH * HASH_BYTES) continue;
    const above = tiles[level + 1]!;
    if (subtree(bytes).equals(above.subarray(above.length - HASH_BYTES))) continue;
    const path = tilePath(lastName(level, Math.floor(size / TILE_WIDTH ** level)));
    throw new Error(`${join(folder, path)} does not match the level above it: ${WHOLE}`);
  }
  const bundle = lastBundle(files, folder, size, tiles[0]);
  const last = [...entriesOf(bundle)].at(-1)?.toString('latin1') ?? null;
  const isFull = size % TILE_WIDTH === 0;
  return { edge: new Edge({ size, bundle: isFull ? Buffer.alloc(0) : bundle, tiles: tails, reader }), last };
}

/** The last one of a level, full or not. */
function lastName(level: TileName['level'], count: number): TileName {
  const index = Math.floor((count - 1) / TILE_WIDTH);
  return { level, index, width: count - index * TILE_WIDTH };
}

function lastTile(files: DurableFiles, folder: string, level: number, hashes: number): Buffer {
  const name = lastName(level, hashes);
  const path = join(folder, tilePath(name));
  const bytes = files.read(path);
  if (bytes === null) throw new Error(`${path} is missing: ${WHOLE}`);
  if (bytes.length !== name.width * HASH_BYTES)
    throw new Error(`${path} has ${bytes.length} bytes, not ${name.width * HASH_BYTES}: ${WHOLE}`);
  return bytes;
}

function lastBundle(files: DurableFiles, folder: string, size: number, tile: Buffer | undefined): Buffer {
  if (tile === undefined) return Buffer.alloc(0);
  const path = join(folder, tilePath(lastName('entries', size)));
  const bytes = files.read(path);
  if (bytes === null) throw new Error(`${path} is missing: ${WHOLE}`);
  const leaves = Buffer.alloc(tile.length);
  try {
    if (entryCount(bytes) * HASH_BYTES !== tile.length) throw new Error('it has another number of entries');
    new BundleHasher().leaves(bytes, 0, bytes.length, leaves, 0);
    if (!leaves.equals(tile)) throw new Error('its entries do not have the hashes of their tile');
  } catch (error) {
    throw new Error(`${path} is damaged: ${(error as Error).message}: ${WHOLE}`, { cause: error });
  }
  return bytes;
}

/** Adds what lies behind the edge, up to the first that is not whole. @returns the last that was added, or null */
function takeIn(files: DurableFiles, folder: string, sidecar: string, edge: Edge): string | null {
  let last: string | null = null;
  for (;;) {
    const index = Math.floor(edge.size / TILE_WIDTH);
    const bundle = widestBundle(files, folder, index);
    const known = Buffer.from(edge.lastBundle);
    if (bundle === null || !bundle.subarray(0, known.length).equals(known)) return last;
    let at = known.length;
    for (let count = edge.size % TILE_WIDTH; count < TILE_WIDTH && at < bundle.length; count++) {
      const end = wholeEntry(bundle, at, edge.size, sidecar);
      if (end === null) return last;
      last = bundle.toString('latin1', at + 2, end);
      edge.add(bundle.subarray(at, end));
      at = end;
    }
    if (edge.size % TILE_WIDTH !== 0 || at === known.length) return last;
  }
}

function widestBundle(files: DurableFiles, folder: string, index: number): Buffer | null {
  const full = join(folder, tilePath({ level: 'entries', index, width: TILE_WIDTH }));
  const bytes = files.read(full);
  if (bytes !== null) return bytes;
  const widths = (files.list(`${full}.p`) ?? []).map(Number).filter((width) => width >= 1 && width < TILE_WIDTH);
  return widths.length === 0 ? null : files.read(join(`${full}.p`, String(Math.max(...widths))));
}

/**
 * End of the entry at an offset; null where it is none that this sidecar would have written as `seq`. What verification
 * goes by is not taken in, since nothing shows who wrote it: one of kind `key`, which opening writes anew, and one that
 * says that bundles are deleted, which they are only once a checkpoint covers it.
 */
function wholeEntry(bundle: Buffer, at: number, seq: number, sidecar: string): number | null {
  try {
    const end = frameEnd(bundle, at, bundle.length);
    const text = bundle.toString('latin1', at + 2, end);
    if (checkEntry(text, seq) === 'key') return null;
    const { sidecar: author, action } = JSON.parse(text) as { sidecar: unknown; action?: unknown };
    return author === sidecar && action !== EVIDENCE_PRUNED ? end : null;
  } catch {
    return null; // torn, or somebody else's
  }
}

/** Tiles and bundles on disk at or behind the last ones of that size, and partial ones wherever a crash left them. */
function filesAtEdge(files: DurableFiles, folder: string, size: number): string[] {
  const found: string[] = [];
  const collect = (path: string) => {
    for (const name of files.list(join(folder, path)) ?? []) {
      const here = `${path}/${name}`;
      const tile = parseTilePath(here);
      if (tile === null) {
        if (FOLDER.test(name)) collect(here);
      } else if (tile.width < TILE_WIDTH || tile.index >= fullTiles(tile.level, size)) {
        found.push(here);
      }
    }
  };
  collect(TILES_FOLDER);
  return found;
}

/** Of a level, and of what holds tiles in one. */
const FOLDER = /^(?:entries|\d{1,2}|x\d{3}|\d{3}\.p)$/;

function fullTiles(level: TileName['level'], size: number): number {
  return Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 1 : level + 1));
}
