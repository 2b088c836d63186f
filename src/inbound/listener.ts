import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Server as NetServer, Socket } from 'node:net';
import { newRequestId } from '../core/ids.ts';
import type { Reason } from '../core/reasons.ts';
import { removeDeadSocket } from './dead-socket.ts';
import { tlsOptions, type TlsTexts } from './tls.ts';

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;

/** Where a listener is bound: a TCP address (port 0: a free one), or the path of a Unix socket. */
export type Address = { readonly host: string; readonly port: number } | { readonly path: string };

export interface ListenerOptions {
  readonly name: string;
  readonly address: Address;
  /** Null: plain TCP. */
  readonly tls: TlsTexts | null;
  /** Milliseconds. */
  readonly requestHeadTimeout: number;
  readonly idleTimeout: number;
  readonly keepAliveTimeout: number;
  /** Bytes of a whole head. */
  readonly headBytes: number;
  readonly connections: number;
}

/** Called for each request. `expects` is true when the client waits for 100 Continue before it sends the body. */
export type RequestHandler = (request: Request, response: Response, expects: boolean) => void;

/** Told of a refusal before there is a request to handle: the parser's, or of a tunnel. The client sees the same id. */
export type ParserRefusal = (reason: Reason, status: number, requestId: string) => void;

/** Milliseconds that a refused connection stays half-open, so that the client reads the answer before a reset. */
const LINGER = 1000;
/** Requests whose body broke its framing after the head was handed on: whoever has the request counts it. */
const broken = new WeakSet<Request>();

/** Whether the body of a request broke its framing, so that it never was whole. */
export function isBroken(request: Request): boolean {
  return broken.has(request);
}

const PREFACE = Buffer.from('PRI * HTTP/2.0');

/**
 * One port for HTTP/1.1 and HTTP/2: a connection that opens with the HTTP/2 preface (RFC 9113 §3.4; the AWS SDK for
 * JavaScript speaks to Bedrock with prior knowledge) or that chose `h2` by ALPN goes to node:http2, all else to
 * node:http. Parsing is strict: no lenient flag is ever set.
 */
export class Listener {
  readonly name: string;
  readonly #options: ListenerOptions;
  readonly #onError: (error: Error) => void;
  readonly #front: http.Server | https.Server;
  readonly #h2: http2.Http2Server;
  readonly #onParserRefusal: ParserRefusal;
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #sockets = new Set<Socket>();
  /** The request that each HTTP/1 connection is at. */
  readonly #current = new WeakMap<Socket, { readonly request: IncomingMessage; readonly response: ServerResponse }>();

