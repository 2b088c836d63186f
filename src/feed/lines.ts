import { isUtf8 } from 'node:buffer';
import { ProtocolError } from './protocol.ts';

const LINE_FEED = 10;

/** Takes a stream of bytes apart into lines, holding on to no more than one of them. */
export class Lines {
  readonly #limit: number;
  #pieces: Buffer[] = [];
  #length = 0;

  /** @param limit bytes of a line at most */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Calls `each` with every line that these bytes end, until it returns false.
   * @throws ProtocolError when a line is too long, empty, or not UTF-8
   */
  take(chunk: Buffer, each: (line: string) => boolean): void {
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      this.#add(chunk.subarray(start, end === -1 ? chunk.length : end));
      if (end === -1) return;
      start = end + 1;
      if (!each(this.#line())) return;
    }
  }

  #add(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length > this.#limit) throw new ProtocolError(`a line is longer than ${this.#limit} bytes`);
    if (piece.length > 0) this.#pieces.push(piece);
  }

  #line(): string {
    const whole = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    if (whole.length === 0) throw new ProtocolError('a line is empty');
    if (!isUtf8(whole)) throw new ProtocolError('a line is not UTF-8');
    return whole.toString('utf8');
  }
}
