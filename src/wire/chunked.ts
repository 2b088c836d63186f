import { withoutBlanks } from '../core/http.ts';

/** Told what a chunked body holds. */
export interface ChunkSink {
  /** Bytes of the body, `bytes[from, to)`: one chunk or several. */
  chunkData(bytes: Buffer, from: number, to: number): void;
}

/** Bytes of one chunk line, extensions included. */
const LINE_BYTES = 256;
/** Bytes of all extensions of one body (CVE-2024-22019: without a bound they are a body that nobody counts). */
const EXTENSION_BYTES = 16_384;
/** Chunks below are moved together. */
const SMALL_BYTES = 1024;
/** More hexadecimal digits than a double holds exactly. */
const SIZE_DIGITS = 13;

const SIZE = 0;
const EXTENSION = 1;
const SIZE_LF = 2;
const DATA = 3;
const DATA_CR = 4;
const DATA_LF = 5;
const TRAILER = 6;
const DONE = 7;
const FAILED = 8;

const CR = 13;
const LF = 10;
const SEMICOLON = 59;

/** One or more extensions, token values only: a quoted one may hold what looks like the end of a line (RFC 9112 §7.1.1). */
const EXTENSIONS = /^(?:;[!#$%&'*+\-.^_`|~0-9A-Za-z]+(?:=[!#$%&'*+\-.^_`|~0-9A-Za-z]+)?)+$/;
/** A trailer field: no space before the colon, no folding, no control character (RFC 9112 §5, RFC 9110 §5.5). */
const TRAILER_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([\t\x20-\x7e\x80-\xff]*)$/;
/** Fields that would frame the message, or steer its connection, anew (RFC 9110 §6.5.1). */
const FRAMING: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/**
 * Takes chunked transfer coding off (RFC 9112 §7.1), strictly: CRLF and nothing else ends a line, no space stands where
 * the grammar has none, sizes and lines are bounded. Extensions are checked and dropped. Holds no byte of the body.
 */
export class ChunkedDecoder {
  #state = SIZE;
  #left = 0;
  #digits = 0;
  /** A line that has not ended. */
  #line = '';
  #cr = false;
  #extensionBytes = 0;
  #trailerBytes = 0;
  /** Flat, names in lower case. */
  readonly trailers: string[] = [];
  /** Why it failed. */
  fault = '';
  /** The status that fits: 400, or 413 for framing that is out of proportion. */
  faultStatus = 400;
  readonly #trailerLimit: number;

  /** @param trailerLimit bytes of the whole trailer section */
  constructor(trailerLimit: number) {
    this.#trailerLimit = trailerLimit;
  }

  get done(): boolean {
    return this.#state === DONE;
  }

  /**
   * Reads on. Gives the place after what belongs to the body, or -1 when it is malformed; then `fault` says why. Small
   * chunks are moved together within `bytes`, over framing that has been read, and told as one: a body of one-byte chunks
   * would cost its receivers a hundred times its size.
   */
  decode(bytes: Buffer, from: number, to: number, sink: ChunkSink): number {
    let at = from;
    let start = from;
    let end = from;
    while (at < to && this.#state < DONE) {
      if (this.#state !== DATA) {
        this.#byte(bytes[at++]!);
        continue;
      }
      const next = Math.min(to, at + this.#left);
      this.#left -= next - at;
      if (this.#left === 0) this.#state = DATA_CR;
      if (start < end && next - at < SMALL_BYTES) {
        bytes.copyWithin(end, at, next);
        end += next - at;
      } else {
        if (start < end) sink.chunkData(bytes, start, end);
        start = at;
        end = next;
      }
      at = next;
    }
    if (start < end) sink.chunkData(bytes, start, end);
    return this.#state === FAILED ? -1 : at;
  }

  #byte(c: number): void {
    switch (this.#state) {
      case SIZE: {
        const digit = hexDigit(c);
        if (digit >= 0) {
          if (++this.#digits > SIZE_DIGITS) return this.#fail('A chunk is too large.');
          this.#left = this.#left * 16 + digit;
          return;
        }
        if (this.#digits === 0) return this.#fail('A chunk has no size.');
        if (c === CR) this.#state = SIZE_LF;
        else if (c === SEMICOLON) {
          this.#line = ';';
          this.#state = EXTENSION;
        } else this.#fail('A chunk size is not a number.');
        return;
      }
      case EXTENSION:
        if (c === CR) {
          if (!EXTENSIONS.test(this.#line)) return this.#fail('A chunk extension is malformed.');
          this.#state = SIZE_LF;
          return;
        }
        this.#line += String.fromCharCode(c);
        if (this.#line.length > LINE_BYTES || ++this.#extensionBytes > EXTENSION_BYTES) {
          this.faultStatus = 413;
          this.#fail('A chunk extension is too long.');
        }
        return;
      case SIZE_LF:
        if (c !== LF) return this.#fail('A chunk size does not end in CRLF.');
        this.#digits = 0;
        this.#line = '';
        this.#state = this.#left === 0 ? TRAILER : DATA;
        return;
      case DATA_CR:
        if (c !== CR) return this.#fail('A chunk is longer than its size.');
        this.#state = DATA_LF;
        return;
      case DATA_LF:
        if (c !== LF) return this.#fail('A chunk does not end in CRLF.');
        this.#state = SIZE;
        return;
      case TRAILER:
        return this.#trailer(c);
    }
  }

  #trailer(c: number): void {
    if (++this.#trailerBytes > this.#trailerLimit) return this.#fail('The trailers are too long.');
    if (this.#cr) {
      if (c !== LF) return this.#fail('A trailer does not end in CRLF.');
      this.#cr = false;
      const line = this.#line;
      this.#line = '';
      if (line === '') {
        this.#state = DONE;
        return;
      }
      const match = TRAILER_LINE.exec(line);
      const name = match?.[1]?.toLowerCase();
      if (match === null || name === undefined || FRAMING.has(name)) return this.#fail('A trailer is malformed.');
      this.trailers.push(name, withoutBlanks(match[2]!));
    } else if (c === CR) this.#cr = true;
    else this.#line += String.fromCharCode(c);
  }

  #fail(fault: string): void {
    this.#state = FAILED;
    this.fault = fault;
  }
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 65 && c <= 70) return c - 55;
  if (c >= 97 && c <= 102) return c - 87;
  return -1;
}