  /** @param onError told of a connection that the system could not hand over, for want of memory or rights: the next may come */
  constructor(
    options: ListenerOptions,
    onRequest: RequestHandler,
    onParserRefusal: ParserRefusal,
    onError: (error: Error) => void,
  ) {
    this.name = options.name;
    this.#options = options;
    this.#onParserRefusal = onParserRefusal;
    this.#onError = onError;
    const { tls } = options;
    const limits = {
      insecureHTTPParser: false,
      maxHeaderSize: options.headBytes,
      requireHostHeader: false, // checked with the rest of the framing, so that the refusal is ours
      keepAliveTimeout: options.keepAliveTimeout,
      headersTimeout: options.requestHeadTimeout,
      requestTimeout: 0, // an upload may take long; `timeout` cuts the ones that stall
      connectionsCheckingInterval: Math.max(100, Math.min(1000, options.requestHeadTimeout / 4)),
      noDelay: true,
    };
    this.#front =
      tls === null
        ? http.createServer(limits)
        : https.createServer({ ...limits, ...tlsOptions(tls), ALPNProtocols: ['h2', 'http/1.1'] });
    this.#h2 = http2.createServer({
      maxSessionMemory: 10,
      maxHeaderListPairs: 128,
      settings: { maxConcurrentStreams: 128, maxHeaderListSize: options.headBytes, enablePush: false },
      streamResetBurst: 100,
      streamResetRate: 33,
    });

    const front = this.#front;
    front.maxHeadersCount = 0; // node would drop what is over, silently; the framing check refuses instead
    front.timeout = options.idleTimeout;
    front.maxConnections = options.connections;
    Object.assign(front, { httpAllowHalfOpen: true });
    const begin = (request: IncomingMessage, response: ServerResponse, expects: boolean) => {
      if (!this.#follows(request, response)) return;
      // llhttp lets `GET /` and `GET / HTTP/2.0` through as requests of those versions.
      if (request.httpVersionMajor === 1) onRequest(request, response, expects);
      else refuseHead(response, 400);
    };
    const refuseHead = (response: ServerResponse, status: number) => {
      response.shouldKeepAlive = false;
      response.writeHead(status, plainHeaders(this.#refused('request_malformed', status), true)).end(PLAIN.get(status));
    };
    front.on('request', (request, response) => begin(request, response, false));
    front.on('checkContinue', (request, response) => begin(request, response, true));
    front.on('checkExpectation', (request, response) => {
      if (this.#follows(request, response)) refuseHead(response, 417);
    });
    front.on('connect', (_request, socket) => {
      socket.on('error', destroyIt);
      this.#sayLast(
        socket as Socket,
        plainAnswer(403, 'operation_not_permitted', this.#refused('operation_not_permitted', 403)),
      );
    });
    front.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const status = statusOfParserError(error);
      if (status === null || !socket.writable) {
        socket.destroy();
        return;
      }
      const current = this.#current.get(socket as Socket);
      // Refused for its head already, and answered: this is the rest of it.
      if (current?.response.writableEnded === true && endsConnection(current.response)) return;
      if (current !== undefined && !current.request.complete) {
        broken.add(current.request);
        // Its head may have gone upstream: the end of this connection resets that one too. An answer that has no socket
        // yet waits for those before it, and must not overtake them.
        const { headersSent, socket: its } = current.response;
        if (!headersSent && its !== null) socket.write(plainAnswer(status, 'request_malformed', null));
        (socket as Socket).destroySoon();
        return;
      }
      this.#sayLast(
        socket as Socket,
        plainAnswer(status, 'request_malformed', this.#refused('request_malformed', status)),
      );
    });
    this.#sniff(tls === null ? 'connection' : 'secureConnection');

    const beginStream = (request: Http2ServerRequest, response: Http2ServerResponse, expects: boolean) => {
      // Node ends a body that breaks off as it ends a whole one. Who reads it listens; nobody else needs to know.
      request.on('error', () => undefined);
      request.once('aborted', () => {
        if (!request.readableEnded) request.destroy(new Error('the client went away'));
      });
      // As `timeout` for HTTP/1: neither a body that stalls nor an answer that nobody reads holds on for ever.
      request.stream.setTimeout(options.idleTimeout, () => request.stream.close(http2.constants.NGHTTP2_CANCEL));
      onRequest(request, response, expects);
    };
    this.#h2.on('request', (request, response) => beginStream(request, response, false));
    this.#h2.on('checkContinue', (request, response) => beginStream(request, response, true));
    // Node would answer both by itself, without a reason.
    this.#h2.on('checkExpectation', (_request, response) => {
      response.writeHead(417, plainHeaders(this.#refused('request_malformed', 417), false)).end(PLAIN.get(417));
    });
    this.#h2.on('connect', (_request, response) => {
      const requestId = this.#refused('operation_not_permitted', 403);
      response.writeHead(403, plainHeaders(requestId, false, 'operation_not_permitted')).end(NOT_SUPPORTED);
    });
    this.#h2.on('session', (session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
      session.on('error', () => session.destroy());
      session.setTimeout(options.keepAliveTimeout, () => session.close()); // lets open streams finish
    });
    // A session that fails has nobody to answer; its streams have been told by their own events.
    this.#h2.on('sessionError', (_error, session) => session.destroy());
  }

  /**
   * Notes a request as the latest of its connection. False behind an answer that says `close`: nothing is served there, it
   * may be the tail of what was refused (RFC 9112 §9.6).
   */
  #follows(request: IncomingMessage, response: ServerResponse): boolean {
    if (endsConnection(this.#current.get(request.socket)?.response)) return false;
    this.#current.set(request.socket, { request, response });
    return true;
  }

  /** Tells of a refusal of what never became a request. Gives the id that its answer carries. */
  #refused(reason: Reason, status: number): string {
    const requestId = newRequestId();
    this.#onParserRefusal(reason, status, requestId);
    return requestId;
  }

  /** Answers what never became a request, behind the answers that are still due on its connection, and ends that. */
  #sayLast(socket: Socket, answer: string): void {
    const due = this.#current.get(socket)?.response;
    const say = () => {
      socket.end(answer);
      setTimeout(() => socket.destroy(), LINGER).unref();
    };
    if (due === undefined || due.writableFinished) say();
    else due.once('finish', say);
  }

  /** Takes the protocol's own listener off, and puts it behind a look at the first bytes. */
  #sniff(event: 'connection' | 'secureConnection'): void {
    const front: NetServer = this.#front;
    const http1 = front.listeners(event) as ((socket: Socket) => void)[];
    front.removeAllListeners(event);
    front.on(event, (socket: Socket & { alpnProtocol?: string | false }) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      // Attached first: a reset while nobody listens would end the process.
      socket.on('error', destroyIt);
      if (socket.alpnProtocol === 'h2') {
        this.#beginSession(socket);
        return;
      }
      socket.setTimeout(this.#options.requestHeadTimeout, destroyIt);
      socket.once('data', (first: Buffer) => {
        socket.pause();
        socket.setTimeout(0);
        socket.off('timeout', destroyIt);
        socket.unshift(first);
        // Three bytes tell: no HTTP/1 method starts with `PRI` and a space.
        if (
          first.length >= 3 &&
          PREFACE.subarray(0, Math.min(first.length, PREFACE.length)).equals(first.subarray(0, PREFACE.length))
        ) {
          this.#beginSession(socket);
        } else {
          for (const listener of http1) listener.call(front, socket);
          socket.resume();
        }
      });
    });
  }

  /** A client that ends its side of an HTTP/2 connection is gone: half-open, its streams would wait for it for ever. */
  #beginSession(socket: Socket): void {
    socket.allowHalfOpen = false;
    this.#h2.emit('connection', socket);
  }

  /**
   * Binds. A Unix socket that a dead process left behind is replaced; a live one is not.
   * @throws Error in one line, with what to do, when the address is taken or not ours to take
   */
  async listen(): Promise<void> {
    const { address } = this.#options;
    if ('path' in address) await removeDeadSocket(address.path);
    await new Promise<void>((resolve, reject) => {
      const fail = (error: NodeJS.ErrnoException) =>
        reject(new Error(`${this.name}: ${explainBind(error, describe(address))}`));
      this.#front.once('error', fail);
      this.#front.listen(
        'path' in address ? { path: address.path } : { host: address.host, port: address.port, backlog: 1024 },
        () => {
          this.#front.off('error', fail).on('error', this.#onError);
          resolve();
        },
      );
    });
  }

  /** The port bound, or 0 on a Unix socket. */
  get port(): number {
    const bound = this.#front.address();
    return typeof bound === 'object' && bound !== null ? (bound as AddressInfo).port : 0;
  }

  /** Stops accepting, lets requests in flight finish, then cuts what is left after `bound` milliseconds. */
  async close(bound: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#front.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    // A connection falls idle when its last answer is done, so idle ones are looked for until none is left.
    this.#front.closeIdleConnections();
    const sweep = setInterval(() => this.#front.closeIdleConnections(), 100);
    const cut = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
      this.#front.closeAllConnections();
      for (const socket of this.#sockets) socket.destroy();
    }, bound);
    await closed;
    clearInterval(sweep);
    clearTimeout(cut);
  }
}

