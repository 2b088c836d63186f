import { join } from 'node:path';
import { parseCheckpoint } from './checkpoint.ts';
import { LogFault } from './fault.ts';
import { CHECKPOINT_FILE, VERIFIER_FILE } from './names.ts';
import { parseNote } from './note.ts';
import { readIfThere } from './read-file.ts';
import type { SignedCheckpoint } from './reader.ts';
import { TILE_WIDTH, tilePath, type TileName } from './tile.ts';

/** How often a log that grows while its right edge is read is looked at anew. */
const LOOKS = 20;

/** What a writer may replace or delete while the log is verified, read at one moment. */
export interface Snapshot {
  readonly checkpoint: SignedCheckpoint;
  /** Bytes of the file. */
  readonly checkpointBytes: Buffer;
  /** Text of `key.pub`. */
  readonly verifierBytes: Buffer;
  /** The partial tiles and the partial bundle, by path. */
  readonly edge: ReadonlyMap<string, Buffer>;
  /** The first of them that is not there. */
  readonly missing: string | null;
}

/**
 * Reads a log's checkpoint and what it needs of the right edge.
 * @throws LogFault for a checkpoint or a `key.pub` that is missing, or no checkpoint
 */
export function takeSnapshot(folder: string): Snapshot {
  for (let look = 1; ; look++) {
    const verifierBytes = mustBeThere(folder, VERIFIER_FILE);
    const checkpointBytes = mustBeThere(folder, CHECKPOINT_FILE);
    const checkpoint = checkpointIn(CHECKPOINT_FILE, checkpointBytes);
    const edge = new Map<string, Buffer>();
    let missing: string | null = null;
    for (const path of edgeOf(checkpoint.size)) {
      const bytes = readIfThere(join(folder, path));
      if (bytes === null) missing ??= path;
      else edge.set(path, bytes);
    }
    const isAtRest = missing === null || checkpointBytes.equals(mustBeThere(folder, CHECKPOINT_FILE));
    if (isAtRest || look === LOOKS) return { checkpoint, checkpointBytes, verifierBytes, edge, missing };
  }
}

/** Whether a log has another checkpoint by now. */
export function hasMoved(folder: string, { checkpointBytes }: Snapshot): boolean {
  return readIfThere(join(folder, CHECKPOINT_FILE))?.equals(checkpointBytes) === false;
}

/** @throws LogFault for bytes that are no checkpoint */
export function checkpointIn(file: string, bytes: Buffer): SignedCheckpoint {
  try {
    const note = parseNote(bytes);
    return { ...parseCheckpoint(note.text), note };
  } catch (error) {
    const { message } = error as Error;
    throw new LogFault(file, Number(/at offset (\d+)/.exec(message)?.[1] ?? 0), message);
  }
}

/** Where in the bytes of a checkpoint a line begins. @param line from 0 */
export function lineOffset(bytes: Buffer, line: number): number {
  let offset = 0;
  for (let i = 0; i < line; i++) offset = bytes.indexOf(0x0a, offset) + 1;
  return offset;
}

/** Where the signatures of a note begin. */
export function signaturesOffset(bytes: Buffer): number {
  return bytes.lastIndexOf('\n\n') + 2;
}

function* edgeOf(size: number): Generator<string> {
  if (size % TILE_WIDTH > 0) yield partialPath('entries', size);
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / TILE_WIDTH))
    if (count % TILE_WIDTH > 0) yield partialPath(level, count);
}

function partialPath(level: TileName['level'], count: number): string {
  return tilePath({ level, index: Math.floor(count / TILE_WIDTH), width: count % TILE_WIDTH });
}

function mustBeThere(folder: string, file: string): Buffer {
  const bytes = readIfThere(join(folder, file));
  if (bytes === null) throw new LogFault(file, 0, 'is missing');
  return bytes;
}
