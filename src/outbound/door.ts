import { DIALECTS, type DialectId } from '../core/vocabulary.ts';
import { Permit } from '../policy/permit.ts';
import type { Catalogue, Endpoint } from '../region/catalogue.ts';
import type { Wheel } from '../wire/wheel.ts';
import type { Arrival, Call, Departure } from './call.ts';
import { Networks } from './egress.ts';
import { Pool, type PoolOptions } from './http1/pool.ts';

/** What is not given has its default. */
export type DoorOptions = Partial<PoolOptions> & { readonly wheel: Wheel };

const DEFAULTS: Omit<PoolOptions, 'wheel'> = {
  // Envoy's default is 1024; a sidecar needs fewer.
  connections: 256,
  pending: 1024,
  pendingTimeout: 5000,
  connectTimeout: 5000,
  keepAliveTimeout: 4000,
  connectionAge: 300_000,
  dnsTtl: 10_000,
  happyEyeballs: false,
};

/**
 * The only way out. There is one pool for each region and endpoint, never one for two regions, and which pool is used is
 * told by the permit alone: the caller names no address. TLS is verified against the endpoint's own name, and redirects
 * are not followed.
 */
export class Door {
  readonly #catalogue: Catalogue;
  readonly #pools: (Pool | null)[];
  #users = 0;
  #onUnused: (() => void) | null = null;

  constructor(catalogue: Catalogue, options: DoorOptions) {
    this.#catalogue = catalogue;
    const all = { ...DEFAULTS, ...options };
    this.#pools = catalogue.regions.flatMap(({ endpoints, networks }) =>
      DIALECTS.map((dialect) => {
        const endpoint = endpoints[dialect];
        return endpoint === undefined ? null : new Pool(endpoint, new Networks(networks), all);
      }),
    );
  }

  /** The endpoint that a permit leads to; null when its region has none for the dialect. */
  endpoint(permit: Permit, dialect: DialectId): Endpoint | null {
    return this.#catalogue.regions[permit.target]?.endpoints[dialect] ?? null;
  }

  /**
   * Sends a permitted request. What comes back, and every failure, is told to `arrival`, never before this returns.
   * @throws TypeError without a permit, when the permitted region has no endpoint for the dialect, or when the head of the
   * request cannot be sent as it is: our own mistake
   */
  forward(permit: Permit, dialect: DialectId, departure: Departure, arrival: Arrival): Call {
    if (!(permit instanceof Permit)) throw new TypeError('nothing leaves without a permit');
    const pool = this.#pools[permit.target * DIALECTS.length + DIALECTS.indexOf(dialect)];
    if (pool === null || pool === undefined) throw new TypeError(`no ${dialect} endpoint in region ${permit.target}`);
    return pool.forward(departure, arrival);
  }

  /** Connections of one region and dialect, and the requests that wait for one: for the metrics. */
  connections(region: number, dialect: DialectId): { active: number; idle: number; pending: number } {
    const pool = this.#pools[region * DIALECTS.length + DIALECTS.indexOf(dialect)];
    return pool?.stats ?? { active: 0, idle: 0, pending: 0 };
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
