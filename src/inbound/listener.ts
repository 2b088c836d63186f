import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { newRequestId } from '../core/ids.ts';
import type { Reason } from '../core/reasons.ts';
import { bindError, type Address } from '../wire/address.ts';
import type { Timed, Wheel } from '../wire/wheel.ts';
import { Http1Connection, type Http1Options } from './http1/connection.ts';
import type { ClientLimits, Http1Limits } from './http1/limits.ts';
import { Http2Server } from './http2.ts';
import { ClientCertificate } from './identity/certificate.ts';
import type { RequestHandler } from './incoming.ts';
import { tlsOptions, type TlsTexts } from './tls.ts';

export interface ListenerOptions extends Http1Limits {
  readonly name: string;
  readonly address: Address;
  /** Null: plain TCP. */
  readonly tls: TlsTexts | null;
  /** At once. One more is closed as soon as it is accepted. */
  readonly connections: number;
}

/** Told of a refusal before there is a request to handle: the parser's, or of a tunnel. The client sees the same id. */
export type ParserRefusal = (reason: Reason, status: number, requestId: string) => void;

const PREFACE = Buffer.from('PRI * HTTP/2.0');
/** No method of HTTP/1 starts with `PRI` and a space, so that so many bytes of the preface tell (RFC 9113 §3.4). */
const TELLING_BYTES = 3;

/**
 * One port for HTTP/1.1 and HTTP/2: a connection that opens with the HTTP/2 preface (the AWS SDK for JavaScript speaks
 * to Bedrock with prior knowledge) or that chose `h2` by ALPN goes to node:http2, all else to our own engine.
 */
export class Listener {
  readonly name: string;
  readonly #options: ListenerOptions;
  readonly #server: Server;
  readonly #http1: Http1Options;
  readonly #http2: Http2Server;
  readonly #onError: (error: Error) => void;
  /** Sockets whose first bytes have not told yet what they speak. */
  readonly #opening = new Set<Opening>();
  readonly #connections = new Set<Http1Connection>();
  readonly #sessions = new Set<Socket>();
  /** What TLS runs over: of connections that are still shaking hands nothing else is known. */
  readonly #carriers = new Set<Socket>();
  #draining = false;
  #clientCa: string | null;
  /** Connections closed unserved because there were too many; and those that the system could not hand over. */
  turnedAway = 0;
  acceptErrors = 0;
  #quietUntil = 0;

  /** @param onError told of a connection that the system could not hand over, for want of descriptors or memory */
  constructor(
    options: ListenerOptions,
    onRequest: RequestHandler,
    onParserRefusal: ParserRefusal,
    onError: (error: Error) => void,
  ) {
    this.name = options.name;
    this.#options = options;
    this.#clientCa = options.tls?.clientCa ?? null;
    this.#onError = onError;
    const refused = (reason: Reason, status: number) => {
      const requestId = newRequestId();
      onParserRefusal(reason, status, requestId);
      return requestId;
    };
    this.#http1 = {
      ...options,
      keepAliveLines: keepAliveLines(options),
      onRequest,
      refused,
      gone: (connection) => this.#connections.delete(connection),
    };
    this.#http2 = new Http2Server(options, onRequest, refused);
    const limits = { noDelay: true, allowHalfOpen: true };
    this.#server =
      options.tls === null
        ? net.createServer(limits, (socket) => this.#accept(socket, false))
        : tls.createServer(
            {
              ...limits,
              ...tlsOptions(options.tls),
              ALPNProtocols: ['h2', 'http/1.1'],
              handshakeTimeout: options.requestHeadTimeout,
            },
            (socket: TLSSocket) => this.#accept(socket, socket.alpnProtocol === 'h2'),
          );
    if (options.tls !== null) this.#watchHandshakes();
    // For those that are still shaking hands; a plain connection is out of the server's count once it is taken over.
    this.#server.maxConnections = options.connections;
    this.#server.on('drop', () => this.turnedAway++);
  }

