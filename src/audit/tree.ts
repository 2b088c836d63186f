import { BundleHasher, EMPTY_ROOT, HASH_BYTES, nodeHash } from './hash.ts';

/** Levels of tiles are so many levels of the tree apart (C2SP tlog-tiles). */
const TILE_HEIGHT = 8;
/** Enough for every size that a number holds exactly. */
const LEVELS = 53;
/** Leaves that are worked on at once: 32 KiB of hashes. */
const BATCH = 1024;

/** Reads a tree that is kept elsewhere. */
export interface HashReader {
  /**
   * Hash of the complete subtree of 2^level leaves that is the index-th of its level.
   * @throws Error when it is not there
   */
  hash(level: number, index: number): Buffer;
}

/** Told of a node that a level of tiles keeps. `hash` is a view, valid during the call only. */
export type OnStored = (tileLevel: number, index: number, hash: Buffer) => void;

/** Root of the tree of the first `size` leaves (RFC 6962, section 2.1). */
export function rootAt(size: number, reader: HashReader): Buffer {
  requireSize(size);
  return size === 0 ? EMPTY_ROOT : rangeRoot(0, size, reader);
}

/** What leads from the leaf `index` to the root at `size`, the leaf's sibling first (RFC 6962, section 2.1.1). */
export function inclusionProof(index: number, size: number, reader: HashReader): Buffer[] {
  requireSize(size);
  requireSize(index);
  if (index >= size) throw new RangeError(`entry ${index} is not in a tree of ${size}`);
  const proof: Buffer[] = [];
  addPath(index, 0, size, reader, proof);
  return proof;
}

/**
 * What shows that the tree of `to` leaves begins with that of `from` (RFC 6962, section 2.1.2). Empty from the empty tree,
 * which every tree begins with, and to the same size.
 */
export function consistencyProof(from: number, to: number, reader: HashReader): Buffer[] {
  requireSize(to);
  requireSize(from);
  if (from > to) throw new RangeError(`a tree of ${to} does not have the ${from} leaves of an earlier one`);
  const proof: Buffer[] = [];
  if (from > 0) addSubproof(from, 0, to, true, reader, proof);
  return proof;
}

/**
 * The root that a proof leads to, for comparison with the root of a signed checkpoint (RFC 9162, section 2.1.3.2).
 * @throws RangeError where the proof has not the length that index and size ask for
 */
export function rootOfInclusion(index: number, size: number, leaf: Uint8Array, proof: readonly Uint8Array[]): Buffer {
  requireSize(size);
  requireSize(index);
  if (index >= size) throw new RangeError(`entry ${index} is not in a tree of ${size}`);
  let [at, last] = [index, size - 1];
  let root: Buffer = Buffer.from(leaf);
  for (const sibling of proof) {
    if (last === 0) throw new RangeError(`an inclusion proof of ${proof.length} hashes is too long`);
    if (isOdd(at) || at === last) {
      root = nodeHash(sibling, root);
      while (!isOdd(at) && at > 0) [at, last] = [half(at), half(last)];
    } else {
      root = nodeHash(root, sibling);
    }
    [at, last] = [half(at), half(last)];
  }
  if (last !== 0) throw new RangeError(`an inclusion proof of ${proof.length} hashes is too short`);
  return root;
}

