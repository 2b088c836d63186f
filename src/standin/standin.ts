import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What a stand-in last received: the head only. */
export interface ReceivedRequest {
  readonly method: string;
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
}

/** A server on loopback that plays the part of a regional backend, for demonstrations and tests. */
export interface StandIn {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  /** Requests whose head arrived. */
  readonly requests: number;
  /** Every byte received on any connection, counted at the socket: 0 means that nothing was sent here at all. */
  readonly bytes: number;
  readonly lastRequest: ReceivedRequest | null;
  /** Closes the listener and every connection. */
  close(): Promise<void>;
}

/** What it returns is awaited and otherwise left alone. */
type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/**
 * Starts an HTTP/1.1 stand-in on 127.0.0.1. A client that sends `Expect: 100-continue` waits until the handler calls
 * `response.writeContinue()` or answers. A handler that throws is answered 500 with the error's text.
 *
 * @param port default: 0, a free one
 * @throws the listener's error, such as EADDRINUSE
 */
export async function startStandIn(handler: Handler, port = 0): Promise<StandIn> {
  const standIn = new HttpStandIn(handler);
  await standIn.listen(port);
  return standIn;
}

class HttpStandIn implements StandIn {
  port = 0;
  requests = 0;
  lastRequest: ReceivedRequest | null = null;
  readonly #handler: Handler;
  readonly #server = createServer({ requestTimeout: 0, keepAliveTimeout: 60_000 });
  readonly #sockets = new Set<Socket>();
  #bytesOfClosed = 0;

  constructor(handler: Handler) {
    this.#handler = handler;
    this.#server.on('connection', (socket) => this.#meter(socket));
    this.#server.on('request', (request, response) => this.#handle(request, response));
    this.#server.on('checkContinue', (request, response) => this.#handle(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get bytes(): number {
    let bytes = this.#bytesOfClosed;
    for (const socket of this.#sockets) bytes += socket.bytesRead;
    return bytes;
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #meter(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#bytesOfClosed += socket.bytesRead;
    });
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    this.requests++;
    this.lastRequest = { method: request.method ?? '', target: request.url ?? '', headers: request.headers };
    void this.#answer(request, response);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#handler(request, response);
    } catch (error) {
      // A client that went away in the middle of its body is none of ours to answer.
      if (request.destroyed && !request.complete) return;
      if (response.headersSent) response.destroy();
      else response.writeHead(500, { 'content-type': 'text/plain', connection: 'close' }).end(String(error));
    }
  }
}
