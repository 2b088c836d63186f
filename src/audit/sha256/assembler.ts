/**
 * Just enough of an assembler for WebAssembly with 128-bit vectors (WebAssembly Core Specification 2.0, chapter 5) to write
 * a few functions as expressions. A vector is four words of 32 bits, its lanes.
 */

/** Instructions that leave a value, or none, on the stack. */
export type Code = readonly (number | Code)[];

/** Magic and version. */
const HEADER = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const I32 = 0x7f;
const V128 = 0x7b;
const FUNCTION = 0x60;
const MEMORY = 0x02;
const NO_VALUE = 0x40;
const END = 0x0b;

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [value, 0x21, ...unsigned(local)];

export const integer = (value: number): Code => [0x41, ...signed(value)];
export const lessThan = (a: Code, b: Code): Code => [a, b, 0x48];
export const plus = (a: Code, b: Code): Code => [a, b, 0x6a];

export const call = (place: number): Code => [0x10, ...unsigned(place)];

/** The body, again and again while `condition` holds after it. */
export const repeat = (body: Code, condition: Code): Code => [0x03, NO_VALUE, body, condition, 0x0d, 0, END];

/** A vector from memory; it need not be aligned. */
export const load = (address: Code, offset: number): Code => [address, 0xfd, 0x00, 0, ...unsigned(offset)];
export const store = (address: Code, offset: number, vector: Code): Code => [
  [address, vector],
  [0xfd, 0x0b, 0, ...unsigned(offset)],
];

export const and = (a: Code, b: Code): Code => [a, b, 0xfd, ...unsigned(0x4e)];
export const or = (a: Code, b: Code): Code => [a, b, 0xfd, ...unsigned(0x50)];
export const xor = (a: Code, b: Code): Code => [a, b, 0xfd, ...unsigned(0x51)];
/** Lane by lane, modulo 2^32. */
export const add = (a: Code, b: Code): Code => [a, b, 0xfd, ...unsigned(0xae)];
export const shiftLeft = (a: Code, bits: number): Code => [a, integer(bits), 0xfd, ...unsigned(0xab)];
export const shiftRight = (a: Code, bits: number): Code => [a, integer(bits), 0xfd, ...unsigned(0xad)];
/** Sixteen bytes chosen from those of `a` (0 to 15) and `b` (16 to 31). */
export const shuffle = (a: Code, b: Code, bytes: readonly number[]): Code => [a, b, 0xfd, 0x0d, bytes];
/** Bits of `a` where `mask` has ones, of `b` where it has zeros. */
export const select = (a: Code, b: Code, mask: Code): Code => [a, b, mask, 0xfd, ...unsigned(0x52)];
/** The same word in each lane. */
export const splat = (word: number): Code => [integer(word), 0xfd, ...unsigned(0x11)];

export interface FunctionSource {
  /** Under which it is exported. */
  readonly name: string;
  /** Integers that it takes: its first locals. It returns nothing. */
  readonly parameters: number;
  /** Locals after those: first the vectors, then the integers. */
  readonly vectors: number;
  readonly integers: number;
  readonly code: Code;
}

/** The bytes of a module of some functions, which call one another by their place, and of `pages` of 64 KiB, `memory`. */
export function assemble(functions: readonly FunctionSource[], pages: number): Uint8Array {
  const types = functions.map(({ parameters }) => [
    FUNCTION,
    ...list(Array.from({ length: parameters }, () => [I32])),
    ...list([]),
  ]);
  const exported = functions.map(({ name }, i) => [...text(name), 0x00, ...unsigned(i)]);
  const bodies = functions.map(({ vectors, integers, code }) => {
    const locals = list([
      [...unsigned(vectors), V128],
      [...unsigned(integers), I32],
    ]);
    const body = flat([locals, code, END]);
    return [...unsigned(body.length), ...body];
  });
  return Uint8Array.from([
    ...HEADER,
    ...section(1, types),
    ...section(
      3,
      functions.map((_, i) => unsigned(i)),
    ),
    ...section(5, [[0x00, ...unsigned(pages)]]),
    ...section(7, [[...text('memory'), MEMORY, 0], ...exported]),
    ...section(10, bodies),
  ]);
}

function flat(code: Code, into: number[] = []): number[] {
  for (const part of code) {
    if (typeof part === 'number') into.push(part);
    else flat(part, into);
  }
  return into;
}

function section(id: number, items: readonly (readonly number[])[]): number[] {
  const content = list(items);
  return [id, ...unsigned(content.length), ...content];
}

function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function text(ascii: string): number[] {
  return [...unsigned(ascii.length), ...Buffer.from(ascii, 'latin1')];
}

/** LEB128 of a number from 0. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}

/** Signed LEB128: the last byte's second highest bit is the sign. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7) {
    if (rest >= -0x40 && rest < 0x40) return [...bytes, rest & 0x7f];
    bytes.push((rest & 0x7f) | 0x80);
  }
}
