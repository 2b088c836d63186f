import { FeedClient } from '../../src/feed/client.ts';
import { policyOf } from '../../src/store/policies.ts';
import { readTenants } from '../../src/store/bundle.ts';
import type { Store } from '../../src/store/store.ts';

/** Documents that each asks for at once. */
const LOT = 100;
/** Milliseconds. */
const PATIENCE = 120_000;

const LOG = {
  info: () => {},
  warn: (message: string, fields?: object) => console.error(message, fields),
  error: (message: string, fields?: object) => console.error(message, fields),
};

interface Watcher {
  readonly client: FeedClient;
  /** Tenants that a change was begun to, and since when; until that is announced. */
  readonly due: Map<string, number>;
}

/** Clients of the feed in this process, which all hold the same tenants. */
export class Watchers {
  /** Milliseconds from the beginning of each change to its announcement, of all of them. */
  announced: number[] = [];
  readonly #watchers: readonly Watcher[];
  readonly #tenants: readonly string[];

  private constructor(url: string, count: number, tenants: readonly string[]) {
    this.#tenants = tenants;
    this.#watchers = Array.from({ length: count }, (_, i) => this.#watcher(url, i));
  }

  /** Connects, and fetches all the documents. */
  static async open(url: string, count: number, tenants: readonly string[]): Promise<Watchers> {
    const watchers = new Watchers(url, count, tenants);
    for (const { client } of watchers.#watchers) client.start();
    await until(() => watchers.#watchers.every(({ client }) => client.state().connected));
    for (let from = 0; from < tenants.length; from += LOT) await watchers.#fetch(tenants.slice(from, from + LOT));
    return watchers;
  }

  /** A change to a tenant begins. */
  changing(tenant: string): void {
    const now = performance.now();
    for (const { due } of this.#watchers) if (!due.has(tenant)) due.set(tenant, now);
  }

  /**
   * Until each has every document as it was changed last.
   * @param revisions of each tenant's first policy
   * @returns milliseconds until then, and documents that a client went on to hold though they are outdated and it takes
   *   itself to be up to date: each is an announcement that was lost
   */
  async converge(
    revisions: ReadonlyMap<string, number>,
  ): Promise<{ readonly milliseconds: number; readonly lost: number }> {
    const began = performance.now();
    const last = Math.max(...this.#tenants.map((tenant) => revisions.get(tenant)!));
    const open = this.#watchers.map(({ client }) => ({ client, tenants: this.#tenants }));
    let lost = 0;
    await until(() => {
      lost = 0;
      for (const watcher of open) {
        const { client } = watcher;
        const upToDate = client.state().revision >= last;
        watcher.tenants = watcher.tenants.filter((tenant) => {
          const document = client.get(tenant);
          if (document?.policies?.policies[0]!.revision === revisions.get(tenant)) return false;
          if (document !== undefined && upToDate) lost++;
          return true;
        });
      }
      const left = open.reduce((sum, { tenants }) => sum + tenants.length, 0);
      return left === lost;
    });
    return { milliseconds: performance.now() - began, lost };
  }

  /** Documents held that say anything else than the store's rows do. */
  async different(store: Store): Promise<number> {
    const found = await readTenants(store.db, this.#tenants, await store.now());
    let different = 0;
    for (const [tenant, { policies, ...widening }] of found) {
      const expected = JSON.stringify({ tenant, policies: policies.map(policyOf), ...widening });
      for (const { client } of this.#watchers)
        if (JSON.stringify(client.get(tenant)?.policies) !== expected) different++;
    }
    return different;
  }

  async close(): Promise<void> {
    await Promise.all(this.#watchers.map(({ client }) => client.close()));
  }

  #watcher(url: string, i: number): Watcher {
    const due = new Map<string, number>();
    const client = new FeedClient({
      url,
      tls: { ca: null, cert: null, key: null },
      token: null,
      name: `watcher-${i}`,
      region: 'eu-west',
      version: '1.0.0',
      worker: null,
      bundles: this.#tenants.length,
      negativeTtl: 1000,
      lastGood: null,
      log: LOG,
      onWorld: () => {},
      onDropped: (tenant) => {
        const since = due.get(tenant!);
        if (since === undefined) return;
        due.delete(tenant!);
        this.announced.push(performance.now() - since);
      },
    });
    return { client, due };
  }

  /** What does not come within a second is asked for again: they all ask at once. */
  async #fetch(tenants: readonly string[]): Promise<void> {
    await until(async () => {
      const missing = this.#watchers.flatMap(({ client }) =>
        tenants.filter((tenant) => client.get(tenant) === undefined).map((tenant) => ({ client, tenant })),
      );
      await Promise.all(
        missing.map(({ client, tenant }) => {
          const { promise, resolve } = Promise.withResolvers<unknown>();
          client.fetch(tenant, resolve);
          return promise;
        }),
      );
      return missing.length === 0;
    });
  }
}

/** Looks again every ten milliseconds. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it did not come about in ${PATIENCE / 1000} s: ${String(holds)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
