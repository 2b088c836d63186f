import type { Socket } from 'node:net';
import type { Reason } from '../../core/reasons.ts';
import { ChunkedDecoder, type ChunkSink } from '../../wire/chunked.ts';
import { copied } from '../../wire/copied.ts';
import { CHUNKED } from '../../wire/framing.ts';
import { Link, type LinkOwner } from '../../wire/link.ts';
import {
  HEAD_PARTIAL,
  HEAD_TOO_LARGE,
  HEAD_WHOLE,
  INVALID_METHOD,
  REQUESTS,
  SLAB,
  type PartialHead,
} from '../../wire/llhttp.ts';
import type { Timed } from '../../wire/wheel.ts';
import type { ClientCertificate } from '../identity/certificate.ts';
import type { RequestHandler } from '../incoming.ts';
import { plainAnswer } from '../plain.ts';
import { Backlog } from './backlog.ts';
import { methodOf, originForm, readFraming, UNREADABLE, versionOf, type Framing } from './head.ts';
import type { Http1Limits } from './limits.ts';
import { Http1Request, type Carrier } from './request.ts';

/** What the connections of one listener share. */
export interface Http1Options extends Http1Limits {
  readonly keepAliveLines: string;
  readonly onRequest: RequestHandler;
  /** Told of what is refused before it is a request; gives the id that its answer carries. */
  refused(reason: Reason, status: number): string;
  gone(connection: Http1Connection): void;
}

/** Pipelined bytes that wait for their turn, before the connection is read no further. */
const AHEAD_BYTES = 65_536;
/** What a client goes on sending after a last answer is dropped up to here, so that it reads the answer before a reset. */
const DRAIN_BYTES = 4 * 1024 * 1024;
/** Milliseconds for that; and for a client to close after its last answer. */
const DRAIN_TIME = 2000;
const LINGER = 1000;
/** A body that comes in drops is as good as none: so much of it must come within each idle timeout. */
const PROGRESS_BYTES = 16_384;

/** Between requests, or within a head. */
const HEAD = 0;
const BODY = 1;
const CHUNKS = 2;
/** The request is whole, its answer is not out. */
const HELD = 3;
/** The last answer is out: what comes is dropped. */
const CLOSING = 4;

const CR = 13;
const LF = 10;

/** Read by each head in turn. */
const framing: Framing = { length: 0, keepAlive: true, expects: false };

/**
 * One HTTP/1 connection of a client. Requests are served one after the other; what a client sends ahead waits, up to a
 * bound, and then is not read. Bytes are looked at where they came in; what must wait is copied.
 */
export class Http1Connection implements LinkOwner, Timed, Carrier, ChunkSink {
  deadline = Infinity;
  turn = -1;
  readonly link: Link;
  readonly certificate: ClientCertificate | null;
  readonly #options: Http1Options;
  #state = HEAD;
  /** In the middle of a head. */
  #partial: PartialHead | null = null;
  /** CR of an empty line before a request: 1, and its LF: 2 (RFC 9112 §2.2 allows one). */
  #blank = 0;
  #request: Http1Request | null = null;
  /** Bytes of the body that are still to come in. */
  #left = 0;
  #chunks: ChunkedDecoder | null = null;
  /** The owner of the request takes the body as it comes. */
  #flowing = false;
  #withheld = false;
  /** Nobody wants the rest of the body: the answer is out. */
  #dropping = false;
  #progress = 0;
  readonly #backlog: Backlog;
  /** The client has ended its side. */
  #ended = false;
  /** It ends with the request that is under way, or half there. */
  #isLast = false;
  #dropped = 0;
  /** What of the slab has not been looked at, within `received`. */
  #at = 0;
  #to = 0;

  constructor(socket: Socket, options: Http1Options, certificate: ClientCertificate | null = null) {
    this.#options = options;
    this.certificate = certificate;
    this.link = Link.accept(socket, this);
    this.#backlog = new Backlog(this.link, () => this.#fed());
    options.wheel.set(this, options.requestHeadTimeout);
  }

  get keepAliveLines(): string {
    return this.#options.keepAliveLines;
  }

  get unread(): number {
    return this.#state === BODY ? this.#left : this.#state === CHUNKS ? -1 : 0;
  }

  get withheld(): boolean {
    return this.#withheld;
  }

  /** No request is being served, and none has begun to come in. */
  get idle(): boolean {
    return this.#state === HEAD && this.#partial === null && this.#backlog.length === 0;
  }

