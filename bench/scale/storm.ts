import { putPolicy } from '../../src/store/policies.ts';
import type { Store } from '../../src/store/store.ts';
import { askAll } from './asker.ts';
import type { Plane } from './planes.ts';
import { policyOf, WHO } from './tenants.ts';
import { until, type Watchers } from './watchers.ts';

export interface Scene {
  readonly store: Store;
  readonly control: Plane;
  readonly proxy: Plane;
  readonly watchers: Watchers;
  /** Whom proxy and watchers hold. */
  readonly held: readonly string[];
  /** Revision of each tenant's first policy. */
  readonly revisions: Map<string, number>;
}

/** Milliseconds, and counts. */
export interface Storm {
  readonly updates: number;
  /** Until the last of them was durable. */
  readonly written: number;
  /** That each update took. */
  readonly each: readonly number[];
  /** From the beginning of an update to its announcement, of every watcher. */
  readonly announced: readonly number[];
  /** From the end of the last update, until every watcher, or the proxy, had everything. */
  readonly watchers: number;
  readonly proxy: number;
  /** Announcements lost, documents of watchers that differ from the store, tenants that the proxy decides by an old policy. */
  readonly lost: number;
  readonly different: number;
  readonly outdated: number;
}

/** Askers of the proxy, and senders to the API, at once. */
const AT_ONCE = 32;
const SENDERS = 4;

/** So many updates through the repositories, one change each, as fast as they go. */
export async function stormByStore(scene: Scene, updates: number): Promise<Storm> {
  return storm(scene, updates, 1, (tenant, version) =>
    scene.store.change(WHO, async (change) => {
      await putPolicy(change, policyOf(tenant, version));
      return change.revision;
    }),
  );
}

/** So many by PUT. @param token of someone who may */
export async function stormByApi(scene: Scene, updates: number, token: string): Promise<Storm> {
  const base = `http://127.0.0.1:${scene.control.listen.control}/api/v1/policies`;
  return storm(scene, updates, SENDERS, async (tenant, version) => {
    const { id, ...body } = policyOf(tenant, version);
    const response = await fetch(`${base}/${id}`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-match': '*' },
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as { readonly revision: number };
    if (response.status !== 200) throw new Error(`PUT answered ${response.status}: ${JSON.stringify(answer)}`);
    return answer.revision;
  });
}

async function storm(
  scene: Scene,
  updates: number,
  writers: number,
  update: (tenant: string, version: number) => Promise<number>,
): Promise<Storm> {
  const { watchers, held, revisions } = scene;
  watchers.announced = [];
  const each: number[] = [];
  const began = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (next < updates) {
        const version = ++next;
        const tenant = held[Math.floor(Math.random() * held.length)]!;
        const since = performance.now();
        watchers.changing(tenant);
        const revision = await update(tenant, version);
        revisions.set(tenant, Math.max(revision, revisions.get(tenant)!));
        each.push(performance.now() - since);
      }
    }),
  );
  const written = performance.now() - began;
  const [{ milliseconds, lost }, proxy] = await Promise.all([watchers.converge(revisions), proxyConverges(scene)]);
  const different = await watchers.different(scene.store);
  const outdated = await outdatedInProxy(scene);
  const { announced } = watchers;
  return { updates, written, each, announced, watchers: milliseconds, proxy, lost, different, outdated };
}

/** Milliseconds until it says that it has everything. */
async function proxyConverges({ proxy, held, store }: Scene): Promise<number> {
  const began = performance.now();
  const last = await store.revision();
  await until(async () => {
    const { revision, documents } = await proxy.fed();
    return revision >= last && documents >= held.length;
  });
  return performance.now() - began;
}

async function outdatedInProxy({ proxy, held, revisions }: Scene): Promise<number> {
  const { decided } = await askAll(proxy.listen.search, held, AT_ONCE);
  return held.filter((tenant) => decided.get(tenant) !== `${tenant}-all@${revisions.get(tenant)}`).length;
}
