import { setTimeout as sleep } from 'node:timers/promises';
import type { EvidenceIndex } from '../control/evidence/evidence-index.ts';
import type { Registry } from '../control/registry.ts';
import type { FeedServer } from '../feed/server.ts';
import { storeCounts, type StoreCounts } from '../store/counts.ts';
import type { Store } from '../store/store.ts';
import type { AuditCounts } from '../telemetry/audit.ts';
import type { ControlRequests, ControlSources } from '../telemetry/control.ts';
import type { Log } from '../telemetry/log.ts';

/** Milliseconds from a change until it is counted, with all that come meanwhile. */
const SETTLE = 250;

/** Milliseconds between two looks at whether the store answers. */
const LOOK_EACH = 2000;

/** What the control plane of this process tells in metrics. The store is asked when it changes, never by a scrape. */
export class ControlMetrics implements ControlSources {
  readonly audit: AuditCounts;
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #feed: FeedServer;
  readonly #index: Pick<EvidenceIndex, 'failing'>;
  readonly #log: Log;
  readonly #requests = new Map<string, { -readonly [K in keyof ControlRequests]: ControlRequests[K] }>();
  readonly #stop = new AbortController();
  #counts: StoreCounts;
  /** There may be changes that have not been counted. */
  #changed = false;
  #counting: Promise<void> | null = null;
  #endChanges: () => void = () => {};
  #up = true;
  #looking = false;
  #looks: NodeJS.Timeout | undefined;

  /** @param counts of the store, from which it begins: a counter that began at 0 would seem to have risen since */
  constructor(
    store: Store,
    registry: Registry,
    feed: FeedServer,
    counts: StoreCounts,
    audit: AuditCounts,
    index: Pick<EvidenceIndex, 'failing'>,
    log: Log,
  ) {
    this.#store = store;
    this.#registry = registry;
    this.#feed = feed;
    this.#counts = counts;
    this.audit = audit;
    this.#index = index;
    this.#log = log;
  }

  /** Follows the store from now on. */
  start(): void {
    this.#endChanges = this.#store.onRevision(() => this.#countAnew());
    this.#countAnew();
    this.#looks = setInterval(() => void this.#look(), LOOK_EACH).unref();
  }

  /** Resolves once nothing is being counted. */
  async close(): Promise<void> {
    this.#endChanges();
    clearInterval(this.#looks);
    this.#stop.abort();
    await this.#counting;
  }

  /** Counts a request that was answered. @param route as declared; null: its path is none of those */
  request(method: string, route: string | null, status: number): void {
    const key = `${method} ${status} ${route}`;
    let alike = this.#requests.get(key);
    if (alike === undefined) {
      alike = { method, route: route ?? 'none', status, count: 0 };
      this.#requests.set(key, alike);
    }
    alike.count++;
  }

  policies(): number {
    return this.#registry.files.policySet.policies.length + this.#counts.policies;
  }

  overrides(): StoreCounts['overrides'] {
    return this.#counts.overrides;
  }

  feed(): ReturnType<ControlSources['feed']> {
    const sidecars = this.#feed.sidecars();
    const lag = sidecars.reduce((most, { lag }) => Math.max(most, lag.milliseconds), 0);
    return { clients: sidecars.length, revision: this.#feed.revision, lagSeconds: lag / 1000 };
  }

  indexProblems(): number {
    return this.#index.failing.length;
  }

  storeUp(): boolean {
    return this.#up;
  }

  requests(): Iterable<ControlRequests> {
    return this.#requests.values();
  }

  #countAnew(): void {
    this.#changed = true;
    this.#counting ??= this.#count();
  }

  async #count(): Promise<void> {
    const { signal } = this.#stop;
    let failing = false;
    while (this.#changed) {
      await sleep(SETTLE, undefined, { signal, ref: false }).catch(() => {}); // it was stopped
      if (signal.aborted) return;
      this.#changed = false;
      try {
        this.#counts = await storeCounts(this.#store.db);
      } catch (error) {
        this.#changed = true;
        if (!failing) this.#log.error('policies and overrides cannot be counted; trying again', { error });
        failing = true;
      }
    }
    this.#counting = null;
  }

  /** One look at a time: where the one before has not come back, there is no answer. */
  async #look(): Promise<void> {
    if (this.#looking) {
      this.#up = false;
      return;
    }
    this.#looking = true;
    // What it failed with is told by all those who need the store.
    this.#up = await this.#store.ping().then(
      () => true,
      () => false,
    );
    this.#looking = false;
  }
}
