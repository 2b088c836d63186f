import {
  add,
  and,
  assemble,
  call,
  type Code,
  type FunctionSource,
  get,
  integer,
  lessThan,
  load,
  or,
  plus,
  repeat,
  select,
  set,
  shiftLeft,
  shiftRight,
  shuffle,
  splat,
  store,
  xor,
} from './assembler.ts';

/**
 * SHA-256's compression (FIPS 180-4, section 6.2.2) of four messages at once: lane i of every vector is a word of message i.
 * One message gains little by vectors, since each round waits for the one before; four that know nothing of each other do.
 */

/** Where things are in the module's memory, in bytes; what is to be there beforehand, in vectors of four equal words. */
export const ROUND_CONSTANTS_AT = 0;
export const INITIAL_AT = ROUND_CONSTANTS_AT + 64 * 16;
/** Sixteen vectors: number n has all ones in the lanes that are bits of n. */
export const MASKS_AT = INITIAL_AT + 8 * 16;
/** Eight vectors: after a message's last block, its hash. */
export const STATE_AT = MASKS_AT + 16 * 16;
const SCHEDULE_AT = STATE_AT + 8 * 16;
/** What follows is the caller's. */
export const FREE_AT = SCHEDULE_AT + 16 * 16;

/** What the module does. Addresses are in its memory. */
export interface Compression {
  /** So many blocks of each lane, 64 bytes each. Lanes that begin a message are those of the mask at `fresh`. */
  blocks(a: number, b: number, c: number, d: number, fresh: number, count: number): void;
  /** Four times SHA-256(0x01 ‖ 64 bytes): takes 256 bytes from the one after `before` on, leaves 128 at `to`. */
  pairs(before: number, to: number): void;
}

const HERE = integer(0);

export function compressionModule(pages: number): Uint8Array {
  return assemble([ROUNDS, BLOCKS, PAIRS], pages);
}

// Locals of `rounds`: the eight working variables, scratch, and how far in the constants the loop is.
const [X, Y, SUM, A_XOR_B, B_XOR_C, CONSTANTS] = [8, 9, 10, 11, 12, 13] as const;
/** Bytes of sixteen rounds' constants. */
const SIXTEEN = 16 * 16;

/** Sixty-four rounds, from the schedule's sixteen words, into the state. */
const ROUNDS: FunctionSource = {
  name: 'rounds',
  parameters: 0,
  vectors: 13,
  integers: 1,
  code: [
    range(8, (i) => set(i, state(i))),
    set(B_XOR_C, xor(get(1), get(2))),
    range(16, (t) => round(t, HERE, set(X, word(t)))),
    set(CONSTANTS, integer(SIXTEEN)),
    repeat(
      [range(16, (t) => round(t, get(CONSTANTS), extended(t))), set(CONSTANTS, plus(get(CONSTANTS), integer(SIXTEEN)))],
      lessThan(get(CONSTANTS), integer(4 * SIXTEEN)),
    ),
    range(8, (i) => setState(i, add(get(i), state(i)))),
  ],
};

/** Rotates the names of the working variables rather than their values: what was h is a afterwards. */
function round(t: number, constants: Code, schedule: Code): Code {
  const [a, b, , d, e, f, g, h] = Array.from({ length: 8 }, (_, i) => (i - t) & 7) as Eight;
  const choice = xor(get(g), and(get(e), xor(get(f), get(g))));
  // Majority as b ⊕ ((a ⊕ b) ∧ (b ⊕ c)): a ⊕ b is the next round's b ⊕ c.
  const majority = xor(get(b), and(get(A_XOR_B), get(B_XOR_C)));
  const input = add(get(h), add(load(constants, ROUND_CONSTANTS_AT + 16 * t), get(X)));
  return [
    schedule,
    set(SUM, add(add(input, choice), xor(xor(rotated(e, 6), rotated(e, 11)), rotated(e, 25)))),
    set(d, add(get(d), get(SUM))),
    set(A_XOR_B, xor(get(a), get(b))),
    set(h, add(get(SUM), add(xor(xor(rotated(a, 2), rotated(a, 13)), rotated(a, 22)), majority))),
    set(B_XOR_C, get(A_XOR_B)),
  ];
}

type Eight = [number, number, number, number, number, number, number, number];