  /** Holds all connections to these limits from now on, those that are open too. */
  hold(limits: ClientLimits): void {
    Object.assign(this.#http1, limits, { keepAliveLines: keepAliveLines(limits) });
    this.#http2.hold(limits);
  }

  /**
   * Shows this certificate, and believes these authorities, on connections from now on. What others have vouched for ends
   * with its requests under way. Null: it has no TLS.
   */
  renew(texts: TlsTexts | null): void {
    if (texts === null || !(this.#server instanceof tls.Server)) return;
    this.#server.setSecureContext(tlsOptions(texts));
    if (texts.clientCa === this.#clientCa) return;
    this.#clientCa = texts.clientCa;
    for (const opening of this.#opening) opening.socket.destroy();
    this.#http2.part();
    for (const connection of this.#connections) connection.close();
  }

  /** Connections of clients at this moment. */
  get connections(): number {
    return this.#opening.size + this.#connections.size + this.#sessions.size;
  }

  /**
   * Binds. In a worker of a cluster the primary binds, and all workers share the one socket: whichever is free accepts.
   * @throws Error in one line, with what to do, when the address is taken or not ours to take
   */
  async listen(): Promise<void> {
    const { address } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) => reject(bindError(this.name, address, error));
      this.#server.once('error', fail);
      this.#server.listen(
        'path' in address ? { path: address.path } : { host: address.host, port: address.port, backlog: 1024 },
        () => {
          this.#server.off('error', fail).on('error', (error) => this.#failed(error));
          resolve();
        },
      );
    });
  }

  /** The port bound, or 0 on a Unix socket. */
  get port(): number {
    const bound = this.#server.address();
    return typeof bound === 'object' && bound !== null ? (bound as AddressInfo).port : 0;
  }

  /**
   * Stops accepting, lets requests in flight finish, then cuts what is left after `bound` milliseconds.
   * @param grace milliseconds of them in which connections without a request stay open: one may be on its way, and closed
   *   under it, it would fail
   */
  async close(bound: number, grace = 0): Promise<void> {
    const start = performance.now();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    if (grace > 0) await this.#empty(start + grace);
    this.#draining = true;
    for (const opening of this.#opening) opening.socket.destroy();
    this.#http2.close();
    for (const connection of this.#connections) connection.close();
    await this.#empty(start + bound);
    this.#http2.destroy();
    for (const socket of this.#sessions) socket.destroy();
    for (const connection of this.#connections) connection.link.destroy();
    for (const carrier of this.#carriers) carrier.destroy();
    await closed;
  }

  /** Waits until no connection is left, or until then. */
  async #empty(until: number): Promise<void> {
    while (this.connections > 0 && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, DRAIN_TURN));
  }

  /** Node tells of a handshake that fails or takes too long, and leaves it to us to end the connection. */
  #watchHandshakes(): void {
    this.#server.on('connection', (carrier: Socket) => {
      this.#carriers.add(carrier);
      carrier.once('close', () => this.#carriers.delete(carrier));
    });
    this.#server.on('tlsClientError', (_: Error, socket: TLSSocket) => socket.destroy());
  }

  #accept(socket: Socket, isHttp2: boolean): void {
    // Attached first: a reset while nobody listens would end the process.
    socket.on('error', destroyIt);
    if (this.connections >= this.#options.connections || this.#draining) {
      this.turnedAway++;
      socket.destroy();
      return;
    }
    if (isHttp2) this.#beginSession(socket);
    else {
      const opening = new Opening(socket, this.#http1, (first, ended) => this.#open(opening, first, ended));
      this.#opening.add(opening);
      socket.once('close', () => {
        opening.forget();
        this.#opening.delete(opening);
      });
    }
  }

  /** The first bytes have told. */
  #open(opening: Opening, first: Buffer, ended: boolean): void {
    const { socket } = opening;
    this.#opening.delete(opening);
    if (startsLikePreface(first) && first.length >= TELLING_BYTES) {
      socket.unshift(first);
      this.#beginSession(socket);
      return;
    }
    const connection = new Http1Connection(socket, this.#http1, ClientCertificate.of(socket));
    this.#connections.add(connection);
    connection.link.feed(first);
    if (ended) connection.ended();
  }

  #beginSession(socket: Socket): void {
    this.#sessions.add(socket);
    socket.once('close', () => this.#sessions.delete(socket));
    this.#http2.accept(socket);
  }

  /**
   * The system could not hand a connection over; for want of descriptors it comes in bursts. What is idle makes room for
   * the next ones, and for a moment more it is only counted.
   */
  #failed(error: Error): void {
    this.acceptErrors++;
    const { now } = this.#options.wheel;
    if (now < this.#quietUntil) return;
    this.#quietUntil = now + ACCEPT_PAUSE;
    for (const connection of this.#connections) if (connection.idle) connection.close();
    this.#onError(error);
  }
}

/** Milliseconds after a connection that was not handed over in which no more is said of others. */
const ACCEPT_PAUSE = 1000;

/** Milliseconds between two looks at whether all connections have ended. */
const DRAIN_TURN = 10;

/** A connection that has not said enough to know what it speaks. */
class Opening implements Timed {
  deadline = Infinity;
  turn = -1;
  readonly socket: Socket;
  readonly #told: (first: Buffer, ended: boolean) => void;
  readonly #wheel: Wheel;
  #first: Buffer | null = null;

  constructor(socket: Socket, options: Http1Limits, told: (first: Buffer, ended: boolean) => void) {
    this.socket = socket;
    this.#told = told;
    this.#wheel = options.wheel;
    this.#wheel.set(this, options.requestHeadTimeout);
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
  }

  expired(): void {
    this.socket.destroy();
  }

  readonly #onData = (chunk: Buffer): void => {
    const first = this.#first === null ? chunk : Buffer.concat([this.#first, chunk]);
    this.#first = first;
    if (first.length < TELLING_BYTES && startsLikePreface(first)) return;
    this.forget();
    this.socket.pause();
    this.#told(first, false);
  };

  /** What it said is all that it will say: the engine answers that, if it is anything. */
  readonly #onEnd = (): void => {
    if (this.#first === null) this.socket.destroy();
    else {
      this.forget();
      this.#told(this.#first, true);
    }
  };

  /** Looks at it no more. */
  forget(): void {
    this.#wheel.clear(this);
    this.socket.off('data', this.#onData);
    this.socket.off('end', this.#onEnd);
  }
}

function keepAliveLines({ keepAliveTimeout }: ClientLimits): string {
  return `connection: keep-alive\r\nkeep-alive: timeout=${Math.floor(keepAliveTimeout / 1000)}\r\n\r\n`;
}

function startsLikePreface(first: Buffer): boolean {
  const length = Math.min(first.length, PREFACE.length);
  return first.compare(PREFACE, 0, length, 0, length) === 0;
}

function destroyIt(this: Socket): void {
  this.destroy();
}
