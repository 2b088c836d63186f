import { ChunkedDecoder, type ChunkSink } from '../../wire/chunked.ts';
import { CHUNKED, UNTIL_CLOSE } from '../../wire/framing.ts';
import type { Link } from '../../wire/link.ts';
import { HEAD_PARTIAL, HEAD_TOO_LARGE, HEAD_WHOLE, RESPONSES, SLAB, type PartialHead } from '../../wire/llhttp.ts';
import type { Timed, Wheel } from '../../wire/wheel.ts';
import type { FailureKind } from '../call.ts';
import type { UpstreamCall } from './call.ts';
import { connectFailure, told, type Connecting } from './connect.ts';
import type { Pool } from './pool.ts';
import { FRAMING, MALFORMED } from './response-framing.ts';

const HEAD_BYTES = 65_536;
const FIELDS = 256;
const TRAILER_BYTES = 16_384;
/** Informational answers to one request: without a bound they are an answer that never comes. */
const INFORMATION = 16;

/** It has ended. */
const VACANT = 0;
const CONNECTING = 1;
const IDLE = 2;
/** A request was sent: what comes is the head of its answer, a body of known length, chunks, or a body without an end. */
const HEAD = 3;
const COUNTED = 4;
const CHUNKS = 5;
const ENDLESS = 6;

/** What `#head` and `#body` give when there is no more to read for the request. */
const OVER = -1;

/** One connection to an upstream: one request at a time, and the reading of its answer. */
export class UpstreamConnection implements Connecting, Timed, ChunkSink {
  deadline = Infinity;
  turn = -1;
  readonly #pool: Pool;
  readonly #wheel: Wheel;
  #link: Link | null = null;
  #phase = VACANT;
  #call: UpstreamCall | null = null;
  #reached = false;
  /** On the wheel's clock. */
  #madeAt = 0;
  /** It has been at rest, so the other side may have closed it. */
  #reused = false;
  /** Something of an answer has come. */
  #answered = false;
  #information = 0;
  /** Messages that had been sent when the request was given to it. */
  #writesBefore = 0;
  #partial: PartialHead | null = null;
  #left = 0;
  #decoder: ChunkedDecoder | null = null;
  #keeps = false;
  #keepAlive = 0;

  constructor(pool: Pool, wheel: Wheel) {
    this.#pool = pool;
    this.#wheel = wheel;
  }

  get link(): Link {
    return this.#link!;
  }

  /** Whether it is not too old for another request. */
  get young(): boolean {
    return this.#wheel.now - this.#madeAt < this.#pool.options.connectionAge;
  }

  /** Whether a request may still be sent by it, now that it is at rest. */
  get usable(): boolean {
    return this.#wheel.now < this.deadline && this.young;
  }

  connect(): void {
    const { connector, options } = this.#pool;
    this.#phase = CONNECTING;
    this.#reached = false;
    this.#reused = false;
    this.#link = connector.open(this);
    this.#wheel.set(this, options.connectTimeout);
  }

  reached(): void {
    this.#reached = true;
  }

  connected(): void {
    this.#madeAt = this.#wheel.now;
    this.#keepAlive = this.#pool.options.keepAliveTimeout;
    this.#pool.connected(this);
  }