/** The schedule's next word, which takes the place of the one sixteen rounds ago. */
function extended(t: number): Code {
  const early = xor(xor(rotated(X, 7), rotated(X, 18)), shiftRight(get(X), 3));
  const late = xor(xor(rotated(Y, 17), rotated(Y, 19)), shiftRight(get(Y), 10));
  return [
    [set(X, word(t + 1)), set(Y, word(t + 14))],
    set(X, add(add(word(t), word(t + 9)), add(early, late))),
    setWord(t, get(X)),
  ];
}

// Locals of `blocks` after the addresses, and of `pairs`: eight for a square of four by four words.
const BLOCKS: FunctionSource = {
  name: 'blocks',
  parameters: 6,
  vectors: 8,
  integers: 0,
  code: [
    set(6, load(get(4), 0)),
    range(8, (i) => setState(i, select(load(HERE, INITIAL_AT + 16 * i), state(i), get(6)))),
    repeat(
      [
        range(4, (q) =>
          turned(
            6,
            (lane) => load(get(lane), 16 * q),
            (i, column) => setWord(4 * q + i, column),
          ),
        ),
        call(0),
        range(4, (lane) => set(lane, plus(get(lane), integer(64)))),
        set(5, plus(get(5), integer(-1))),
      ],
      get(5),
    ),
  ],
};

/** A message of 65 bytes is two blocks: 0x01 and 63 bytes; one byte, the padding and the length of 520 bits. */
const PAIRS: FunctionSource = {
  name: 'pairs',
  parameters: 2,
  vectors: 8,
  integers: 0,
  code: [
    range(8, (i) => setState(i, load(HERE, INITIAL_AT + 16 * i))),
    range(4, (q) =>
      turned(
        2,
        (lane) => load(get(0), 64 * lane + 16 * q),
        (i, column) => setWord(4 * q + i, column),
      ),
    ),
    setWord(0, or(and(word(0), splat(0x00ffffff)), splat(0x01000000))),
    call(0),
    turned(
      2,
      (lane) => load(get(0), 64 * lane + 49),
      (i, column) => (i === 3 ? setWord(0, column) : []),
    ),
    setWord(0, or(shiftLeft(word(0), 24), splat(0x00800000))),
    range(14, (i) => setWord(1 + i, splat(0))),
    setWord(15, splat(520)),
    call(0),
    turned(
      2,
      (i) => state(i),
      (lane, row) => store(get(1), 32 * lane, row),
    ),
    turned(
      2,
      (i) => state(4 + i),
      (lane, row) => store(get(1), 32 * lane + 16, row),
    ),
  ],
};

/** Rows made columns, from big-endian words or to them. Takes eight locals from `first` on. */
function turned(first: number, row: (i: number) => Code, use: (i: number, column: Code) => Code): Code {
  const local = (i: number) => get(first + i);
  const swapped = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];
  return [
    range(4, (i) => set(first + i, row(i))),
    range(4, (i) => set(first + i, shuffle(local(i), local(i), swapped))),
    set(first + 4, words(local(0), local(1), [0, 4, 1, 5])),
    set(first + 5, words(local(0), local(1), [2, 6, 3, 7])),
    set(first + 6, words(local(2), local(3), [0, 4, 1, 5])),
    set(first + 7, words(local(2), local(3), [2, 6, 3, 7])),
    use(0, words(local(4), local(6), [0, 1, 4, 5])),
    use(1, words(local(4), local(6), [2, 3, 6, 7])),
    use(2, words(local(5), local(7), [0, 1, 4, 5])),
    use(3, words(local(5), local(7), [2, 3, 6, 7])),
  ];
}

function state(i: number): Code {
  return load(HERE, STATE_AT + 16 * i);
}

function setState(i: number, value: Code): Code {
  return store(HERE, STATE_AT + 16 * i, value);
}

function word(t: number): Code {
  return load(HERE, SCHEDULE_AT + 16 * (t & 15));
}

function setWord(t: number, value: Code): Code {
  return store(HERE, SCHEDULE_AT + 16 * (t & 15), value);
}

function rotated(local: number, bits: number): Code {
  return or(shiftRight(get(local), bits), shiftLeft(get(local), 32 - bits));
}

/** Four words of `a` (0 to 3) and `b` (4 to 7). */
function words(a: Code, b: Code, chosen: readonly number[]): Code {
  return shuffle(
    a,
    b,
    chosen.flatMap((i) => [4 * i, 4 * i + 1, 4 * i + 2, 4 * i + 3]),
  );
}

function range(count: number, code: (i: number) => Code): Code {
  return Array.from({ length: count }, (_, i) => code(i));
}
