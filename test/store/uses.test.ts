import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { StoredUses, type UseAsked } from '../../src/store/uses.ts';
import { Home, KINDS, type Place } from './homes.ts';
import { putGrant } from './rows.ts';

/** A grant of a file that is in force. */
const ofFile = (id: string, maxUses: number | null): UseAsked => ({
  id,
  maxUses,
  notBefore: Date.now() - 3_600_000,
  notAfter: Date.now() + 3_600_000,
});

describe.each(KINDS)('uses in %s', (kind) => {
  let home: Home;
  let place: Place;
  let store: Store;
  let uses: StoredUses;
  let elsewhere: StoredUses;
  beforeAll(async () => {
    home = await Home.start(kind);
    place = await home.place();
    store = await place.store();
    uses = new StoredUses(store);
    elsewhere = new StoredUses(await place.store());
  });
  afterAll(() => home.stop());

  it('of a grant for three are three, however many ask at once, on two stores', async () => {
    const asked = Array.from({ length: 40 }, (_, i) => (i % 2 ? uses : elsewhere).take([ofFile('three', 3)]));
    const answers = await Promise.all(asked);
    expect(answers.filter(({ taken }) => taken)).toHaveLength(3);
    for (const { counts } of answers) expect(counts).toEqual([['three', expect.toSatisfy((n: number) => n <= 3)]]);
    expect(await uses.of(['three', 'none'])).toEqual(new Map([['three', 3]]));
    expect((await uses.take([ofFile('three', 3)])).taken).toBe(false);
    expect((await uses.take([ofFile('three', 4)])).taken).toBe(true); // its file allows one more now
  });

  it('are taken of all that are asked for, or of none', async () => {
    expect(await uses.take([ofFile('one', 1), ofFile('two', 2)])).toEqual({
      taken: true,
      counts: [
        ['one', 1],
        ['two', 1],
      ],
    });
    expect(await uses.take([ofFile('two', 2), ofFile('one', 1)])).toEqual({
      taken: false,
      counts: [
        ['two', 1],
        ['one', 1],
      ],
    });
    expect(await uses.of(['one', 'two'])).toEqual(
      new Map([
        ['one', 1],
        ['two', 1],
      ]),
    );
    expect((await uses.take([ofFile('twice', 1), ofFile('twice', 1)])).taken).toBe(false);
  });

  it('are taken only in the window that the file says, by the clock of the store', async () => {
    const now = await store.now();
    const past = { id: 'past', maxUses: 1, notBefore: now - 1000, notAfter: now - 1 };
    const later = { id: 'later', maxUses: 1, notBefore: now + 60_000, notAfter: now + 90_000 };
    for (const asked of [past, later, { ...past, maxUses: null }]) expect((await uses.take([asked])).taken).toBe(false);
    expect(await uses.of(['past', 'later'])).toEqual(new Map());
  });

  it('go by what the store has of a grant, whatever the one who asks says', async () => {
    const now = await store.now();
    await putGrant(store, 'acme', { id: 'g-two', maxUses: 2 });
    await putGrant(store, 'acme', { id: 'g-revoked', maxUses: 2 }, { state: 'revoked' });
    await putGrant(store, 'acme', { id: 'g-past', notBefore: now - 2000, notAfter: now - 1000 });
    await putGrant(store, 'acme', { id: 'g-free', maxUses: null });
    const generous = (id: string) => uses.take([ofFile(id, 1000)]);
    expect((await generous('g-two')).taken).toBe(true);
    expect((await generous('g-two')).taken).toBe(true);
    expect(await generous('g-two')).toEqual({ taken: false, counts: [['g-two', 2]] });
    expect((await generous('g-revoked')).taken).toBe(false);
    expect((await generous('g-past')).taken).toBe(false);
    expect(await generous('g-free')).toEqual({ taken: true, counts: [] });
    // One that is used up takes nothing of the others.
    expect((await uses.take([ofFile('one more', 1), ofFile('g-two', 9)])).taken).toBe(false);
    expect(await uses.of(['one more', 'g-free', 'g-revoked'])).toEqual(new Map());
  });

  it('without limit are looked at but not counted when taken, and counted when they are told', async () => {
    expect(await uses.take([ofFile('free', null)])).toEqual({ taken: true, counts: [] });
    await uses.add([
      ['free', 2],
      ['o-1', 1],
      ['free', 3],
    ]);
    await elsewhere.add([['free', 1]]);
    expect(await uses.of(['free', 'o-1'])).toEqual(
      new Map([
        ['free', 6],
        ['o-1', 1],
      ]),
    );
    const row = await store.db.selectFrom('uses').selectAll().where('id', '=', 'free').executeTakeFirstOrThrow();
    expect(Math.abs(row.last_at - (await store.now()))).toBeLessThan(60_000);
  });

  it('never wait for each other in a circle, in whatever order they are asked for and told', async () => {
    const ids = Array.from({ length: 12 }, (_, i) => `c${i}`);
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 60; i++) {
      const some = ids.toSorted(() => Math.random() - 0.5).slice(0, 6);
      const by = i % 2 ? uses : elsewhere;
      work.push(i % 3 ? by.take(some.map((id) => ofFile(id, 1000))) : by.add(some.map((id) => [id, 1] as const)));
    }
    await Promise.all(work);
    const counts = await uses.of(ids);
    expect([...counts.values()].reduce((a, b) => a + b)).toBe(60 * 6);
  });

  it('are still made after a restart', async () => {
    const again = new StoredUses(await place.store());
    expect(await again.take([ofFile('three', 4)])).toEqual({ taken: false, counts: [['three', 4]] });
  });

  it('that many ask for at once share few transactions', async () => {
    let writes = 0;
    const counting = new StoredUses(
      new Proxy(store, {
        get: (target, key) => {
          if (key === 'write') writes++;
          const value = Reflect.get(target, key, target) as unknown;
          return typeof value === 'function' ? value.bind(target) : value;
        },
      }),
    );
    await Promise.all(Array.from({ length: 300 }, () => counting.take([ofFile('shared', 1000)])));
    expect(await uses.of(['shared'])).toEqual(new Map([['shared', 300]]));
    expect(writes).toBeLessThanOrEqual(2);
  });

  it('are refused where the store does not answer', async () => {
    const gone = await place.store();
    const lost = new StoredUses(gone);
    await gone.close();
    await expect(lost.take([ofFile('lost', 1)])).rejects.toThrow();
    expect(await uses.of(['lost'])).toEqual(new Map());
  });
});
