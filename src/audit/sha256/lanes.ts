import { hash } from 'node:crypto';
import {
  type Compression,
  compressionModule,
  FREE_AT,
  INITIAL_AT,
  MASKS_AT,
  ROUND_CONSTANTS_AT,
  STATE_AT,
} from './compression.ts';

const PAGES = 3;
const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
const LANES = 4;
/** A message's end with its padding: at most two blocks. */
const TAIL_BYTES = 2 * BLOCK_BYTES;
const TAILS_AT = FREE_AT;

/** Where messages are to be put, and how much room there is for them. */
export const INPUT_AT = TAILS_AT + LANES * TAIL_BYTES;
export const INPUT_BYTES = PAGES * 65_536 - INPUT_AT;

/** RFC 6962, section 2.1. */
const LEAF = 0x00;
/** Messages that are named at once. */
const CAPACITY = 1024;
/** Pairs whose parents are computed at once. They and the parents are in memory together. */
const PAIRS_AT_ONCE = 512;
const PARENTS_AT = INPUT_AT + 1 + PAIRS_AT_ONCE * BLOCK_BYTES;
/** Four lanes take as long for one message as for four, which OpenSSL hashes faster when they are fewer than these... */
const WORTH_IT = 3;
/** ...and, with the instructions that many processors have for it, when they are longer than this. */
const LONG = 1024;

/** FIPS 180-4, section 5.3.3. */
const INITIAL = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
] as const;

/** FIPS 180-4, section 4.2.2. */
const ROUND_CONSTANTS = [
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98,
  0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
  0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8,
  0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
  0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
  0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
  0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
  0xc67178f2,
] as const;

/**
 * The hashes of a tree (RFC 6962, section 2.1), four at a time. Leaves are put into `memory`, named by `add`, and hashed by
 * `run`; a lane whose leaf has ended takes the next one while the others go on.
 */
export class Lanes {
  /** Messages lie here, from `INPUT_AT` on. */
  readonly memory: Uint8Array;
  readonly #view: DataView;
  /** The memory by eight bytes. */
  readonly #eights: Float64Array;
  readonly #compression: Compression;
  #count = 0;
  readonly #starts = new Int32Array(CAPACITY);
  readonly #lengths = new Int32Array(CAPACITY);
  readonly #places = new Int32Array(CAPACITY);
  /** Messages that a lane has been given. */
  #taken = 0;
  /** By lane: where its next block is; how many it has still, of which the last one or two are its tail; its place. */
  readonly #at = new Int32Array(LANES);
  readonly #left = new Int32Array(LANES);
  readonly #tail = new Int32Array(LANES);
  readonly #place = new Int32Array(LANES);
  /** Lanes that begin a message with their next block, by bits. */
  #fresh = 0;

