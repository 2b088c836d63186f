import { frameEnd } from './bundle.ts';
import { BundleHasher, HASH_BYTES } from './hash.ts';
import { TILE_WIDTH, tilePath, type TileName } from './tile.ts';
import { Frontier, type HashReader } from './tree.ts';

/** The last bundle and the last tile of each level as a log of some size has them, empty where it is all full ones. */
export interface Tails {
  readonly size: number;
  /** Framed entries. */
  readonly bundle: Buffer;
  /** By level, hashes. */
  readonly tiles: readonly Buffer[];
  readonly reader: HashReader;
}

/** A file as it is to lie in a log's folder. */
export interface TileFile {
  readonly path: string;
  readonly bytes: Buffer;
}

/** Bytes that a bundle begins with room for. */
const BUNDLE_BYTES = 1 << 16;

/**
 * The right edge of a log in memory: what grows, and what has not been written since it grew. Nothing is forgotten before
 * it is told that it is on disk, so that whatever failed can be written again.
 */
export class Edge {
  readonly #hasher = new BundleHasher();
  readonly #frontier: Frontier;
  readonly #bundle: Tail;
  readonly #levels: Tail[];
  readonly #leaves = Buffer.alloc(TILE_WIDTH * HASH_BYTES);
  #full: TileFile[] = [];

  constructor({ size, bundle, tiles, reader }: Tails) {
    this.#frontier = Frontier.at(size, reader);
    this.#bundle = new Tail('entries', size, bundle, BUNDLE_BYTES);
    this.#levels = tiles.map((bytes, level) => {
      return new Tail(level, Math.floor(size / TILE_WIDTH ** level), bytes, TILE_WIDTH * HASH_BYTES);
    });
  }

  /** Of a log without entries. */
  static empty(): Edge {
    return new Edge({ size: 0, bundle: Buffer.alloc(0), tiles: [], reader: NO_HASHES });
  }

  /** Entries, those not on disk with them. */
  get size(): number {
    return this.#frontier.size;
  }

  root(): Buffer {
    return this.#frontier.root();
  }

  /** Framed entries of the last bundle, which is not full. A view, valid until the next `add`. */
  get lastBundle(): Buffer {
    return this.#bundle.bytes;
  }

  /** Takes framed entries in; they are copied. @throws RangeError naming the offset of a broken frame */
  add(frames: Uint8Array): void {
    for (let from = 0; from < frames.length;) {
      let to = from;
      const room = TILE_WIDTH - this.#bundle.width;
      for (let count = 0; count < room && to < frames.length; count++) to = frameEnd(frames, to, frames.length);
      const count = this.#hasher.leaves(frames, from, to, this.#leaves, 0);
      this.#grow(this.#bundle, frames.subarray(from, to), count);
      this.#grow(this.#level(0), this.#leaves.subarray(0, count * HASH_BYTES), count);
      this.#frontier.appendAll(this.#leaves, count, (level, _, hash) => this.#grow(this.#level(level), hash, 1));
      from = to;
    }
  }

  /** What lies on disk at this size and was not told to be there yet. Views, valid until the next `add`. */
  unwritten(): TileFile[] {
    const files = [...this.#full];
    for (const tail of this.#tails()) if (tail.width > tail.written) files.push(tail.file());
    return files;
  }

  /** All that was `unwritten` is on disk. */
  settled(): void {
    this.#full = [];
    for (const tail of this.#tails()) tail.written = tail.width;
  }

  /** Whether a log of this size needs a tile. */
  needs({ level, index, width }: TileName): boolean {
    const tail = level === 'entries' ? this.#bundle : this.#levels[level];
    if (tail === undefined) return false;
    return index < tail.index ? width === TILE_WIDTH : index === tail.index && width === tail.width;
  }

  #tails(): Tail[] {
    return [this.#bundle, ...this.#levels];
  }

  #level(level: number): Tail {
    return (this.#levels[level] ??= new Tail(level, 0, Buffer.alloc(0), TILE_WIDTH * HASH_BYTES));
  }

  #grow(tail: Tail, bytes: Uint8Array, count: number): void {
    tail.add(bytes, count);
    if (tail.width < TILE_WIDTH) return;
    this.#full.push(tail.file());
    tail.next();
  }
}

const NO_HASHES: HashReader = {
  hash() {
    throw new TypeError('an empty tree has no hashes');
  },
};

/** A tile or bundle that is not full. */
class Tail {
  readonly level: TileName['level'];
  index: number;
  width: number;
  /** Its width when it was last on disk. */
  written: number;
  readonly #room: number;
  #buffer: Buffer;
  #used: number;

  /** @param count of the whole level, full tiles with it */
  constructor(level: TileName['level'], count: number, bytes: Buffer, room: number) {
    this.level = level;
    this.index = Math.floor(count / TILE_WIDTH);
    this.width = count % TILE_WIDTH;
    this.written = this.width;
    this.#room = room;
    this.#used = bytes.length;
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(room, bytes.length));
    this.#buffer.set(bytes);
  }

  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#used);
  }

  file(): TileFile {
    return { path: tilePath(this), bytes: this.bytes };
  }

  add(bytes: Uint8Array, count: number): void {
    if (this.#used + bytes.length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#used + bytes.length));
      larger.set(this.bytes);
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used += bytes.length;
    this.width += count;
  }

  /** The one after it, which is empty, and will be as long; the buffer stays with the full one. */
  next(): void {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(this.#room, this.#used));
    this.#used = 0;
    this.index += 1;
    this.width = 0;
    this.written = 0;
  }
}
