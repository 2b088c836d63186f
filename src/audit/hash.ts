import { hash } from 'node:crypto';
import { frameEnd } from './bundle.ts';
import { INPUT_AT, INPUT_BYTES, Lanes } from './sha256/lanes.ts';

/** Bytes of a SHA-256 hash. */
export const HASH_BYTES = 32;

/** Root of a tree without entries: SHA-256 of nothing (RFC 6962, section 2.1). */
export const EMPTY_ROOT: Buffer = Buffer.from(hash('sha256', '', 'binary'), 'latin1');

const LEAF = 0x00;
const NODE = 0x01;
const PAIR_BYTES = 2 * HASH_BYTES;

/** SHA-256(0x00 ‖ entry): what the tree holds of an entry (RFC 6962, section 2.1). */
export function leafHash(entry: Uint8Array): Buffer {
  const input = Buffer.allocUnsafe(1 + entry.length);
  input[0] = LEAF;
  input.set(entry, 1);
  return Buffer.from(hash('sha256', input, 'binary'), 'latin1');
}

/** SHA-256(0x01 ‖ left ‖ right): the parent of two nodes (RFC 6962, section 2.1). */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  if (left.length !== HASH_BYTES || right.length !== HASH_BYTES)
    throw new TypeError('a node hash takes 32 bytes a side');
  const input = Buffer.allocUnsafe(1 + PAIR_BYTES);
  input[0] = NODE;
  input.set(left, 1);
  input.set(right, 1 + HASH_BYTES);
  return Buffer.from(hash('sha256', input, 'binary'), 'latin1');
}

/** Of this thread: made when it is first needed. */
let lanes: Lanes | null = null;

/** Hashes many at once, without an allocation of memory for each. */
export class BundleHasher {
  readonly #lanes = (lanes ??= new Lanes());

  /**
   * Leaf hashes of the framed entries in `bundle[from, to)`, written to `out` from `at` on, 32 bytes each.
   * @returns how many
   * @throws RangeError naming the offset of a broken frame, or where `out` has no room for all
   */
  leaves(bundle: Uint8Array, from: number, to: number, out: Buffer, at: number): number {
    this.#lanes.clear(); // a broken frame may have left some
    let place = at;
    let first = from;
    for (let offset = from; offset < to; place += HASH_BYTES) {
      const end = frameEnd(bundle, offset, to);
      if (end - first > INPUT_BYTES || this.#lanes.isFull) {
        this.#hashLeaves(bundle, first, offset, out);
        first = offset;
      }
      requireRoom(out, place);
      this.#lanes.add(INPUT_AT + offset + 1 - first, end - offset - 1, place);
      offset = end;
    }
    this.#hashLeaves(bundle, first, to, out);
    return (place - at) / HASH_BYTES;
  }

  /** A frame's second byte is of no use any more: it becomes the first of what is hashed. */
  #hashLeaves(bundle: Uint8Array, from: number, to: number, out: Buffer): void {
    this.#lanes.memory.set(bundle.subarray(from, to), INPUT_AT);
    this.#lanes.run(out);
  }

  /**
   * Parents of `count` hashes (an even number), written to `out` from `at` on. `out` may be where the hashes are, as long
   * as no parent is written past its pair.
   */
  parents(hashes: Uint8Array, count: number, out: Buffer, at: number): void {
    if (count % 2 !== 0 || hashes.length < count * HASH_BYTES) throw new TypeError('parents are of whole pairs');
    const pairs = count / 2;
    if (pairs > 0) requireRoom(out, at + (pairs - 1) * HASH_BYTES);
    this.#lanes.pairs(hashes, pairs, out, at);
  }
}

function requireRoom(out: Buffer, at: number): void {
  if (at < 0 || at + HASH_BYTES > out.length) {
    throw new RangeError(`no room for a hash at ${at} of ${out.length} bytes`);
  }
}
