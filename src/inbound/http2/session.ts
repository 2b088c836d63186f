import {
  constants,
  performServerHandshake,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
  type ServerOptions,
} from 'node:http2';
import type { Socket } from 'node:net';
import type { Timed, Wheel } from '../../wire/wheel.ts';
import { ClientCertificate } from '../identity/certificate.ts';
import { Http2Request, type Connection } from './request.ts';

/** What the sessions of one listener share. */
export interface SessionOptions {
  readonly wheel: Wheel;
  /** Milliseconds. */
  readonly idleTimeout: number;
  readonly keepAliveTimeout: number;
  readonly node: ServerOptions;
  onRequest(request: Http2Request): void;
  gone(session: Http2Session): void;
}

/** PING and SETTINGS frames between two looks at a session, which are a second apart at most. */
const CONTROL_FRAMES = 1000;
/** A session may take in so many times the bytes that it is used for, and so many bytes beyond. */
const OVERHEAD = 8;
const OVERHEAD_BYTES = 1024 * 1024;
/** Milliseconds that a client has to go once it was told to and nothing of its is under way. */
const LINGER = 2000;

/** One connection of a client. It is looked at about once a second, instead of having timers for itself and each stream. */
export class Http2Session implements Connection, Timed {
  deadline = Infinity;
  turn = -1;
  readonly requests = new Set<Http2Request>();
  useful = 0;
  readonly certificate: ClientCertificate | null;
  readonly #options: SessionOptions;
  readonly #socket: Socket;
  readonly #session: ServerHttp2Session;
  /** Requests of the read that is being looked at. */
  #arrived: Http2Request[] = [];
  #control = 0;
  /** On the wheel's clock: since when there is no request, and since when it only has to go; 0: not so. */
  #idleSince = 0;
  #leavingSince = 0;

  constructor(socket: Socket, options: SessionOptions) {
    this.#options = options;
    this.#socket = socket;
    this.certificate = ClientCertificate.of(socket); // while the socket is still its own
    const session = (this.#session = performServerHandshake(socket, options.node));
    session.on('stream', (stream: ServerHttp2Stream, _: IncomingHttpHeaders, _flags: number, raw: string[]) => {
      stream.on('error', ignore);
      if (this.#arrived.length === 0) setImmediate(Http2Session.#handOver, this);
      this.#arrived.push(new Http2Request(stream, raw, this));
    });
    // nghttp2 bounds how many of its own answers wait to be sent, not how many it gives (CVE-2019-9512, CVE-2019-9515).
    const count = () => {
      if (++this.#control > CONTROL_FRAMES) this.#calm();
    };
    session.on('ping', count);
    session.on('remoteSettings', count);
    session.on('error', ignore);
    session.on('close', () => {
      options.wheel.clear(this);
      options.gone(this);
    });
    this.#lookLater();
  }

  get idleTimeout(): number {
    return this.#options.idleTimeout;
  }

  expired(): void {
    this.#look(this.#options.wheel.now);
    if (!this.#socket.destroyed) this.#lookLater();
  }

  /** Lets open streams finish. */
  close(): void {
    this.#session.close();
  }

  destroy(): void {
    // Without an error node would reset streams as if their answers were whole.
    this.#session.destroy(new Error('the connection is cut'), constants.NGHTTP2_INTERNAL_ERROR);
    this.#socket.destroy();
  }

  /**
   * Once a read is done with: what of a body came together with its head is there by then, and a stream that was reset
   * by the read that opened it (CVE-2023-44487) has cost next to nothing.
   */
  static #handOver(this: void, session: Http2Session): void {
    const arrived = session.#arrived;
    session.#arrived = [];
    for (const request of arrived) if (!request.over) session.#options.onRequest(request);
  }

  #lookLater(): void {
    const { wheel, idleTimeout, keepAliveTimeout } = this.#options;
    wheel.set(this, Math.min(1000, idleTimeout / 4, keepAliveTimeout / 4));
  }

  #look(now: number): void {
    const session = this.#session;
    this.#control = 0;
    for (const request of this.requests) request.look(now);
    if (this.requests.size > 0) this.#idleSince = 0;
    if (session.closed || session.destroyed) {
      // A client that does not close its side, or that has half a head under way, would hold it for ever.
      if (this.requests.size > 0) this.#leavingSince = 0;
      else if (this.#leavingSince === 0) this.#leavingSince = now;
      else if (now - this.#leavingSince >= LINGER) this.destroy();
    } else if (this.#socket.bytesRead > OVERHEAD * this.useful + OVERHEAD_BYTES) {
      // Frames that ask for nothing, and heads that are too large to be read: whatever their kind.
      this.#calm();
    } else if (this.requests.size === 0) {
      if (this.#idleSince === 0) this.#idleSince = now;
      else if (now - this.#idleSince >= this.#options.keepAliveTimeout) this.close();
    }
  }

  #calm(): void {
    this.#session.destroy(new Error('the client asks for nothing'), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

/** The close that follows an error tells all that there is to know. */
function ignore(): void {}