/** Whether a proof shows that the tree with `toRoot` begins with that of `fromRoot` (RFC 9162, section 2.1.4.2). */
export function isConsistent(
  from: number,
  fromRoot: Uint8Array,
  to: number,
  toRoot: Uint8Array,
  proof: readonly Uint8Array[],
): boolean {
  requireSize(from);
  requireSize(to);
  if (from > to || proof.some((hash) => hash.length !== HASH_BYTES)) return false;
  if (from === 0 && !same(fromRoot, EMPTY_ROOT)) return false;
  if (from === 0 || from === to) return proof.length === 0 && (from < to || same(fromRoot, toRoot));
  // A complete subtree is a node of the later tree; its hash is known, and so is not in the proof.
  const path = isPowerOfTwo(from) ? [fromRoot, ...proof] : proof;
  if (path.length === 0) return false;
  let [at, last] = [from - 1, to - 1];
  while (isOdd(at)) [at, last] = [half(at), half(last)];
  let [fromHash, toHash] = [path[0]!, path[0]!];
  for (const hash of path.slice(1)) {
    if (last === 0) return false;
    if (isOdd(at) || at === last) {
      [fromHash, toHash] = [nodeHash(hash, fromHash), nodeHash(hash, toHash)];
      while (!isOdd(at) && at > 0) [at, last] = [half(at), half(last)];
    } else {
      toHash = nodeHash(toHash, hash);
    }
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && same(fromHash, fromRoot) && same(toHash, toRoot);
}

/** The right edge of a growing tree: the complete subtrees that its root is made of. Memory does not grow with the tree. */
export class Frontier {
  readonly #hasher = new BundleHasher();
  /** By level; a level's hash counts where `size` has that bit. */
  readonly #edge = Buffer.alloc(LEVELS * HASH_BYTES);
  readonly #work = Buffer.allocUnsafe((1 + BATCH) * HASH_BYTES);
  #size = 0;

  static empty(): Frontier {
    return new Frontier();
  }

  static at(size: number, reader: HashReader): Frontier {
    requireSize(size);
    const frontier = new Frontier();
    for (let level = 0, width = size; width > 0; level++, width = half(width)) {
      if (isOdd(width)) frontier.#edge.set(reader.hash(level, width - 1), level * HASH_BYTES);
    }
    frontier.#size = size;
    return frontier;
  }

  get size(): number {
    return this.#size;
  }

  append(leaf: Uint8Array): void {
    this.#work.set(leaf, HASH_BYTES);
    this.#appendWork(1, undefined);
  }

  /**
   * Appends `count` leaf hashes, 32 bytes each. `onStored` is told, level by level, of every root of a full tile that has
   * become complete, which is a hash of a tile of the level above (from 1 on).
   */
  appendAll(leaves: Buffer, count: number, onStored?: OnStored): void {
    if (leaves.length < count * HASH_BYTES) throw new TypeError(`${leaves.length} bytes are not ${count} hashes`);
    for (let done = 0; done < count; done += BATCH) {
      const batch = Math.min(BATCH, count - done);
      leaves.copy(this.#work, HASH_BYTES, done * HASH_BYTES, (done + batch) * HASH_BYTES);
      this.#appendWork(batch, onStored);
    }
  }

  /** The root as it is now. */
  root(): Buffer {
    let root: Buffer | null = null;
    for (let level = 0, width = this.#size; width > 0; level++, width = half(width)) {
      if (!isOdd(width)) continue;
      const hash = this.#edge.subarray(level * HASH_BYTES, (level + 1) * HASH_BYTES);
      root = root === null ? Buffer.from(hash) : nodeHash(hash, root);
    }
    return root ?? EMPTY_ROOT;
  }

  /** The new hashes of a level lie in `#work` from its second place on; the first is for a left sibling from the edge. */
  #appendWork(leaves: number, onStored: OnStored | undefined): void {
    let [first, count] = [this.#size, leaves];
    requireSize(first + count);
    for (let level = 0; count > 0; level++) {
      if (onStored !== undefined && level > 0 && level % TILE_HEIGHT === 0) {
        for (let i = 0; i < count; i++) onStored(level / TILE_HEIGHT, first + i, this.#at(1 + i));
      }
      const edge = level * HASH_BYTES;
      let place = 1;
      if (isOdd(first)) {
        this.#edge.copy(this.#work, 0, edge, edge + HASH_BYTES);
        [place, first, count] = [0, first - 1, count + 1];
      }
      if (isOdd(count)) this.#at(place + count - 1).copy(this.#edge, edge);
      const pairs = half(count);
      this.#hasher.parents(this.#work.subarray(place * HASH_BYTES), 2 * pairs, this.#work, HASH_BYTES);
      [first, count] = [half(first), pairs];
    }
    this.#size += leaves;
  }

  #at(place: number): Buffer {
    return this.#work.subarray(place * HASH_BYTES, (place + 1) * HASH_BYTES);
  }
}

/** Hash of the leaves [begin, end), where `begin` is a multiple of a power of two that is at least their number. */
function rangeRoot(begin: number, end: number, reader: HashReader): Buffer {
  const count = end - begin;
  const left = largestPowerOfTwo(count);
  if (left === count) return reader.hash(Math.log2(count), begin / count);
  return nodeHash(rangeRoot(begin, begin + left, reader), rangeRoot(begin + left, end, reader));
}

function addPath(index: number, begin: number, end: number, reader: HashReader, proof: Buffer[]): void {
  if (end - begin === 1) return;
  const middle = begin + split(end - begin);
  if (index < middle) {
    addPath(index, begin, middle, reader, proof);
    proof.push(rangeRoot(middle, end, reader));
  } else {
    addPath(index, middle, end, reader, proof);
    proof.push(rangeRoot(begin, middle, reader));
  }
}

/** `known`: [begin, from) is the whole earlier tree, whose root needs no proof. */
function addSubproof(
  from: number,
  begin: number,
  end: number,
  known: boolean,
  reader: HashReader,
  proof: Buffer[],
): void {
  if (from === end) {
    if (!known) proof.push(rangeRoot(begin, end, reader));
    return;
  }
  const middle = begin + split(end - begin);
  if (from <= middle) {
    addSubproof(from, begin, middle, known, reader, proof);
    proof.push(rangeRoot(middle, end, reader));
  } else {
    addSubproof(from, middle, end, false, reader, proof);
    proof.push(rangeRoot(begin, middle, reader));
  }
}

/** The largest power of two that is smaller than `count`: where RFC 6962 divides a tree. */
function split(count: number): number {
  return largestPowerOfTwo(count - 1);
}

/** Without bit operators, which are of 32 bits only. */
function largestPowerOfTwo(limit: number): number {
  let power = 1;
  while (power * 2 <= limit) power *= 2;
  return power;
}

function isPowerOfTwo(count: number): boolean {
  return largestPowerOfTwo(count) === count;
}

function isOdd(count: number): boolean {
  return count % 2 === 1;
}

function half(count: number): number {
  return Math.floor(count / 2);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function requireSize(size: number): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`${size} is no size of a tree`);
}