/** Whether an answer that has begun is the last one of its connection. */
function endsConnection(response: ServerResponse | undefined): boolean {
  return response !== undefined && response.headersSent && !response.shouldKeepAlive;
}

function destroyIt(this: Socket): void {
  this.destroy();
}

const PLAIN: ReadonlyMap<number, string> = new Map([
  [400, 'The request is malformed.\n'],
  [408, 'The request took too long.\n'],
  [413, 'The request is too large.\n'],
  [414, 'The request target is too long.\n'],
  [417, 'The expectation cannot be met.\n'],
  [431, 'The request head is too large.\n'],
  [501, 'The request method is not known.\n'],
]);

const NOT_SUPPORTED = 'Not supported.\n';

function plainHeaders(requestId: string, close: boolean, reason: Reason = 'request_malformed'): Record<string, string> {
  return {
    'content-type': 'text/plain; charset=utf-8',
    'x-residency-decision': 'deny',
    'x-residency-reason': reason,
    'x-request-id': requestId,
    'x-should-retry': 'false',
    ...(close ? { connection: 'close' } : {}),
  };
}

/** `requestId` is null where the head became a request, whose own answer this stands for. */
function plainAnswer(status: number, reason: Reason, requestId: string | null): string {
  const body = PLAIN.get(status) ?? NOT_SUPPORTED;
  return (
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${body.length}\r\n` +
    `x-residency-decision: deny\r\nx-residency-reason: ${reason}\r\n${requestId === null ? '' : `x-request-id: ${requestId}\r\n`}` +
    `x-should-retry: false\r\nconnection: close\r\n\r\n${body}`
  );
}

/** Status for a parser's error; null when there is nobody left to tell. */
function statusOfParserError(error: NodeJS.ErrnoException): number | null {
  switch (error.code) {
    case 'ECONNRESET':
    case 'EPIPE':
    case 'HPE_CLOSED_CONNECTION':
      return null;
    case 'HPE_HEADER_OVERFLOW':
      return 431;
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return 413;
    case 'HPE_INVALID_METHOD':
      return 501;
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return 408;
    default:
      return 400;
  }
}

function describe(address: Address): string {
  return 'path' in address ? `unix:${address.path}` : `${address.host}:${address.port}`;
}

function explainBind(error: NodeJS.ErrnoException, where: string): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `${where} is in use. Stop what listens there, or choose another address in the configuration.`;
    case 'EACCES':
      return `${where} may not be bound by this user. Choose a port above 1023, or grant the right to bind it.`;
    case 'EADDRNOTAVAIL':
      return `${where} is not an address of this machine. Choose one that is.`;
    default:
      return `cannot listen on ${where}: ${error.message}. Check the address in the configuration.`;
  }
}
