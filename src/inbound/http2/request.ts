import {
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
  type ServerHttp2Stream,
  type ServerStreamResponseOptions,
} from 'node:http2';
import { header, type Head } from '../../core/http.ts';
import { CHUNKED } from '../../wire/framing.ts';
import type { ClientCertificate } from '../identity/certificate.ts';
import type { Incoming, Owner } from '../incoming.ts';
import { readHead } from './head.ts';

/** What a request needs of its connection. */
export interface Connection {
  readonly certificate: ClientCertificate | null;
  /** Milliseconds. */
  readonly idleTimeout: number;
  /** Requests whose stream is still there. */
  readonly requests: Set<Http2Request>;
  /** Bytes of heads and bodies, both ways: what the connection is for. */
  useful: number;
  /** Cuts the connection. */
  destroy(): void;
}

/** What is left of a body is taken in after its answer: so many bytes of it, and so many milliseconds once that is out. */
const DRAIN_BYTES = 4 * 1024 * 1024;
const DRAIN_TIME = 2000;
/** A body that comes in drops is as good as none: so much of it must come within each idle timeout. */
const PROGRESS_BYTES = 16_384;

const REQUEST = Symbol('request');

interface Carrier extends ServerHttp2Stream {
  [REQUEST]: Http2Request;
}

/** One stream of a connection (RFC 9113 §5). */
export class Http2Request implements Incoming {
  readonly version = '2.0';
  readonly head: Head;
  /** Bytes of the head, as SETTINGS_MAX_HEADER_LIST_SIZE counts them (RFC 9113 §6.5.2). */
  readonly headBytes: number;
  readonly expects: boolean;
  readonly length: number;
  complete: boolean;
  broken = false;
  answered = false;
  over = false;
  owner: Owner = NOBODY;
  closing = false;

  readonly #stream: Carrier;
  readonly #connection: Connection;
  /** The stream goes on after its head, be it to say that the body is empty. */
  readonly #bodied: boolean;
  #receiving = false;
  #trailers: readonly string[] = NONE;
  #why = 'the client went away';
  /** Nobody wants the rest of the body. */
  #dropped = false;
  /** It is taken in all the same: the answer has been given. */
  #draining = false;
  /** Bytes that may still be drained. */
  #drainable = DRAIN_BYTES;

  /** Bytes of the answer, or how else they come; and those written so far. */
  #answerLength = 0;
  #written = 0;
  /** The answer has no body, whatever its fields say (RFC 9110 §6.4.1). */
  #bodiless = false;
  #ended = false;
  #answerTrailers: readonly string[] = NONE;

  /** For `look`: bytes of the body since it last moved, whether anything has moved since the last time, what waited to
   *  go out then, and since when nothing has moved. */
  #progress = 0;
  #moved = true;
  #queued = 0;
  #since = 0;