  constructor() {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(compressionModule(PAGES)), {});
    const { buffer } = exports['memory'] as WebAssembly.Memory;
    this.#compression = exports as unknown as Compression;
    this.memory = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
    this.#eights = new Float64Array(buffer);
    for (let lane = 0; lane < LANES; lane++) {
      const put = (at: number, i: number, word: number) => this.#view.setUint32(at + wordAt(i, lane), word, true);
      for (const [i, constant] of ROUND_CONSTANTS.entries()) put(ROUND_CONSTANTS_AT, i, constant);
      for (const [i, value] of INITIAL.entries()) put(INITIAL_AT, i, value);
      for (let bits = 0; bits < 1 << LANES; bits++) put(MASKS_AT, bits, bits & (1 << lane) ? 0xffffffff : 0);
    }
  }

  get isFull(): boolean {
    return this.#count === CAPACITY;
  }

  /** Forgets what was added. */
  clear(): void {
    this.#count = 0;
  }

  /** Names a leaf in `memory` whose hash is to stand at `place`: one byte, which becomes 0x00, and an entry. */
  add(start: number, length: number, place: number): void {
    const i = this.#count++;
    this.#starts[i] = start;
    this.#lengths[i] = length;
    this.#places[i] = place;
  }

  /** Hashes the leaves that were added, into `out`. */
  run(out: Buffer): void {
    this.#taken = 0;
    while (this.#count < WORTH_IT && this.#taken < this.#count) this.#hashAlone(this.#taken++, out);
    const digests = new DataView(out.buffer, out.byteOffset, out.length);
    let busy = 0;
    for (let lane = 0; lane < LANES; lane++) if (this.#begin(lane, out)) busy++;
    while (busy > 0) {
      const steps = this.#steps();
      const fresh = MASKS_AT + 16 * this.#fresh;
      this.#compression.blocks(this.#at[0]!, this.#at[1]!, this.#at[2]!, this.#at[3]!, fresh, steps);
      this.#fresh = 0;
      for (let lane = 0; lane < LANES; lane++) {
        if (this.#left[lane] === 0) continue; // a lane without a leaf: what it computes is of no account
        const left = (this.#left[lane]! -= steps);
        if (left === 0) {
          this.#finish(lane, digests);
          if (!this.#begin(lane, out)) busy--;
        } else {
          this.#at[lane] = left === this.#tail[lane] ? tailAt(lane) : this.#at[lane]! + steps * BLOCK_BYTES;
        }
      }
    }
    this.clear();
  }

  /** SHA-256(0x01 ‖ 64 bytes) of so many 64 bytes, into `out` from `at` on, which may be where they are. */
  pairs(bytes: Uint8Array, count: number, out: Uint8Array, at: number): void {
    for (let first = 0; first < count; first += PAIRS_AT_ONCE) {
      const some = Math.min(PAIRS_AT_ONCE, count - first);
      this.memory.set(bytes.subarray(first * BLOCK_BYTES, (first + some) * BLOCK_BYTES), INPUT_AT + 1);
      for (let i = 0; i < some; i += LANES) {
        this.#compression.pairs(INPUT_AT + i * BLOCK_BYTES, PARENTS_AT + i * HASH_BYTES);
      }
      out.set(this.memory.subarray(PARENTS_AT, PARENTS_AT + some * HASH_BYTES), at + first * HASH_BYTES);
    }
  }

  /** Blocks until a lane comes to its tail or to its end. */
  #steps(): number {
    let steps = LONG;
    for (let lane = 0; lane < LANES; lane++) {
      const left = this.#left[lane]!;
      const tail = this.#tail[lane]!;
      const here = left > tail ? left - tail : left;
      if (here > 0 && here < steps) steps = here;
    }
    return steps;
  }

  /** Gives a lane the next message, if there is one for it. */
  #begin(lane: number, out: Buffer): boolean {
    while (this.#taken < this.#count) {
      const i = this.#taken++;
      const length = this.#lengths[i]!;
      if (length > LONG) {
        this.#hashAlone(i, out);
        continue;
      }
      const start = this.#starts[i]!;
      this.memory[start] = LEAF;
      const whole = length & -BLOCK_BYTES;
      const blocks = (length + 8 + BLOCK_BYTES) >>> 6;
      this.#pad(tailAt(lane), start + whole, start + length, blocks * BLOCK_BYTES - whole, 8 * length);
      this.#at[lane] = whole === 0 ? tailAt(lane) : start;
      this.#left[lane] = blocks;
      this.#tail[lane] = blocks - whole / BLOCK_BYTES;
      this.#place[lane] = this.#places[i]!;
      this.#fresh |= 1 << lane;
      return true;
    }
    this.#at[lane] = INPUT_AT;
    return false;
  }

  /** The rest of a message, a one bit, zeros, and its length in bits (section 5.1.1), of which 32 are enough here. */
  #pad(tail: number, from: number, to: number, size: number, bits: number): void {
    const { memory } = this;
    for (let i = tail / 8; i < (tail + size) / 8; i++) this.#eights[i] = 0;
    let at = tail;
    for (let rest = from; rest < to; rest++) memory[at++] = memory[rest]!;
    memory[at] = 0x80;
    this.#view.setUint32(tail + size - 4, bits);
  }

  #finish(lane: number, digests: DataView): void {
    const place = this.#place[lane]!;
    for (let word = 0; word < INITIAL.length; word++) {
      digests.setInt32(place + 4 * word, this.#view.getInt32(STATE_AT + wordAt(word, lane), true));
    }
  }

  #hashAlone(i: number, out: Buffer): void {
    const start = this.#starts[i]!;
    this.memory[start] = LEAF;
    const digest = hash('sha256', this.memory.subarray(start, start + this.#lengths[i]!), 'binary');
    out.latin1Write(digest, this.#places[i]!);
  }
}

function wordAt(word: number, lane: number): number {
  return 16 * word + 4 * lane;
}

function tailAt(lane: number): number {
  return TAILS_AT + TAIL_BYTES * lane;
}
