import { EntryText } from './entry-text.ts';
import { MAX_ENTRY_BYTES } from './entry.ts';
import type { Chunk } from './messages.ts';

/** Bytes of one chunk: many entries of the longest kind. */
const CHUNK_BYTES = 1 << 17;
/** Chunks kept for use again. */
const SPARE = 16;
/** Bytes of the length before each entry. */
const FRAME = 2;

/** Entries as they will lie in a bundle, in buffers that are handed over and given back. */
export class Chunks {
  readonly #text = new EntryText();
  #view = new Uint8Array(0);
  #used = 0;
  #full: Chunk[] = [];
  readonly #spare: ArrayBuffer[] = [];

  /** Where the next entry is to be written. One that is not ended is written over. */
  begin(): EntryText {
    if (this.#used + FRAME + MAX_ENTRY_BYTES > this.#view.length) this.#anew();
    this.#text.place(this.#view, this.#used + FRAME);
    return this.#text;
  }

  /** The entry is whole. Returns its bytes. */
  end(): number {
    const at = this.#used;
    const length = this.#text.at - at - FRAME;
    this.#view[at] = length >>> 8;
    this.#view[at + 1] = length & 0xff;
    this.#used = this.#text.at;
    return length;
  }

  /** All that was added since it was last asked. */
  take(): Chunk[] {
    this.#close();
    const taken = this.#full;
    this.#full = [];
    return taken;
  }

  /** Buffers of chunks that are no longer needed. */
  giveBack(buffers: readonly ArrayBuffer[]): void {
    for (const buffer of buffers) if (this.#spare.length < SPARE) this.#spare.push(buffer);
  }

  #anew(): void {
    this.#close();
    this.#view = new Uint8Array(this.#spare.pop() ?? new ArrayBuffer(CHUNK_BYTES));
  }

  #close(): void {
    if (this.#used > 0) this.#full.push({ buffer: this.#view.buffer, bytes: this.#used });
    this.#view = new Uint8Array(0);
    this.#used = 0;
  }
}
