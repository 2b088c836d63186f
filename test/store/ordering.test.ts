import { setTimeout as sleep } from 'node:timers/promises';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { Home, KINDS } from './homes.ts';
import { WHO } from './rows.ts';

interface Planned {
  /** By which of the stores. */
  readonly by: number;
  readonly tenants: readonly string[];
  /** Milliseconds that it takes. */
  readonly lasts: number;
  readonly fails: boolean;
}

const planned: fc.Arbitrary<Planned> = fc.record({
  by: fc.nat(2),
  tenants: fc.uniqueArray(fc.constantFrom('acme', 'globex', 'initech', '*'), { minLength: 1 }),
  lasts: fc.nat(3),
  fails: fc.boolean(),
});

/** Does it; its revision and tenants once it is acknowledged, null where it failed. */
async function run(stores: readonly Store[], { by, tenants, lasts, fails }: Planned) {
  const failure = new Error('as planned');
  try {
    return await (stores[by] as Store).change(WHO, async (change) => {
      for (const tenant of tenants) change.touch(tenant);
      if (lasts > 0) await sleep(lasts);
      if (fails) throw failure;
      return { revision: change.revision, tenants };
    });
  } catch (error) {
    if (error !== failure) throw error;
    return null;
  }
}

describe.each(KINDS)('changes of three stores on one database in %s', (kind) => {
  let home: Home;
  let stores: readonly Store[];
  let reader: Store;
  beforeAll(async () => {
    home = await Home.start(kind);
    const place = await home.place();
    stores = await Promise.all([place.store(), place.store(), place.store()]);
    reader = await place.store();
  });
  afterAll(() => home.stop());

  it('have rising revisions without gaps, in the order in which they are seen, and none is missed', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(planned, { minLength: 10, maxLength: 40 }), async (plan) => {
        const start = await reader.revision();
        const done = new AbortController();
        const seen: number[][] = [];
        const looking = (async () => {
          while (!done.signal.aborted) {
            const query = reader.db.selectFrom('outbox').select('revision').distinct();
            const rows = await query.where('revision', '>', start).orderBy('revision').execute();
            seen.push(rows.map(({ revision }) => revision));
            await sleep(1);
          }
        })();
        // Follows as a feed does: from one revision that it was told to the next.
        const followed = new Map<string, number>();
        let last = start;
        const following = (async () => {
          while (!done.signal.aborted || last < (await reader.revision())) {
            const touched = await reader.touchedSince(last);
            if (touched === null) throw new Error('the outbox does not reach back');
            for (const tenant of touched.tenants) followed.set(tenant, touched.revision);
            expect(touched.revision).toBeGreaterThanOrEqual(last);
            last = touched.revision;
            await sleep(1);
          }
        })();
        const outcomes = await Promise.all(plan.map((change) => run(stores, change)));
        done.abort();
        await Promise.all([looking, following]);

        const made = outcomes.filter((change) => change !== null).toSorted((a, b) => a.revision - b.revision);
        expect(made.map(({ revision }) => revision)).toEqual(made.map((_, i) => start + 1 + i));
        expect(await reader.revision()).toBe(start + made.length);
        for (const revisions of seen) expect(revisions).toEqual(revisions.map((_, i) => start + 1 + i));
        for (const { revision, tenants } of made)
          for (const tenant of tenants) expect(followed.get(tenant)).toBeGreaterThanOrEqual(revision);
      }),
      { numRuns: 12 },
    );
  });

  it('are each told to everybody who listens, the last one at the latest', async () => {
    const heard = stores.map(() => [] as number[]);
    const ends = stores.map((store, i) => store.onRevision((revision) => heard[i]?.push(revision)));
    const start = await reader.revision();
    const plan = Array.from({ length: 60 }, (_, i) => ({ by: i % 3, tenants: ['acme'], lasts: 0, fails: false }));
    await Promise.all(plan.map((change) => run(stores, change)));
    const deadline = performance.now() + 5000;
    while (heard.some((revisions) => revisions.at(-1) !== start + 60) && performance.now() < deadline) await sleep(5);
    for (const revisions of heard) {
      expect(revisions.at(-1)).toBe(start + 60);
      expect(revisions).toEqual([...new Set(revisions)].toSorted((a, b) => a - b));
    }
    for (const end of ends) end();
  });
});