  /** Sends a request; its answer is told to its arrival. */
  start(call: UpstreamCall): void {
    this.#call = call;
    this.#phase = HEAD;
    this.#answered = false;
    this.#information = 0;
    this.#writesBefore = this.link.writes;
    call.send(this);
    if (this.#call !== call) return;
    if (call.paused) this.link.pause();
    this.clock();
  }

  /** Waits for the next request, read all the while: what comes, or that the other side closes, ends it. */
  rest(): void {
    this.#phase = IDLE;
    this.#reused = true;
    this.#wheel.set(this, this.#keepAlive);
  }

  /** Ends a connection that no request is on. */
  close(): void {
    this.#vacate(false);
    this.#pool.gone(this);
  }

  /** The request on it is given up: the upstream sees a reset. */
  abandon(): void {
    this.#vacate(true);
    this.#pool.gone(this);
  }

  pause(): void {
    this.link.pause();
    this.clock();
  }

  resume(): void {
    this.link.resume();
    this.clock();
  }

  /**
   * Sets the deadline anew, after something has moved. Time runs while the upstream is waited for: neither while the owner
   * holds the answer back, nor while the rest of the request is the owner's to write.
   */
  clock(): void {
    const call = this.#call;
    if (call === null) return;
    const { headTimeout, idleTimeout } = call.departure;
    let wait = Infinity;
    if (!call.paused && (call.whole || this.link.blocked))
      wait = (this.#phase === HEAD ? headTimeout : idleTimeout) || Infinity;
    if (call.totalAt !== Infinity) wait = Math.min(wait, call.totalAt - this.#wheel.now);
    if (wait === Infinity) this.deadline = Infinity;
    else this.#wheel.set(this, wait);
  }

  expired(): void {
    const call = this.#call;
    if (call !== null) {
      const { headTimeout, idleTimeout, totalTimeout } = call.departure;
      if (call.totalAt <= this.#wheel.now) return this.#fail(call, 'timeout', `not over within ${totalTimeout} ms`);
      if (this.#phase === HEAD) return this.#fail(call, 'timeout', `no answer within ${headTimeout} ms`);
      return this.#fail(call, 'timeout', `nothing more of the answer within ${idleTimeout} ms`);
    }
    if (this.#phase === IDLE) return this.close();
    const { connector, options } = this.#pool;
    const error = new Error(`no connection within ${options.connectTimeout} ms`);
    this.#vacate(false);
    this.#pool.unconnected(this, connectFailure(connector.place, error, this.#reached));
  }

  received(length: number): void {
    const call = this.#call;
    if (call === null) return this.#link!.destroy(); // nothing was asked: whose answer it is cannot be told
    if (!this.#answered && !this.#asked) return this.#stray(call);
    this.#answered = true;
    let at = 0;
    while (at < length) {
      at = this.#phase === HEAD ? this.#head(call, at, length) : this.#body(call, at, length);
      if (at === OVER) return;
    }
    if (this.#phase === HEAD) return; // a head has one time for all of it
    call.arrival.flush();
    if (this.#call === call) this.clock();
  }

  chunkData(bytes: Buffer, from: number, to: number): void {
    if (this.#phase === CHUNKS) this.#call!.arrival.data(bytes, from, to);
  }

  ended(): void {
    if (this.#phase === ENDLESS) this.#finish(this.#call!, false, NO_TRAILERS);
    else this.#link!.destroy();
  }

  blocked(): void {
    this.clock();
  }

  drained(): void {
    const call = this.#call;
    if (call === null) return;
    call.drained(this.link);
    if (this.#call === call) this.clock();
  }

  closed(error: Error | null): void {
    const call = this.#call;
    const phase = this.#phase;
    if (phase === VACANT) return; // it was us
    const asked = this.#asked;
    this.#vacate(false);
    const { connector } = this.#pool;
    if (phase === CONNECTING) {
      this.#pool.unconnected(this, connectFailure(connector.place, error, this.#reached));
    } else if (call !== null && this.#reused && !this.#answered && (asked ? call.repeatable : call.untouched)) {
      this.#pool.repeat(this, call);
    } else {
      this.#pool.gone(this);
      const why = error === null ? 'the connection ended' : told(error);
      call?.fail({ kind: 'reset', message: `${connector.place}: ${why} before the answer was whole` });
    }
  }

  /** Whether anything of the request has left: what is sent goes out at the end of a turn. */
  get #asked(): boolean {
    return this.#link !== null && this.#link.writes > this.#writesBefore;
  }

  /** What comes before anything of the request has left is no answer to it. */
  #stray(call: UpstreamCall): void {
    if (!this.#reused || !call.untouched) return this.#fail(call, 'malformed', 'it answered before it was asked');
    this.#vacate(true);
    this.#pool.repeat(this, call);
  }

  #head(call: UpstreamCall, at: number, length: number): number {
    const code = RESPONSES.parse(at, length, this.#partial, HEAD_BYTES);
    if (code === HEAD_PARTIAL) {
      this.#partial = RESPONSES.saved(this.#partial);
      return length;
    }
    this.#partial = null;
    if (code !== HEAD_WHOLE)
      return this.#malformed(
        call,
        code === HEAD_TOO_LARGE ? 'its head is too large' : `its head is malformed (${code})`,
      );
    const { text, status, phrase, end } = RESPONSES;
    const http11 = text.startsWith('HTTP/1.1 ');
    if (!http11 && !text.startsWith('HTTP/1.0 ')) return this.#malformed(call, 'it is not HTTP/1');
    if (status < 100) return this.#malformed(call, 'its status line is malformed');
    if (RESPONSES.fieldCount > FIELDS) return this.#malformed(call, `it has more than ${FIELDS} fields`);
    const headers = RESPONSES.fields();
    const body = FRAMING.read(call.departure.method, status, http11, headers);
    if (body === MALFORMED) return this.#malformed(call, 'its length can be read in several ways');
    if (status < 200) return this.#inform(call, status, headers, end);
    this.#keeps = FRAMING.keeps;
    this.#keepAlive = Math.min(this.#pool.options.keepAliveTimeout, FRAMING.keepAlive);
    if (body === CHUNKED) {
      this.#phase = CHUNKS;
      this.#decoder = new ChunkedDecoder(TRAILER_BYTES);
    } else {
      this.#phase = body === UNTIL_CLOSE ? ENDLESS : COUNTED;
      this.#left = body;
    }
    call.arrival.head(status, phrase, headers, body);
    if (this.#call !== call) return OVER;
    return body === 0 ? this.#finish(call, end === length, NO_TRAILERS) : end;
  }

  /** RFC 9110 §15.2: any number of them may come before the answer. That a body may be sent is not waited for. */
  #inform(call: UpstreamCall, status: number, headers: string[], end: number): number {
    if (status === 101) return this.#malformed(call, 'it changes to a protocol that nobody asked for');
    if (++this.#information > INFORMATION) return this.#malformed(call, 'it does not come to its point');
    if (status !== 100) call.arrival.information(status, headers);
    return this.#call === call ? end : OVER;
  }

  #body(call: UpstreamCall, at: number, length: number): number {
    if (this.#phase === CHUNKS) return this.#chunks(call, at, length);
    let end = length;
    if (this.#phase === COUNTED) {
      end = Math.min(length, at + this.#left);
      this.#left -= end - at;
    }
    call.arrival.data(SLAB, at, end);
    if (this.#call !== call) return OVER;
    return this.#phase === COUNTED && this.#left === 0 ? this.#finish(call, end === length, NO_TRAILERS) : end;
  }

  #chunks(call: UpstreamCall, at: number, length: number): number {
    const decoder = this.#decoder!;
    const end = decoder.decode(SLAB, at, length, this);
    if (this.#call !== call) return OVER;
    if (end < 0) return this.#malformed(call, decoder.fault);
    return decoder.done ? this.#finish(call, end === length, decoder.trailers) : end;
  }

  /**
   * The answer is whole. Its connection serves the next request, if it may, before the owner is told: it may ask at once.
   * @param clean nothing has come after the answer. What does is no answer to anything.
   */
  #finish(call: UpstreamCall, clean: boolean, trailers: readonly string[]): typeof OVER {
    const { whole, paused } = call;
    call.over = true;
    call.connection = null;
    if (clean && whole && this.#keeps && this.#keepAlive > 0) {
      this.#call = null;
      this.#decoder = null;
      this.#reused = true;
      if (paused) this.link.resume();
      this.#pool.free(this);
    } else {
      this.#vacate(!whole); // a request of which only a part was sent must not look whole
      this.#pool.gone(this);
    }
    call.arrival.end(trailers);
    return OVER;
  }

  #malformed(call: UpstreamCall, why: string): typeof OVER {
    this.#fail(call, 'malformed', `the answer cannot be read: ${why}`);
    return OVER;
  }

  #fail(call: UpstreamCall, kind: FailureKind, why: string): void {
    this.#vacate(true);
    this.#pool.gone(this);
    call.fail({ kind, message: `${this.#pool.connector.place}: ${why}` });
  }

  /** Ends the socket, if it has not ended, and forgets all about it. */
  #vacate(reset: boolean): void {
    const { link } = this;
    this.#phase = VACANT;
    this.#call = null;
    this.#link = null;
    this.#partial = null;
    this.#decoder = null;
    this.#wheel.clear(this);
    if (reset) link.reset();
    else link.destroy();
  }
}

const NO_TRAILERS: readonly string[] = [];
