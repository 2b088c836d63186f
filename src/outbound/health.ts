import { connect, type Socket } from 'node:net';
import { DIALECTS, type DialectId, type Verb } from '../core/vocabulary.ts';
import { secure, serving } from '../region/availability.ts';
import type { Catalogue } from '../region/catalogue.ts';
import { Networks } from './egress.ts';

/** How an endpoint is taken out and put back. Defaults are Envoy's outlier detection. */
export interface HealthOptions {
  /** Consecutive 502, 503, 504 and time-outs before an endpoint is taken out. Default 5. */
  readonly failures: number;
  /** Milliseconds that it then stays out. Default 30,000. */
  readonly ejection: number;
  /** Milliseconds between connection probes of an endpoint that could not be reached. Default 1,000. */
  readonly probeInterval: number;
  /** Milliseconds for one probe. Default 5,000. */
  readonly connectTimeout: number;
}

const HEALTH_DEFAULTS: HealthOptions = {
  failures: 5,
  ejection: 30_000,
  probeInterval: 1000,
  connectTimeout: 5000,
};

/**
 * Which endpoints are healthy, as arrays by region that a decision reads without a call. An endpoint that refuses a
 * connection is probed at once, and is out until a probe connects; one that keeps failing is out for a while. A probe is
 * a bare TCP or Unix connection to the configured endpoint: it carries no byte.
 */
export class Health {
  readonly #options: HealthOptions;
  readonly #catalogue: Catalogue;
  readonly #serving: Uint8Array[];
  readonly #processing: Uint8Array[];
  readonly #secure: Uint8Array[];
  readonly #failures: Uint16Array[];
  readonly #down: Uint8Array[];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #probes = new Set<Socket>();
  readonly #onChange: (region: string, dialect: DialectId, up: boolean) => void;
  #closed = false;

  constructor(
    catalogue: Catalogue,
    onChange: (region: string, dialect: DialectId, up: boolean) => void,
    options: HealthOptions = HEALTH_DEFAULTS,
  ) {
    this.#options = options;
    this.#catalogue = catalogue;
    this.#onChange = onChange;
    this.#serving = DIALECTS.map((dialect) => serving(catalogue, dialect, 'access'));
    this.#processing = DIALECTS.map((dialect) => serving(catalogue, dialect, 'process'));
    this.#secure = DIALECTS.map((dialect) => secure(catalogue, dialect));
    this.#failures = DIALECTS.map(() => new Uint16Array(catalogue.regions.length));
    this.#down = DIALECTS.map(() => new Uint8Array(catalogue.regions.length));
  }

  /** By region: 1 where the dialect has a healthy endpoint that serves the verb. Live: read it, do not keep it. */
  available(dialect: DialectId, verb: Verb): Uint8Array {
    const i = DIALECTS.indexOf(dialect);
    return (verb === 'process' ? this.#processing : this.#serving)[i] as Uint8Array;
  }

  /** By region: 1 where the dialect's endpoint is TLS, loopback or a Unix socket. */
  secure(dialect: DialectId): Uint8Array {
    return this.#secure[DIALECTS.indexOf(dialect)] as Uint8Array;
  }

  isUp(dialect: DialectId, region: number): boolean {
    return this.#down[DIALECTS.indexOf(dialect)]?.[region] === 0;
  }

  succeeded(dialect: DialectId, region: number): void {
    const row = this.#failures[DIALECTS.indexOf(dialect)] as Uint16Array;
    if (row[region] !== 0) row[region] = 0;
  }

  /** A 502, 503 or 504 from upstream, or a time-out. */
  failed(dialect: DialectId, region: number): void {
    const i = DIALECTS.indexOf(dialect);
    const row = this.#failures[i] as Uint16Array;
    row[region]!++;
    if (row[region]! < this.#options.failures || this.#down[i]![region] === 1) return;
    this.#set(i, region, false);
    this.#later(this.#options.ejection, () => this.#set(i, region, true));
  }

  /** A connection that could not be made. */
  unreachable(dialect: DialectId, region: number): void {
    const i = DIALECTS.indexOf(dialect);
    if (this.#down[i]![region] === 1) return;
    this.#set(i, region, false);
    this.#probe(i, region);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const probe of this.#probes) probe.destroy();
    this.#timers.clear();
  }

  #probe(dialect: number, region: number): void {
    const endpoint = this.#catalogue.regions[region]?.endpoints[DIALECTS[dialect] as DialectId];
    if (endpoint === undefined || this.#closed) return;
    const url = new URL(endpoint.origin);
    const { lookup } = new Networks(this.#catalogue.regions[region]!.networks);
    const port = Number(url.port || (url.protocol === 'https:' ? 443 : 80));
    const socket =
      endpoint.socketPath === null
        ? connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port, lookup })
        : connect({ path: endpoint.socketPath });
    socket.unref();
    this.#probes.add(socket);
    socket.setTimeout(this.#options.connectTimeout, () => socket.destroy(new Error('probe timed out')));
    socket.once('connect', () => {
      socket.destroy();
      this.#set(dialect, region, true);
    });
    // A failed probe is the expected case: the endpoint stays out and is asked again.
    socket.once('error', () => this.#later(this.#options.probeInterval, () => this.#probe(dialect, region)));
    socket.once('close', () => this.#probes.delete(socket));
  }

  #later(delay: number, task: () => void): void {
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      task();
    }, delay);
    timer.unref();
    this.#timers.add(timer);
  }

  #set(dialect: number, region: number, up: boolean): void {
    if (this.#closed) return;
    const id = DIALECTS[dialect] as DialectId;
    const { id: name, endpoints } = this.#catalogue.regions[region]!;
    this.#down[dialect]![region] = up ? 0 : 1;
    this.#failures[dialect]![region] = 0;
    this.#serving[dialect]![region] = up && endpoints[id] !== undefined ? 1 : 0;
    this.#processing[dialect]![region] = up && endpoints[id]?.processing === true ? 1 : 0;
    this.#onChange(name, id, up);
  }
}
