import { quoted } from './ascii.ts';
import { MAX_ENTRY_BYTES } from './entry.ts';

/**
 * An entry while it is written, byte by byte, where it will lie. Text that is put together from pieces and then copied costs
 * several times as much. Only ASCII goes in.
 */
export class EntryText {
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  /** Goes on at `at`, up to the longest that an entry may be. */
  place(bytes: Uint8Array, at: number): void {
    this.#bytes = bytes;
    this.#at = at;
    this.#end = Math.min(bytes.length, at + MAX_ENTRY_BYTES);
  }

  get at(): number {
    return this.#at;
  }

  /** Bytes that were made before. @throws RangeError when the entry would be too long; so do the others */
  kept(bytes: Uint8Array): void {
    this.#need(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** Text of a few characters that is ASCII for sure, and is JSON already or needs no escaping. */
  plain(text: string): void {
    const length = text.length;
    this.#need(length);
    const bytes = this.#bytes;
    const at = this.#at;
    for (let i = 0; i < length; i++) bytes[at + i] = text.charCodeAt(i);
    this.#at = at + length;
  }

  /** A string of whatever characters, as JSON. */
  quoted(text: string): void {
    const length = text.length;
    this.#need(length + 2);
    const bytes = this.#bytes;
    let at = this.#at;
    bytes[at++] = QUOTE;
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x20 || unit > 0x7e || unit === QUOTE || unit === BACKSLASH) return this.plain(quoted(text));
      bytes[at++] = unit;
    }
    bytes[at] = QUOTE;
    this.#at = at + 1;
  }

  /** A whole number from 0 on. */
  integer(value: number): void {
    if (value > 0xffff_ffff) return this.plain(String(value));
    let digits = 1;
    for (let bound = 10; value >= bound; bound *= 10) digits++;
    this.#need(digits);
    let rest = value;
    for (let i = this.#at + digits - 1; i >= this.#at; i--) {
      const next = Math.floor(rest / 10);
      this.#bytes[i] = ZERO + rest - next * 10;
      rest = next;
    }
    this.#at += digits;
  }

  #need(bytes: number): void {
    if (this.#at + bytes > this.#end)
      throw new RangeError(`an entry of more than ${MAX_ENTRY_BYTES} bytes is too long`);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;

/** Text made into what `EntryText.kept` takes. */
export function keptText(ascii: string): Uint8Array {
  return new Uint8Array(Buffer.from(ascii, 'latin1'));
}
