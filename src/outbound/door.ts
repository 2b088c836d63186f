import type { Readable } from 'node:stream';
import { buildConnector, Pool, type Dispatcher } from 'undici';
import { DIALECTS, type DialectId } from '../core/vocabulary.ts';
import { Permit } from '../policy/permit.ts';
import type { Catalogue, Endpoint } from '../region/catalogue.ts';
import { Networks } from './egress.ts';

/** A request that is ready to leave: signed, with its `host`. `headers` is flat, lower case. */
export interface Departure {
  readonly method: string;
  /** Path and query, base path included. */
  readonly target: string;
  readonly headers: readonly string[];
  readonly body: Readable | Buffer | null;
  /** Milliseconds until the answer's head; and between two chunks of its body. */
  readonly headTimeout: number;
  readonly idleTimeout: number;
}

export interface DoorOptions {
  /** Connections per region and endpoint. Envoy's default is 1024; a sidecar needs fewer. */
  readonly connections: number;
  /** Milliseconds. */
  readonly connectTimeout: number;
  readonly keepAliveTimeout: number;
}

/**
 * The only way out. There is one pool for each region and endpoint, never one for two regions, and which pool is used is
 * told by the permit alone: the caller names no address. TLS is verified against the endpoint's own name, redirects are
 * not followed, and nothing is retried.
 */
export class Door {
  readonly #catalogue: Catalogue;
  readonly #pools: (Pool | null)[];
  #users = 0;
  #onUnused: (() => void) | null = null;

  constructor(catalogue: Catalogue, options: DoorOptions) {
    this.#catalogue = catalogue;
    this.#pools = catalogue.regions.flatMap(({ endpoints, networks }) =>
      DIALECTS.map((dialect) => {
        const endpoint = endpoints[dialect];
        return endpoint === undefined ? null : poolFor(endpoint, new Networks(networks), options);
      }),
    );
  }

  /** The endpoint that a permit leads to; null when its region has none for the dialect. */
  endpoint(permit: Permit, dialect: DialectId): Endpoint | null {
    return this.#catalogue.regions[permit.target]?.endpoints[dialect] ?? null;
  }

  /**
   * Sends a permitted request. What comes back, and every failure, goes to `handler`.
   * @throws TypeError without a permit, or when the permitted region has no endpoint for the dialect: our own mistake
   */
  forward(permit: Permit, dialect: DialectId, departure: Departure, handler: Dispatcher.DispatchHandler): void {
    if (!(permit instanceof Permit)) throw new TypeError('nothing leaves without a permit');
    const pool = this.#pools[permit.target * DIALECTS.length + DIALECTS.indexOf(dialect)];
    if (pool === null || pool === undefined) throw new TypeError(`no ${dialect} endpoint in region ${permit.target}`);
    pool.dispatch(
      {
        path: departure.target,
        method: departure.method as Dispatcher.HttpMethod,
        headers: departure.headers as string[],
        body: departure.body,
        headersTimeout: departure.headTimeout,
        bodyTimeout: departure.idleTimeout,
      },
      handler,
    );
  }

  /** Connections of one region and dialect, for the metrics. */
  connections(region: number, dialect: DialectId): { active: number; idle: number; pending: number } {
    const stats = this.#pools[region * DIALECTS.length + DIALECTS.indexOf(dialect)]?.stats;
    if (stats === undefined) return { active: 0, idle: 0, pending: 0 };
    return { active: stats.connected - stats.free, idle: stats.free, pending: stats.pending };
  }

  /** Notes a request that may go out by this door; `left` once for each. */
  entered(): void {
    this.#users++;
  }

  left(): void {
    if (--this.#users === 0) this.#onUnused?.();
  }

  /** Closes once every request that entered has left: one whose body is still coming has not gone out yet. */
  async retire(): Promise<void> {
    if (this.#users > 0) await new Promise<void>((resolve) => (this.#onUnused = resolve));
    await this.close();
  }

  /** Lets requests in flight finish, then closes every connection. */
  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool?.close()));
  }
}

function poolFor(endpoint: Endpoint, networks: Networks, options: DoorOptions): Pool {
  const { socketPath } = endpoint;
  const connect = buildConnector({
    timeout: options.connectTimeout,
    rejectUnauthorized: true,
    keepAlive: true,
    allowH2: false,
    lookup: networks.lookup,
    ...(socketPath === null ? {} : { socketPath }),
  } as buildConnector.BuildOptions);
  return new Pool(endpoint.origin, {
    connections: options.connections,
    pipelining: 1,
    allowH2: false,
    useMilo: false,
    strictContentLength: true,
    keepAliveTimeout: options.keepAliveTimeout,
    connect: (target, callback) => {
      // An address literal is never looked up, so it is judged here; a socket is on no network.
      const refusal = socketPath === null ? networks.refuse(target.hostname) : null;
      if (refusal === null) connect(target, callback);
      else callback(refusal, null);
    },
  });
}