  /** Ends it after the answer that is due, or at once. */
  close(): void {
    if (this.idle) return this.#end();
    this.#isLast = true;
    if (this.#request !== null) this.#request.closing = true;
  }

  received(length: number): void {
    if (this.#backlog.length > 0 && this.#state !== CLOSING) return this.#keep(0, length);
    this.#at = 0;
    this.#to = length;
    while (this.#at < this.#to) {
      switch (this.#state) {
        case HEAD:
          if (this.link.blocked) this.#keep(this.#at, this.#to);
          else this.#readHead();
          break;
        case BODY:
        case CHUNKS:
          if (this.#flowing) this.#at = this.#readBody(this.#at, this.#to);
          else this.#keep(this.#at, this.#to);
          break;
        case HELD:
          this.#keep(this.#at, this.#to);
          break;
        case CLOSING:
          this.#dropped += this.#to - this.#at;
          this.#at = this.#to;
          if (this.#dropped > DRAIN_BYTES) this.link.reset();
      }
    }
  }

  #readHead(): void {
    const { wheel, requestHeadTimeout, headBytes, targetBytes, headers: most } = this.#options;
    if (this.#partial === null && !this.#skipBlank()) return this.#refuse(400);
    if (this.#at === this.#to) return;
    const parsed = REQUESTS.parse(this.#at, this.#to, this.#partial, headBytes);
    switch (parsed) {
      case HEAD_WHOLE:
        break;
      case HEAD_PARTIAL:
        if (this.#partial === null) wheel.set(this, requestHeadTimeout);
        this.#partial = REQUESTS.saved(this.#partial);
        this.#at = this.#to;
        return;
      case HEAD_TOO_LARGE:
        return this.#refuse(431);
      case INVALID_METHOD:
        return this.#refuse(501);
      default:
        return this.#refuse(400);
    }
    this.#at = REQUESTS.end;
    this.#partial = null;
    this.#blank = 0;
    const version = versionOf(REQUESTS);
    const method = methodOf(REQUESTS);
    if (version === null || method === null) return this.#refuse(400);
    if (REQUESTS.targetLength > targetBytes) return this.#refuse(414);
    if (REQUESTS.fieldCount > most) return this.#refuse(431);
    if (method === 'CONNECT') return this.#refuse(403);
    const headers = REQUESTS.fields();
    const target = originForm(REQUESTS.target, headers);
    readFraming(headers, version, framing);
    this.#begin(method, target, headers, version);
  }

  #begin(method: string, target: string, headers: string[], version: '1.0' | '1.1'): void {
    const { length, keepAlive, expects } = framing;
    const unreadable = length === UNREADABLE;
    const closing = !keepAlive || unreadable || this.#isLast;
    const head = { method, target, headers };
    const request = new Http1Request(
      this,
      head,
      version,
      unreadable ? CHUNKED : length,
      expects && length !== 0,
      closing,
    );
    this.#request = request;
    this.#flowing = false;
    this.#dropping = false;
    this.#withheld = request.expects;
    this.#left = length;
    this.#progress = 0;
    this.#chunks = length === CHUNKED ? new ChunkedDecoder(this.#options.headBytes) : null;
    this.#state = length === 0 ? HELD : length > 0 ? BODY : CHUNKS;
    this.deadline = Infinity;
    this.#options.onRequest(request);
  }

  /** One empty line before a request is ignored. False: what stands there is none. */
  #skipBlank(): boolean {
    for (; this.#at < this.#to && this.#blank < 2; this.#at++) {
      const c = SLAB[this.#at]!;
      if (this.#blank === 0 && c !== CR) return true;
      if (this.#blank === 1 && c !== LF) return false;
      this.#blank++;
    }
    return true;
  }

  /** Delivers what `SLAB[from, to)` holds of the body. Gives the place after it. */
  #readBody(from: number, to: number): number {
    const request = this.#request!;
    this.#withheld = false;
    this.#progress += to - from;
    if (this.#progress >= PROGRESS_BYTES) {
      this.#progress = 0;
      this.#options.wheel.set(this, this.#options.idleTimeout);
    }
    if (this.#state === BODY) {
      const end = Math.min(to, from + this.#left);
      this.#left -= end - from;
      if (this.#left === 0) this.#whole(request);
      if (!this.#dropping) request.owner.bodyData(SLAB, from, end);
      if (this.#left === 0) this.#bodyOver(request, []);
      return end;
    }
    const decoder = this.#chunks;
    if (decoder === null) {
      this.#breakOff('The request body cannot be framed.', 400);
      return to;
    }
    const end = decoder.decode(SLAB, from, to, this);
    if (end < 0) {
      // Its owner may have ended it over what came before the fault.
      if (this.#request === request) this.#breakOff(decoder.fault, decoder.faultStatus);
      return to;
    }
    if (decoder.done && this.#request === request) {
      this.#whole(request);
      this.#bodyOver(request, decoder.trailers);
    }
    return end;
  }

  chunkData(bytes: Buffer, from: number, to: number): void {
    if (!this.#dropping) this.#request?.owner.bodyData(bytes, from, to);
  }

  #whole(request: Http1Request): void {
    request.complete = true;
    this.#state = HELD;
    this.#rest();
  }

  /** Nothing is waited for from the client, unless it does not take what was sent. */
  #rest(): void {
    if (!this.link.blocked) this.deadline = Infinity;
  }

  #bodyOver(request: Http1Request, trailers: readonly string[]): void {
    if (this.#dropping) this.#next();
    else if (this.#request === request && !request.over) request.owner.bodyEnd(trailers);
  }

  /** The body is not, and never will be, a whole one. */
  #breakOff(why: string, status: number): void {
    const request = this.#request!;
    request.broken = true;
    request.closing = true;
    if (this.#dropping) return this.#end();
    // What follows cannot be told from the body.
    this.#state = CLOSING;
    request.owner.bodyFailed(why, status);
  }

  receive(): void {
    if (this.#flowing || this.#request === null || this.#state === CLOSING) return;
    this.#flowing = true;
    if (this.#state !== HELD) this.#options.wheel.set(this, this.#options.idleTimeout);
    if (this.#backlog.length > 0) this.#backlog.feedSoon();
    else this.#backlog.resume();
  }

  pause(): void {
    if (!this.#flowing) return;
    this.#flowing = false;
    this.#rest();
    if (this.#state === BODY || this.#state === CHUNKS) this.#backlog.hold();
  }

  continued(): void {
    this.#withheld = false;
  }

  takeWhole(): Buffer | null {
    const request = this.#request;
    if (request === null || this.#state !== BODY || this.#flowing || this.#withheld || this.#backlog.length > 0)
      return null;
    // Only within the call that handed the request over: what followed its head is still where it came in.
    const end = this.#at + this.#left;
    if (end > this.#to) return null;
    const body = copied(SLAB, this.#at, end);
    this.#at = end;
    this.#left = 0;
    this.#whole(request);
    return body;
  }

  answered(request: Http1Request): void {
    if (this.#request !== request) return;
    if (request.closing) return this.#end();
    if (this.#state === BODY || this.#state === CHUNKS) {
      this.#dropping = true;
      this.#flowing = false;
      this.receive();
    } else this.#next();
  }

  /** Waits for the next request of this connection. */
  #next(): void {
    this.#request = null;
    this.#chunks = null;
    this.#state = HEAD;
    if (this.#isLast) return this.#end();
    if (this.#backlog.length > 0) {
      this.#options.wheel.set(this, this.#options.requestHeadTimeout);
      if (!this.link.blocked) this.#backlog.feedSoon();
      return;
    }
    if (this.#ended && this.#at >= this.#to) return this.#end();
    const { wheel, idleTimeout, keepAliveTimeout } = this.#options;
    wheel.set(this, this.link.blocked ? idleTimeout : keepAliveTimeout);
    this.#backlog.resume();
  }

  blocked(): void {
    this.#options.wheel.set(this, this.#options.idleTimeout);
  }

  drained(): void {
    if (this.#state === HELD) this.deadline = Infinity;
    else if (this.idle) this.#options.wheel.set(this, this.#options.keepAliveTimeout);
    if (this.#state === HEAD && this.#backlog.length > 0) this.#backlog.feedSoon();
    this.#request?.owner.drained();
  }

  ended(): void {
    this.#ended = true;
    switch (this.#state) {
      case HEAD:
        if (this.#backlog.length > 0) return;
        if (this.#partial === null) this.#end();
        else this.#refuse(400);
        return;
      case BODY:
      case CHUNKS:
        if (this.#backlog.length === 0) this.#breakOff('The request body broke off.', 400);
        return;
      case HELD:
        // A client that half-closes after a whole request is answered.
        if (this.#backlog.length === 0 && this.#request !== null) this.#request.closing = true;
        return;
    }
  }

  closed(_error: Error | null): void {
    this.#state = CLOSING;
    this.#options.wheel.clear(this);
    this.#backlog.drop();
    const request = this.#request;
    this.#request = null;
    this.#options.gone(this);
    request?.abandoned();
  }

  expired(): void {
    switch (this.#state) {
      case HEAD:
        if (this.#partial === null) this.link.destroy();
        else this.#refuse(408);
        return;
      case CLOSING:
        this.link.destroy();
        return;
      default:
        this.link.reset();
    }
  }

  /** Answers what never became a request, and ends the connection: nothing behind it is read. */
  #refuse(status: number): void {
    const reason: Reason = status === 403 ? 'operation_not_permitted' : 'request_malformed';
    this.#partial = null;
    this.link.text(plainAnswer(status, reason, this.#options.refused(reason, status)));
    this.#at = this.#to;
    this.#end();
  }

  /** The last word is out. What still comes is dropped for a moment, so that a reset does not overtake the answer (RFC 9112 §9.6). */
  #end(): void {
    const rest = this.#state === BODY || this.#state === CHUNKS || this.#backlog.length > 0;
    this.#state = CLOSING;
    this.#request = null;
    this.#backlog.drop();
    this.link.end();
    const { wheel, idleTimeout } = this.#options;
    wheel.set(this, this.link.pending ? idleTimeout : rest ? DRAIN_TIME : LINGER);
    this.#backlog.resume();
  }

  #keep(from: number, to: number): void {
    this.#at = this.#to;
    this.#backlog.keep(from, to);
    if (this.#state !== HELD || this.#backlog.length >= AHEAD_BYTES) this.#backlog.hold();
  }

  #fed(): void {
    if (this.#ended) this.ended();
    else this.#backlog.resume();
  }
}
