/** Bytes of the first place; it doubles as more come. */
const FIRST = 4096;

/**
 * A body that is put together from pieces, in one buffer: however small the pieces are, what is held is at most twice what
 * came.
 */
export class Gathered {
  readonly #expected: number;
  #bytes: Buffer | null = null;
  length = 0;

  /** @param expected bytes of the whole, made room for when the first have come; 0: not known */
  constructor(expected: number) {
    this.#expected = expected;
  }

  add(bytes: Buffer, from: number, to: number): void {
    const length = this.length + to - from;
    const room = this.#bytes?.length ?? 0;
    if (length > room) this.#widen(Math.max(length, this.#expected, 2 * room, FIRST));
    bytes.copy(this.#bytes!, this.length, from, to);
    this.length = length;
  }

  /** The whole. Nothing may be added after it. */
  take(): Buffer {
    return this.#bytes === null ? EMPTY : this.#bytes.subarray(0, this.length);
  }

  #widen(room: number): void {
    const wider = Buffer.allocUnsafeSlow(room);
    this.#bytes?.copy(wider, 0, 0, this.length);
    this.#bytes = wider;
  }
}

const EMPTY = Buffer.alloc(0);
