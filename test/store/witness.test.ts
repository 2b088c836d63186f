import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policyById, putPolicy } from '../../src/store/policies.ts';
import type { Change, Store } from '../../src/store/store.ts';
import { StoredUses } from '../../src/store/uses.ts';
import type { ChangeFact, Witness } from '../../src/store/witness.ts';
import { Home, KINDS, type Place } from './homes.ts';
import { policyEntry, putGrant, WHO } from './rows.ts';

/** Takes down what it is told, and does with it what the test wants. */
class Clerk implements Witness {
  readonly seen: ChangeFact[] = [];
  readonly undone: ChangeFact[] = [];
  /** Called before it lets a change be made. */
  writes: () => Promise<void> = () => Promise.resolve();

  async witnessed(facts: readonly ChangeFact[]): Promise<void> {
    this.seen.push(...facts);
    await this.writes();
  }

  notCommitted(facts: readonly ChangeFact[]): void {
    this.undone.push(...facts);
  }
}

describe.each(KINDS)('a witness of changes in %s', (kind) => {
  let home: Home;
  let place: Place;
  let clerk: Clerk;
  let store: Store;
  /** Another replica's. */
  let other: Store;
  beforeAll(async () => {
    home = await Home.start(kind);
    place = await home.place();
    clerk = new Clerk();
    store = await place.store(clerk);
    other = await place.store();
  }, 60_000);
  afterAll(() => home.stop());

  const make = (id: string) => store.change(WHO, (change) => putPolicy(change, policyEntry({ id })));

  it('knows of a change when it is written and nobody sees it yet', async () => {
    let before: unknown = 'not asked';
    clerk.writes = async () => void (before = await policyById(other.db, 'p1'));
    const { revision } = await make('p1');
    expect(before).toBeNull();
    expect(await policyById(other.db, 'p1')).not.toBeNull();
    const by = { actor: WHO.actor, requestId: WHO.requestId };
    expect(clerk.seen).toEqual([
      { kind: 'policy', id: 'p1', tenant: 'acme', action: 'created', ...by, revision, body: policyEntry({ id: 'p1' }) },
    ]);
    expect(clerk.undone).toEqual([]);
  });

  it('that rejects undoes the change, which then is nowhere and is told to nobody', async () => {
    const revision = await store.revision();
    const told: number[] = [];
    const later = (at: number) => void (at > revision && told.push(at));
    const ends = [store, other].map((each) => each.onRevision(later));
    clerk.writes = () => Promise.reject(new Error('the pen is dry'));
    await expect(make('p2')).rejects.toThrow('the pen is dry');
    clerk.writes = () => Promise.resolve();
    expect(await store.revision()).toBe(revision);
    expect(await policyById(store.db, 'p2')).toBeNull();
    expect(told).toEqual([]);
    expect(await store.touchedSince(revision)).toEqual({ revision, tenants: [] });
    expect(clerk.undone, 'it knows that itself').toEqual([]);
    const { revision: next } = await make('p3');
    expect(next, 'the revision was not used up').toBe(revision + 1);
    await expect.poll(() => told).toEqual([next, next]);
    ends.forEach((end) => end());
  });

  it('is not asked about what the work itself refuses, nor about what changes nothing', async () => {
    const before = clerk.seen.length;
    const refused = store.change(WHO, async (change) => {
      await putPolicy(change, policyEntry({ id: 'p4' }));
      throw new Error('no');
    });
    await expect(refused).rejects.toThrow('no');
    await store.change(WHO, async (change) => change.touch('acme'));
    expect(clerk.seen.length).toBe(before);
    expect(clerk.undone).toEqual([]);
  });

  it('hears of a commit that failed', async () => {
    for (const text of [
      'create table parents (id text primary key)',
      'create table children (parent text references parents (id) deferrable initially deferred)',
    ])
      await store.write(async (db) => void (await sql.raw(text).execute(db)));
    const revision = await store.revision();
    const broken = async (change: Change) => {
      await putPolicy(change, policyEntry({ id: 'p5' }));
      await sql`insert into children values ('nobody')`.execute(change.db); // looked at by the commit alone
    };
    await expect(store.change(WHO, broken)).rejects.toThrow(/foreign key/i);
    expect(clerk.undone).toMatchObject([{ kind: 'policy', id: 'p5', revision: revision + 1, ...WHO }]);
    expect(clerk.seen).toContainEqual(clerk.undone[0]);
    expect(await store.revision()).toBe(revision);
    expect(await policyById(store.db, 'p5')).toBeNull();
    clerk.undone.length = 0;
    await make('p6');
    expect(clerk.undone, 'the next is another').toEqual([]);
  });

  it('knows of uses before they count, and without it none is taken', async () => {
    await putGrant(store, 'acme', { id: 'g1', maxUses: 2 });
    clerk.seen.length = 0;
    const uses = new StoredUses(store);
    const ask = { id: 'g1', maxUses: 0, notBefore: 0, notAfter: 0 };
    clerk.writes = () => Promise.reject(new Error('the pen is dry'));
    await expect(uses.take([ask])).rejects.toThrow('the pen is dry');
    await expect(uses.add([['g1', 1]])).rejects.toThrow('the pen is dry');
    clerk.writes = () => Promise.resolve();
    expect((await uses.of(['g1'])).get('g1')).toBeUndefined();
    clerk.seen.length = 0;
    const inFile = { id: 'f1', tenantId: 'globex', maxUses: 5, notBefore: 0, notAfter: Number.MAX_SAFE_INTEGER };
    const taken = await Promise.all([uses.take([ask]), uses.take([ask, inFile]), uses.take([ask])]);
    expect(taken.map((each) => each.taken)).toEqual([true, true, false]);
    const by = { actor: 'domicile', requestId: '', revision: null };
    const told = clerk.seen.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    expect(told, 'one for each, of its tenant').toEqual([
      { kind: 'use', id: 'f1', tenant: 'globex', action: 'counted', ...by, body: { uses: 1, made: 1 } },
      { kind: 'use', id: 'g1', tenant: 'acme', action: 'counted', ...by, body: { uses: 2, made: 2 } },
    ]);
  });

  it('holds up the changes behind it, and no reader', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    clerk.writes = () => {
      clerk.writes = () => Promise.resolve();
      reached.resolve();
      return promise;
    };
    const ended: string[] = [];
    const all = ['p7', 'p8'].map((id) => make(id).then(() => ended.push(id)));
    await reached.promise;
    await store.ping();
    expect(await policyById(store.db, 'p7')).toBeNull();
    expect(ended).toEqual([]);
    resolve();
    await Promise.all(all);
    expect(ended).toEqual(['p7', 'p8']);
  });
});
