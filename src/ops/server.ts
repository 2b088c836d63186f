import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { bracketed, type Address } from '../wire/address.ts';
import { tlsOptions, type TlsTexts } from '../inbound/tls.ts';
import { isLoopback } from '../core/loopback.ts';
import { fromPage, hostName, loopbackNames } from '../core/web-page.ts';
import { listenOn } from './listen.ts';
import { json, ROUTES, type OpsParts, type Reply } from './routes.ts';

export interface OpsOptions extends OpsParts {
  /** Default null: plain HTTP. */
  readonly tls?: TlsTexts | null;
  /** Told of what a route threw, and what the client was told only as a 500. */
  onError(error: unknown): void;
}

/** Bytes of a request body that are read and thrown away; past them the connection is closed. */
const BODY_BYTES = 65_536;
const HEAD_BYTES = 8192;
const HEAD_MS = 5000;
const REQUEST_MS = 10_000;
const KEEP_ALIVE_MS = 5000;
const CONNECTIONS = 64;
/** How long `close` waits for answers that are being sent. */
const CLOSE_MS = 2000;

/**
 * The ops port (DESIGN 1.2): reads by GET and HEAD, changes by POST only. It knows no users, so it is meant for a loopback
 * address, and guards what a loopback address alone does not: a web page in a browser of this machine can reach it (so
 * Host must be one of ours, and a POST that a page made is refused), and so can the network once it is bound elsewhere (so
 * POST is taken from this machine only).
 */
export class OpsServer {
  readonly #options: OpsOptions;
  readonly #server: Server | TlsServer;
  /** Host names that are answered; null: any, since browsers reach no Unix socket and names of real interfaces vary. */
  #hosts: ReadonlySet<string> | null = null;

  constructor(options: OpsOptions) {
    this.#options = options;
    const limits = {
      headersTimeout: HEAD_MS,
      requestTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1000,
      maxHeaderSize: HEAD_BYTES,
    };
    const serve = (request: IncomingMessage, response: ServerResponse) => this.#serve(request, response);
    const tls = options.tls ?? null;
    this.#server =
      tls === null
        ? createServer(limits, serve)
        : createTlsServer({ ...limits, ...tlsOptions(tls), handshakeTimeout: HEAD_MS }, serve);
    this.#server.maxConnections = CONNECTIONS;
  }

  /**
   * Begins to listen, and resolves to the address as a URL, or `unix:/path`.
   * Rejects with an Error of one line that names the address and the fix when it cannot be had.
   */
  async listen(address: Address): Promise<string> {
    await listenOn(this.#server, address);
    this.#server.on('error', (error) => this.#options.onError(error));
    if ('path' in address) return `unix:${address.path}`;
    const bound = this.#server.address() as AddressInfo;
    if (isLoopback(bound.address)) {
      this.#hosts = loopbackNames(bracketed(address.host));
    }
    return `${this.#options.tls ? 'https' : 'http'}://${bracketed(bound.address)}:${bound.port}`;
  }

  /** Stops listening; resolves when the last connection is gone, at most two seconds later. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_MS);
    this.#server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    this.#server.closeIdleConnections();
    return promise;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    if (Number(request.headers['content-length'] ?? 0) > BODY_BYTES) {
      response.shouldKeepAlive = false;
      send(request, response, json(413, { error: 'bodies are not read here: send none' }));
      return;
    }
    let left = BODY_BYTES;
    request.on('data', (chunk: Buffer) => {
      left -= chunk.length;
      if (left < 0) request.destroy();
    });
    this.#answer(request).then(
      (reply) => send(request, response, reply),
      (error: unknown) => {
        this.#options.onError(error);
        send(request, response, json(500, { error: 'internal error: see the log' }));
      },
    );
  }

  async #answer(request: IncomingMessage): Promise<Reply> {
    if (!this.#hostAllowed(request)) {
      return json(403, { error: 'Host is not a name of this port: use localhost or the address in ops.listen' });
    }
    const target = request.url ?? '';
    const mark = target.indexOf('?');
    const route = ROUTES.get(mark < 0 ? target : target.slice(0, mark));
    if (route === undefined) return json(404, { error: 'no such path: GET / lists them' });
    const method = request.method === 'HEAD' ? 'GET' : request.method;
    if (method !== route.method) {
      const allow = route.method === 'GET' ? 'GET, HEAD' : 'POST';
      return { ...json(405, { error: `use ${allow}` }), allow };
    }
    if (method === 'POST') {
      if (fromPage(request.headers)) return json(403, { error: 'requests made by web pages are refused' });
      const peer = request.socket.remoteAddress;
      // A Unix socket has no remote address: who may open it is up to the file system.
      if (peer !== undefined && !isLoopback(peer)) {
        return json(403, { error: 'POST is taken from this machine only: call it on a loopback address' });
      }
    }
    return route.answer(this.#options, new URLSearchParams(mark < 0 ? '' : target.slice(mark)));
  }

  #hostAllowed(request: IncomingMessage): boolean {
    if (this.#hosts === null) return true;
    const given = request.headersDistinct['host'];
    return given?.length === 1 && this.#hosts.has(hostName(given[0]!));
  }
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  const headers: Record<string, string | number> = {
    'content-type': reply.type,
    'content-length': Buffer.byteLength(reply.body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (reply.allow !== undefined) headers['allow'] = reply.allow;
  response.writeHead(reply.status, headers);
  response.end(request.method === 'HEAD' ? undefined : reply.body);
}
