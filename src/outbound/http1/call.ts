import { copied } from '../../wire/copied.ts';
import type { Link } from '../../wire/link.ts';
import { CHUNKED } from '../../wire/framing.ts';
import type { Arrival, Call, Departure, Failure } from '../call.ts';
import type { UpstreamConnection } from './connection.ts';
import type { Pool } from './pool.ts';
import { lastChunk, requestText } from './request-text.ts';

/** Bytes of a whole body that are handed to the socket at once. */
const PIECE_BYTES = 131_072;

/** Methods that may be sent twice (RFC 9110 §9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** One request, from the time it is given to the pool until its answer is over. Writes the request; the connection reads. */
export class UpstreamCall implements Call {
  readonly departure: Departure;
  readonly arrival: Arrival;
  /** When the whole must be over, and when it has waited too long for a connection; on the wheel's clock. */
  readonly totalAt: number;
  waitAt = Infinity;
  /** The connection that it has to itself; null while it waits for one. */
  connection: UpstreamConnection | null = null;
  /** Nothing more is told. */
  over = false;
  /** All of the request has been given to the socket. */
  whole = false;
  paused = false;
  readonly #pool: Pool;
  readonly #text: string;
  /** Bytes of the body: sent of a whole one, still to come of a streamed one. */
  #bytes = 0;
  #headSent = false;
  #bodySent = false;
  #told = false;
  #ended = false;
  /** `write` answered false. */
  #owed = false;
  #retried = false;
  /** Written while the request waits to be sent again: nothing of the body had been sent before. */
  #held: Buffer[] | null = null;
  #trailers: readonly string[] = [];

  /** @throws TypeError when the request's head cannot be sent as it is */
  constructor(pool: Pool, departure: Departure, arrival: Arrival, now: number) {
    this.#pool = pool;
    this.departure = departure;
    this.arrival = arrival;
    this.#text = requestText(departure);
    this.totalAt = departure.totalTimeout > 0 ? now + departure.totalTimeout : Infinity;
    if (departure.length > 0) this.#bytes = departure.length;
  }

