import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { LogFault } from './fault.ts';
import { CHECKPOINT_FILE, TEMPORARY, VERIFIER_FILE } from './names.ts';
import { parseTilePath, TILE_WIDTH, type TileName } from './tile.ts';

/** Folder of a shipped copy that keeps every checkpoint it was given, by size. */
export const KEPT_CHECKPOINTS = 'checkpoints';
const SIZE = /^(?:0|[1-9]\d{0,15})$/;

/** A tile or bundle that the checkpoint does not need. */
export interface Extra {
  readonly path: string;
  readonly tile: TileName;
  /** How many of its hashes or entries the checkpoint covers: less than its width if it reaches beyond. */
  readonly covered: number;
}

export interface Layout {
  readonly extras: readonly Extra[];
  /** Sizes, rising. */
  readonly kept: readonly number[];
}

/**
 * Looks at the name of every file in a log's folder.
 * @param size of its checkpoint
 * @throws LogFault for what no log has
 */
export function layoutOf(folder: string, size: number): Layout {
  const extras: Extra[] = [];
  const kept: number[] = [];
  for (const path of filesBelow(folder, '')) {
    if (path === CHECKPOINT_FILE || path === VERIFIER_FILE || basename(path).startsWith(TEMPORARY)) continue;
    const tile = parseTilePath(path);
    if (tile !== null) {
      const width = widthAt(tile, size);
      if (tile.width !== width) extras.push({ path, tile, covered: Math.min(tile.width, width) });
    } else if (path.startsWith(`${KEPT_CHECKPOINTS}/`) && SIZE.test(path.slice(KEPT_CHECKPOINTS.length + 1))) {
      kept.push(Number(path.slice(KEPT_CHECKPOINTS.length + 1)));
    } else {
      throw new LogFault(path, 0, 'is no file of a log');
    }
  }
  return { extras, kept: kept.sort((a, b) => a - b) };
}

/** Hashes or entries that a log of that size has in the place of a tile. */
function widthAt({ level, index }: TileName, size: number): number {
  const count = level === 'entries' ? size : Math.floor(size / TILE_WIDTH ** level);
  return Math.max(0, Math.min(TILE_WIDTH, count - index * TILE_WIDTH));
}

/** Paths of all that is no folder, with `/`. A folder that goes while it is looked for has nothing in it. */
function* filesBelow(root: string, folder: string): Generator<string> {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && folder !== '') return;
    throw error;
  }
  for (const entry of entries) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) yield* filesBelow(root, path);
    else if (entry.isFile()) yield path;
    else throw new LogFault(path, 0, 'is no file of a log, but a link or device');
  }
}
