import type { Arrival, Call, Departure, Failure } from '../../src/outbound/call.ts';
import { Networks } from '../../src/outbound/egress.ts';
import { Pool, type PoolOptions } from '../../src/outbound/http1/pool.ts';
import type { Endpoint } from '../../src/region/catalogue.ts';
import { Wheel } from '../../src/wire/wheel.ts';

const wheel = new Wheel();

/** A pool for one endpoint, with times that fit a test. */
export function poolOf(
  endpoint: string | { readonly socketPath: string },
  options: Partial<PoolOptions> = {},
  networks = new Networks([]),
): Pool {
  const location =
    typeof endpoint === 'string'
      ? { origin: endpoint, socketPath: null }
      : { origin: 'http://localhost', socketPath: endpoint.socketPath };
  return new Pool(location as Endpoint, networks, {
    connections: 256,
    pending: 1024,
    pendingTimeout: 5000,
    connectTimeout: 5000,
    keepAliveTimeout: 4000,
    connectionAge: 300_000,
    dnsTtl: 10_000,
    happyEyeballs: false,
    wheel,
    ...options,
  });
}

/** What an arrival was told, put together. */
export class Told implements Arrival {
  readonly hints: [status: number, headers: string[]][] = [];
  status = 0;
  phrase = '';
  headers: string[] = [];
  length = NaN;
  body = Buffer.alloc(0);
  trailers: readonly string[] | null = null;
  failure: Failure | null = null;
  /** Names of the calls, in order, `data` and `flush` not repeated. */
  readonly order: string[] = [];
  call: Call | null = null;
  /** Resolves when it is over. */
  readonly over: Promise<this>;
  #resolve: () => void = () => undefined;

  constructor() {
    this.over = new Promise((resolve) => (this.#resolve = () => resolve(this)));
  }

  writable(): void {
    this.#note('writable');
  }

  drained(): void {
    this.#note('drained');
  }

  information(status: number, headers: string[]): void {
    this.#note('information');
    this.hints.push([status, headers]);
  }

  head(status: number, phrase: string, headers: string[], length: number): void {
    this.#note('head');
    Object.assign(this, { status, phrase, headers, length });
  }

  data(bytes: Buffer, from: number, to: number): void {
    this.#note('data');
    this.body = Buffer.concat([this.body, bytes.subarray(from, to)]);
  }

  flush(): void {
    this.#note('flush');
  }

  end(trailers: readonly string[]): void {
    this.#note('end');
    this.trailers = trailers;
    this.#resolve();
  }

  failed(failure: Failure): void {
    this.#note('failed');
    this.failure = failure;
    this.#resolve();
  }

  /** Whether nothing more may be told: whoever is told after that is told too much. */
  #note(name: string): void {
    if (this.trailers !== null || this.failure !== null) throw new Error(`${name} was told after the end`);
    if (!((name === 'data' || name === 'flush') && this.order.slice(-2).includes(name))) this.order.push(name);
  }
}

/** Sends a request; a GET of `/` where nothing else is said. */
export function ask<T extends Told>(pool: Pool, departure: Partial<Departure>, told: T): T {
  told.call = pool.forward(
    {
      method: 'GET',
      target: '/',
      headers: ['host', 'upstream'],
      body: null,
      length: 0,
      headTimeout: 5000,
      idleTimeout: 5000,
      totalTimeout: 0,
      ...departure,
    },
    told,
  );
  return told;
}

/** Sends a request and resolves when it is over. */
export async function answer(pool: Pool, departure: Partial<Departure> = {}): Promise<Told> {
  return ask(pool, departure, new Told()).over;
}

/** Writes a streamed body as soon as it may, and ends it. */
export class Uploading extends Told {
  readonly #pieces: readonly string[];
  readonly #trailers: readonly string[];

  constructor(pieces: readonly string[], trailers: readonly string[] = []) {
    super();
    this.#pieces = pieces;
    this.#trailers = trailers;
  }

  override writable(): void {
    super.writable();
    for (const piece of this.#pieces) {
      const bytes = Buffer.from(piece, 'latin1');
      this.call!.write(bytes, 0, bytes.length);
    }
    this.call!.end(this.#trailers);
  }
}
