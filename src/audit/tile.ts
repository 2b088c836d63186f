/** Names of tiles and entry bundles (C2SP tlog-tiles). */

/** Hashes in a full tile, and entries in a full bundle. */
export const TILE_WIDTH = 256;

export interface TileName {
  /** 0: hashes of entries; each level above: roots of the full tiles of the level below. */
  readonly level: number | 'entries';
  readonly index: number;
  /** 1 to 256, which is full. */
  readonly width: number;
}

/** Path of a tile in its log's folder: `tile/0/x001/234.p/5`. */
export function tilePath({ level, index, width }: TileName): string {
  let path = String(index % 1000).padStart(3, '0');
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    path = `x${String(rest % 1000).padStart(3, '0')}/${path}`;
  }
  return `tile/${level}/${path}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

const PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** The tile of a path, which must be exactly what `tilePath` writes; null: no tile. */
export function parseTilePath(path: string): TileName | null {
  const match = PATH.exec(path);
  if (match === null) return null;
  const level: TileName['level'] = match[1] === 'entries' ? 'entries' : Number(match[1]);
  const index = Number(match[2]!.replace(/[x/]/g, ''));
  const width = match[3] === undefined ? TILE_WIDTH : Number(match[3]);
  if ((level !== 'entries' && level > 63) || !Number.isSafeInteger(index) || width > TILE_WIDTH) return null;
  const tile = { level, index, width };
  return tilePath(tile) === path ? tile : null;
}

/** Every tile and bundle of a log of `size` entries: bundles first, then the levels upwards; the right edge is partial. */
export function tilesAt(size: number): TileName[] {
  const tiles: TileName[] = [];
  addTiles(tiles, 'entries', size);
  for (let level = 0, width = size; width > 0; level++, width = Math.floor(width / TILE_WIDTH)) {
    addTiles(tiles, level, width);
  }
  return tiles;
}

function addTiles(tiles: TileName[], level: TileName['level'], hashes: number): void {
  const full = Math.floor(hashes / TILE_WIDTH);
  for (let index = 0; index < full; index++) tiles.push({ level, index, width: TILE_WIDTH });
  if (hashes % TILE_WIDTH > 0) tiles.push({ level, index: full, width: hashes % TILE_WIDTH });
}
