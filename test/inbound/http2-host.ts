import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Http2Server, type Http2Options } from '../../src/inbound/http2.ts';
import type { Incoming, Owner } from '../../src/inbound/incoming.ts';
import { Wheel } from '../../src/wire/wheel.ts';

/** What a request has been told, in order; bytes of the body apart. */
export type Told = 'data' | 'end' | 'failed' | 'drained' | 'closed';

/** A request as its owner sees it. */
export class Taken implements Owner {
  readonly request: Incoming;
  readonly told: Told[] = [];
  /** Bytes of the body that have come. */
  length = 0;
  readonly #chunks: Buffer[] = [];
  trailers: readonly string[] = [];
  why = '';
  #waiting: (() => void)[] = [];

  constructor(request: Incoming) {
    this.request = request;
    request.owner = this;
  }

  get body(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  bodyData(bytes: Buffer, from: number, to: number): void {
    this.length += to - from;
    this.#chunks.push(Buffer.from(bytes.subarray(from, to)));
    if (this.told.at(-1) !== 'data') this.told.push('data');
    this.#tell();
  }

  bodyEnd(trailers: readonly string[]): void {
    this.trailers = trailers;
    this.told.push('end');
    this.#tell();
  }

  bodyFailed(why: string): void {
    this.why = why;
    this.told.push('failed');
    this.#tell();
  }

  drained(): void {
    this.told.push('drained');
    this.#tell();
  }

  closed(): void {
    this.told.push('closed');
    this.#tell();
  }

  /** Resolves once it holds, looked at whenever something is told. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when it has been told so. */
  untilTold(what: Told): Promise<void> {
    return this.until(() => this.told.includes(what));
  }

  #tell(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}

/** Answers with a text whose length is told. */
export function answer(request: Incoming, status: number, text: string, headers: readonly string[] = []): void {
  const body = Buffer.from(text);
  request.writeHead(status, '', ['content-length', String(body.length), ...headers], body.length);
  request.write(body, 0, body.length);
  request.end([]);
}

/** An Http2Server behind a port, and the requests that it has handed over. */
export class Host {
  readonly http2: Http2Server;
  readonly taken: Taken[] = [];
  readonly refused: string[] = [];
  readonly sockets = new Set<Socket>();
  readonly #wheel = new Wheel();
  readonly #server: Server;
  #waiting: (() => void)[] = [];

  private constructor(handle: (taken: Taken) => void, options: Partial<Http2Options>) {
    this.http2 = new Http2Server(
      { wheel: this.#wheel, headBytes: 16_384, idleTimeout: 60_000, keepAliveTimeout: 60_000, ...options },
      (request) => {
        const taken = new Taken(request);
        this.taken.push(taken);
        handle(taken);
        const waiting = this.#waiting;
        this.#waiting = [];
        for (const resolve of waiting) resolve();
      },
      (reason, status) => {
        this.refused.push(`${status} ${reason}`);
        return `id-${this.refused.length}`;
      },
    );
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
      this.http2.accept(socket);
    });
  }

  /** @param handle called for each request, as the proxy would be */
  static async start(handle: (taken: Taken) => void, options: Partial<Http2Options> = {}): Promise<Host> {
    const host = new Host(handle, options);
    host.#server.listen(0, '127.0.0.1');
    await once(host.#server, 'listening');
    return host;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** The nth request (from 0), once it is there. */
  async request(n = 0): Promise<Taken> {
    while (this.taken.length <= n) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.taken[n]!;
  }

  async stop(): Promise<void> {
    this.http2.destroy();
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
    this.#wheel.close();
  }
}
