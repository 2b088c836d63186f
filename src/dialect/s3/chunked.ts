import { Transform, type TransformCallback } from 'node:stream';
import { malformed, type Refusal } from '../../core/refusal.ts';

/** The body does not keep to its framing. The stream is destroyed with it, before its end has gone out. */
export class ChunkedBodyError extends Error {
  readonly refusal: Refusal;

  constructor(problem: string) {
    super(problem);
    this.name = 'ChunkedBodyError';
    this.refusal = malformed(problem);
  }
}

/** `FFFFFFFFFFFFFFFF;chunk-signature=` and 64 digits, with room to spare. */
const MAX_CHUNK_LINE = 128;
const MAX_TRAILER_LINE = 512;
const CHUNK_LINE = /^([0-9A-Fa-f]{1,13});chunk-signature=[0-9a-f]{64}$/;
const TRAILER_LINE = /^([a-z0-9-]+):[ \t]*([!-~]+)[ \t]*$/;
const SIGNATURE = /^[0-9a-f]{64}$/;
const TRAILER_SIGNATURE = 'x-amz-trailer-signature';
const CR = 13;
const LF = 10;
const CRLF = Buffer.from('\r\n');

type State = 'size' | 'data' | 'data-end' | 'trailer' | 'end' | 'done';

/**
 * Decodes aws-chunked with signed chunks and drops the signatures. Without trailers the object's own bytes come out;
 * with trailers the framing of `STREAMING-UNSIGNED-PAYLOAD-TRAILER`. Any deviation from the framing, or from the stated
 * length, is a `ChunkedBodyError`; the last bytes are held back until the end is known to be well, so that the upstream
 * never sees a whole request that was not one.
 * Source: Amazon S3 API Reference, "Transferring Payload in Multiple Chunks", with and without trailing headers.
 */
export class ChunkedDecoder extends Transform {
  #state: State = 'size';
  /** Bytes of the current chunk, or of the object, that are still to come. */
  #chunkLeft = 0;
  #objectLeft: number;
  /** A line that has not ended yet. */
  #line = '';
  readonly #trailers: Set<string> | null;
  #signed = false;
  /** What may go out only after something well-formed has followed it. */
  #held: Buffer | null = null;

  /**
   * @param decodedLength bytes of the object, as `x-amz-decoded-content-length` states them
   * @param trailers names that `x-amz-trailer` states, in lower case, to be re-framed; empty: decode to the plain object
   */
  constructor(decodedLength: number, trailers: readonly string[]) {
    super();
    this.#objectLeft = decodedLength;
    this.#trailers = trailers.length === 0 ? null : new Set(trailers);
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, done: TransformCallback): void {
    let problem: string | null = null;
    for (let at = 0; at < chunk.length && problem === null;) {
      switch (this.#state) {
        case 'data': {
          const end = Math.min(chunk.length, at + this.#chunkLeft);
          this.#emit(chunk.subarray(at, end));
          this.#chunkLeft -= end - at;
          at = end;
          if (this.#chunkLeft === 0) this.#state = 'data-end';
          break;
        }
        case 'done':
          problem = 'The body goes on behind its last chunk.';
          break;
        default: {
          const feed = chunk.indexOf(LF, at);
          const end = feed < 0 ? chunk.length : feed + 1;
          if (this.#line.length + end - at > (this.#state === 'trailer' ? MAX_TRAILER_LINE : MAX_CHUNK_LINE)) {
            problem = 'A line of the chunked body is too long.';
            break;
          }
          this.#line += chunk.toString('latin1', at, end);
          at = end;
          if (feed >= 0) problem = this.#readLine();
        }
      }
    }
    done(problem === null ? null : new ChunkedBodyError(problem));
  }

  override _flush(done: TransformCallback): void {
    if (this.#state !== 'done') return done(new ChunkedBodyError('The chunked body ends too early.'));
    if (this.#held !== null) this.push(this.#held);
    done();
  }

  #readLine(): string | null {
    const line = this.#line;
    this.#line = '';
    if (line.charCodeAt(line.length - 2) !== CR) return 'A line of the chunked body does not end in CRLF.';
    const text = line.slice(0, -2);
    switch (this.#state) {
      case 'size':
        return this.#readSize(text);
      case 'trailer':
        return this.#readTrailer(text);
      case 'end':
        this.#state = 'done';
        return text === '' ? null : 'The last chunk is not followed by an empty line.';
      default:
        if (text !== '') return 'A chunk is longer than its size.';
        if (this.#trailers !== null) this.#emit(CRLF);
        this.#state = 'size';
        return null;
    }
  }

  #readSize(text: string): string | null {
    const match = CHUNK_LINE.exec(text);
    if (match === null) return 'A chunk has no proper size and signature.';
    const size = Number.parseInt(match[1] as string, 16);
    if (size > this.#objectLeft) return 'The chunks are longer than x-amz-decoded-content-length.';
    if (size === 0) {
      if (this.#objectLeft > 0) return 'The chunks are shorter than x-amz-decoded-content-length.';
      if (this.#trailers !== null) this.#emit(Buffer.from('0\r\n'));
      this.#state = this.#trailers === null ? 'end' : 'trailer';
      return null;
    }
    if (this.#trailers !== null) this.#emit(Buffer.from(`${size.toString(16)}\r\n`));
    this.#objectLeft -= size;
    this.#chunkLeft = size;
    this.#state = 'data';
    return null;
  }

  #readTrailer(text: string): string | null {
    const trailers = this.#trailers as Set<string>;
    if (text === '') {
      if (trailers.size > 0 || !this.#signed)
        return 'A trailer that x-amz-trailer names, or its signature, is missing.';
      this.#emit(CRLF);
      this.#state = 'done';
      return null;
    }
    if (this.#signed) return 'The trailer goes on behind its signature.';
    const match = TRAILER_LINE.exec(lowerName(text));
    if (match === null) return 'A trailer is not a name and a value.';
    const name = match[1] as string;
    if (name === TRAILER_SIGNATURE) {
      this.#signed = true;
      return SIGNATURE.test(match[2] as string) ? null : 'The signature of the trailer is not one.';
    }
    if (!trailers.delete(name)) return 'A trailer is repeated, or x-amz-trailer does not name it.';
    this.#emit(Buffer.from(`${name}:${match[2]}\r\n`));
    return null;
  }

  /** Sends what was held back, and holds this back in its place. */
  #emit(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (this.#held !== null) this.push(this.#held);
    this.#held = bytes;
  }
}

function lowerName(line: string): string {
  const colon = line.indexOf(':');
  return colon < 0 ? line : line.slice(0, colon).toLowerCase() + line.slice(colon);
}