  /** Whether the body is written by the owner, piece by piece. */
  get #streamed(): boolean {
    return this.departure.body === null && this.departure.length !== 0;
  }

  /**
   * Whether it may be sent once more, where its connection ended before any answer: when doing it twice does no more than
   * doing it once and all of it is still there, or when nothing of its body is gone.
   */
  get repeatable(): boolean {
    if (this.#retried) return false;
    return this.#streamed ? !this.#bodySent : IDEMPOTENT.has(this.departure.method);
  }

  /** Whether it may be sent once more where nothing of it has left: all of it is still there. */
  get untouched(): boolean {
    return !this.#retried && !(this.#streamed && this.#bodySent);
  }

  /** The request is to be sent again, from its first byte. */
  repeat(): void {
    this.#retried = true;
    this.connection = null;
    this.whole = false;
    this.#headSent = false;
  }

  /** Sends the request by the connection that it has been given. */
  send(connection: UpstreamConnection): void {
    this.connection = connection;
    if (this.departure.body !== null) {
      this.#bytes = 0;
      this.#pump(connection.link, this.departure.body);
    } else if (!this.#streamed) {
      this.whole = true;
      connection.link.text(this.#text);
    } else if (this.#told) this.#catchUp(connection);
    else process.nextTick(begin, this);
  }

  /** What was blocked has gone out. */
  drained(link: Link): void {
    if (this.departure.body !== null) {
      if (!this.whole) this.#pump(link, this.departure.body);
    } else if (this.#owed) {
      this.#owed = false;
      this.arrival.drained();
    }
  }

  /** Tells the owner that it may write. The head waits for what is written at once, to go out with it. */
  begin(): void {
    if (this.over || this.#told || this.connection === null) return;
    this.#told = true;
    this.arrival.writable();
    if (this.connection !== null && !this.#headSent) this.#sendHead(this.connection);
  }

  write(bytes: Buffer, from: number, to: number): boolean {
    if (this.over || from === to) return true;
    const fixed = this.departure.length !== CHUNKED;
    if (this.#ended || (fixed && to - from > this.#bytes)) {
      this.#break('more was written than the body has');
      return true;
    }
    if (fixed) this.#bytes -= to - from;
    if (this.connection !== null) return this.#put(this.connection, bytes, from, to);
    (this.#held ??= []).push(copied(bytes, from, to));
    this.#owed = true;
    return false;
  }

  end(trailers: readonly string[]): void {
    if (this.over || this.#ended || !this.#streamed) return;
    if (this.departure.length !== CHUNKED) {
      if (this.#bytes > 0) this.#break(`the body ended ${this.#bytes} bytes before its length`);
      return;
    }
    this.#ended = true;
    this.#trailers = trailers;
    if (this.connection !== null) this.#putLast(this.connection);
  }

  pause(): void {
    if (this.over || this.paused) return;
    this.paused = true;
    this.connection?.pause();
  }

  resume(): void {
    if (this.over || !this.paused) return;
    this.paused = false;
    this.connection?.resume();
  }

  abort(): void {
    if (this.over) return;
    this.#release();
  }

  /** Ends it. The connection is not this call's any more. */
  fail(failure: Failure): void {
    if (this.over) return;
    this.over = true;
    this.connection = null;
    this.arrival.failed(failure);
  }

  #release(): void {
    this.over = true;
    const { connection } = this;
    this.connection = null;
    if (connection === null) this.#pool.forget(this);
    else connection.abandon();
  }

  /** Our own side broke the framing that the head announced. */
  #break(message: string): void {
    this.#release();
    this.arrival.failed({ kind: 'reset', message });
  }

  #pump(link: Link, body: Buffer): void {
    let at = this.#bytes;
    do {
      const end = Math.min(body.length, at + PIECE_BYTES);
      const flows =
        at === 0 && end === body.length
          ? link.owned(this.#text, body)
          : link.bytes(at === 0 ? this.#text : '', body, at, end, '');
      at = end;
      if (!flows) break;
    } while (at < body.length);
    this.#bytes = at;
    this.whole = at === body.length;
  }

  #sendHead(connection: UpstreamConnection): void {
    this.#headSent = true;
    connection.link.text(this.#text);
    connection.clock();
  }

  #put(connection: UpstreamConnection, bytes: Buffer, from: number, to: number): boolean {
    const { link } = connection;
    const head = this.#headSent ? '' : this.#text;
    this.#headSent = true;
    this.#bodySent = true;
    let flows: boolean;
    if (this.departure.length === CHUNKED) {
      flows = link.bytes(`${head}${(to - from).toString(16)}\r\n`, bytes, from, to, '\r\n');
    } else {
      flows = link.bytes(head, bytes, from, to, '');
      this.whole = this.#bytes === 0;
    }
    if (!flows) this.#owed = true;
    connection.clock();
    return flows;
  }

  #putLast(connection: UpstreamConnection): void {
    const last = lastChunk(this.#trailers);
    if (last === null) return this.#break('a trailer is malformed');
    const head = this.#headSent ? '' : this.#text;
    this.#headSent = true;
    this.#bodySent = true;
    this.whole = true;
    connection.link.text(head + last);
    connection.clock();
  }

  /** The owner went on writing while there was no connection. */
  #catchUp(connection: UpstreamConnection): void {
    let flows = true;
    for (const piece of this.#held ?? []) flows = this.#put(connection, piece, 0, piece.length);
    this.#held = null;
    if (this.#ended) this.#putLast(connection);
    else if (!this.#headSent) this.#sendHead(connection);
    if (flows && !this.#ended) this.drained(connection.link);
  }
}

function begin(call: UpstreamCall): void {
  call.begin();
}