  /** @param raw the fields as received, flat */
  constructor(stream: ServerHttp2Stream, raw: readonly string[], connection: Connection) {
    const carrier = stream as Carrier;
    carrier[REQUEST] = this;
    this.#stream = carrier;
    this.#connection = connection;
    connection.requests.add(this);
    const bodied = !stream.endAfterHeaders;
    this.#bodied = bodied;
    const head = readHead(raw, bodied);
    this.head = head;
    const announced = bodied ? header(head.headers, 'content-length') : '0';
    this.length = announced === null ? CHUNKED : Number(announced);
    this.complete = this.length === 0;
    this.expects = !this.complete && header(head.headers, 'expect')?.toLowerCase() === '100-continue';
    this.headBytes = bytesOf(raw);
    connection.useful += this.headBytes;
    stream.on('close', Http2Request.#onClose);
    stream.on('aborted', Http2Request.#onAborted);
    if (!bodied) return;
    stream.on('end', Http2Request.#onEnd);
    stream.on('trailers', Http2Request.#onTrailers);
  }

  get certificate(): ClientCertificate | null {
    return this.#connection.certificate;
  }

  receive(): void {
    if (this.complete || this.#draining) return;
    // Node ends an empty body whether or not anybody asks for it.
    if (this.#stream.readableEnded && !this.#receiving) process.nextTick(Http2Request.#bodyEnded, this);
    this.#flow();
  }

  pause(): void {
    if (!this.#draining) this.#stream.pause();
  }

  whole(): Buffer | null {
    const stream = this.#stream;
    if (this.complete || this.#receiving || !this.#isOpen()) return null;
    if (!stream.readableEnded && stream.state.remoteClose !== 1) return null;
    this.complete = true;
    const body = (stream.read() as Buffer | null) ?? EMPTY;
    this.#connection.useful += body.length;
    return body;
  }

  writeContinue(): void {
    if (this.#mayBegin()) this.#send(100, NONE);
  }

  writeInformation(status: number, headers: readonly string[]): void {
    if (this.#mayBegin()) this.#send(status, headers);
  }

  writeHead(status: number, _phrase: string, headers: readonly string[], length: number): void {
    if (!this.#isOpen()) return;
    if (this.answered) throw new TypeError('an answer has one head');
    this.answered = true;
    const bodiless = length === 0 || status === 204 || status === 205 || status === 304 || this.head.method === 'HEAD';
    this.#bodiless = bodiless;
    this.#answerLength = length;
    if (!bodiless) {
      this.#stream.on('wantTrailers', Http2Request.#onWantTrailers);
      this.#stream.on('drain', Http2Request.#onDrain);
    }
    this.#connection.useful += bytesOf(headers);
    this.#send(status, headers, bodiless ? BODILESS : BODIED);
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    if (this.#bodiless || from === to) return true;
    if (!this.#isOpen()) return false;
    const size = to - from;
    this.#written += size;
    this.#connection.useful += size;
    if (this.#answerLength >= 0 && this.#written > this.#answerLength) {
      this.cut();
      return false;
    }
    const copy = Buffer.allocUnsafe(size); // node:http2 keeps what it is given until it is sent
    bytes.copy(copy, 0, from, to);
    return this.#stream.write(copy);
  }

  /** Nothing waits: what is written in one turn of the event loop goes out together anyway. */
  flush(): void {}

  end(trailers: readonly string[]): void {
    if (this.#ended || !this.#isOpen()) return;
    const short = !this.#bodiless && this.#answerLength >= 0 && this.#written !== this.#answerLength;
    if (!this.answered || short) return this.cut();
    this.#ended = true;
    this.#answerTrailers = trailers;
    this.#stream.end();
    // A stream stays until both sides have ended it.
    if (this.#bodied && !this.#stream.readableEnded) this.#drain();
  }

  cut(): void {
    if (!this.#isOpen()) return;
    this.#dropped = true;
    this.#reset();
  }

  /**
   * Ends the stream when its client has let it wait for too long: a body that stalls, or an answer that is not read.
   * What waits for the upstream is not the client's fault. Called about once a second.
   *
   * @param now on the wheel's clock
   */
  look(now: number): void {
    const stream = this.#stream;
    const queued = stream.writableLength;
    if (this.#moved || queued !== this.#queued || !this.#isClientsTurn(queued)) {
      this.#moved = false;
      this.#queued = queued;
      this.#since = now;
      return;
    }
    const answered = this.#draining && stream.writableFinished && !stream.closed;
    if (now - this.#since < (answered ? DRAIN_TIME : this.#connection.idleTimeout)) return;
    this.#moved = true;
    if (stream.closed) {
      this.#connection.destroy(); // not even a reset goes out
    } else if (answered) {
      stream.close(constants.NGHTTP2_NO_ERROR); // RFC 9113 §8.1: the answer is whole, the rest of the request not needed
      stream.resume(); // node lets go of a stream when its body is read
    } else {
      this.#why = 'the client stalled';
      this.#reset();
    }
  }

  #isClientsTurn(queued: number): boolean {
    const stream = this.#stream;
    if (stream.closed || this.#ended || queued > 0) return true;
    return this.#receiving && !this.complete && !stream.isPaused();
  }

  #isOpen(): boolean {
    return !this.over && !this.#stream.closed && !this.#stream.destroyed;
  }

  #mayBegin(): boolean {
    return !this.answered && this.#isOpen();
  }

  /** @param status `TRAILERS`, or of the answer */
  #send(status: number, flat: readonly string[], options?: ServerStreamResponseOptions): void {
    const fields = fieldsOf(status, flat);
    try {
      if (status === TRAILERS) this.#stream.sendTrailers(fields);
      else if (status < 200) this.#stream.additionalHeaders(fields);
      else this.#stream.respond(fields, options);
    } catch (error) {
      // What HTTP/2 cannot carry, such as a status of 600: node:http2 throws before any of it is sent.
      if (!(error instanceof Error && 'code' in error)) throw error;
      this.#dropped = true;
      this.#reset();
    }
  }

  #flow(): void {
    if (!this.#receiving) {
      this.#receiving = true;
      this.#stream.on('data', Http2Request.#onData);
    }
    this.#stream.resume();
  }

  #drain(): void {
    const stream = this.#stream;
    this.#draining = this.#dropped = this.#moved = true;
    // The owner need not wait for what it has no use for. (Node ends its side of a HEAD before there is an answer.)
    if (stream.writableFinished) process.nextTick(Http2Request.#settle, this);
    else stream.once('finish', Http2Request.#onFinish);
    this.#flow();
  }

  /**
   * Resets with INTERNAL_ERROR: with NO_ERROR an answer would look whole. Not by `close`: that leaves what is written to be
   * sent, and when the stream goes before the reset does, node sends empty frames until it has no memory left.
   */
  #reset(): void {
    this.#stream.destroy(CUT);
  }

  static #settle(this: void, request: Http2Request): void {
    if (request.over) return;
    request.over = true; // there is nobody to answer
    if (!request.complete && !request.#dropped) {
      request.broken = true;
      request.owner.bodyFailed(request.#why, 400);
    }
    request.owner.closed();
  }

  static #onData(this: Carrier, chunk: Buffer): void {
    const request = this[REQUEST];
    request.#connection.useful += chunk.length;
    if (!request.#draining) {
      request.#progress += chunk.length;
      if (request.#progress >= PROGRESS_BYTES) {
        request.#progress = 0;
        request.#moved = true;
      }
      request.owner.bodyData(chunk, 0, chunk.length);
    } else if ((request.#drainable -= chunk.length) < 0 && !this.closed) this.pause();
  }

  static #onTrailers(this: Carrier, _fields: IncomingHttpHeaders, _flags: number, raw?: string[]): void {
    this[REQUEST].#trailers = raw ?? NONE;
  }

  /** Node ends a body that breaks off as it ends a whole one, but then the stream is closed already. */
  static #onEnd(this: Carrier): void {
    const request = this[REQUEST];
    if (this.closed) {
      this.destroy();
      return;
    }
    if (request.#receiving) Http2Request.#bodyEnded(request);
  }

  static #bodyEnded(this: void, request: Http2Request): void {
    if (request.complete || request.over) return;
    request.complete = true;
    if (!request.#dropped) request.owner.bodyEnd(request.#trailers);
  }

  /** A reset without an error leaves the stream until its body is read. Whoever reset it is gone all the same. */
  static #onAborted(this: Carrier): void {
    if (this.rstCode === constants.NGHTTP2_NO_ERROR) this.destroy();
  }

  static #onDrain(this: Carrier): void {
    const request = this[REQUEST];
    request.#moved = true;
    if (!request.over) request.owner.drained();
  }

  static #onWantTrailers(this: Carrier): void {
    const request = this[REQUEST];
    request.#send(TRAILERS, request.#answerTrailers);
  }

  static #onFinish(this: Carrier): void {
    Http2Request.#settle(this[REQUEST]);
  }

  static #onClose(this: Carrier): void {
    const request = this[REQUEST];
    request.#connection.requests.delete(request);
    if (this.rstCode === constants.NGHTTP2_PROTOCOL_ERROR) request.#why = 'the body broke its framing';
    Http2Request.#settle(request);
  }
}

const CUT = new Error('the answer is cut off');

const BODILESS: ServerStreamResponseOptions = { endStream: true };
/**
 * Whether or not there will be trailers: where node:http2 does not wait for them it ends a stream before it resets it, so
 * that an answer which is cut off would look whole.
 */
const BODIED: ServerStreamResponseOptions = { waitForTrailers: true };
/** Instead of a status: fields behind a body have none. */
const TRAILERS = 0;
const NONE: readonly string[] = [];
const EMPTY = Buffer.alloc(0);

/** Until the handler has put its own in place. */
const NOBODY: Owner = { bodyData() {}, bodyEnd() {}, bodyFailed() {}, drained() {}, closed() {} };

/** Fields of a connection, which HTTP/2 has no place for (RFC 9113 §8.2.2); node:http2 throws on them. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
]);

/** Flat fields as node:http2 wants them, without a prototype: one may be called `constructor`. */
function fieldsOf(status: number, flat: readonly string[]): OutgoingHttpHeaders {
  const fields = Object.create(null) as OutgoingHttpHeaders;
  if (status !== TRAILERS) fields[':status'] = status;
  for (let i = 0; i < flat.length; i += 2) {
    const name = flat[i] as string;
    const value = flat[i + 1] as string;
    if (FORBIDDEN.has(name)) continue;
    const known = fields[name];
    if (known === undefined) fields[name] = value;
    else if (Array.isArray(known)) known.push(value);
    else fields[name] = [String(known), value];
  }
  return fields;
}

/** Fields and 32 bytes for each: never less than what went over the wire. */
function bytesOf(flat: readonly string[]): number {
  let bytes = flat.length * 16;
  for (let i = 0; i < flat.length; i++) bytes += (flat[i] as string).length;
  return bytes;
}
