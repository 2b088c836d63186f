import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { historyOf } from '../../src/store/history.ts';
import { openStore } from '../../src/store/open.ts';
import { pruneOutbox } from '../../src/store/outbox.ts';
import type { Store } from '../../src/store/store.ts';
import { Home, KINDS } from './homes.ts';
import { WHO } from './rows.ts';

/** The next revision that a store tells. */
function told(store: Store): Promise<number> {
  return new Promise((resolve) => {
    const end = store.onRevision((revision) => {
      end();
      resolve(revision);
    });
  });
}

const touch = (store: Store, ...tenants: string[]) =>
  store.change(WHO, async (change) => {
    for (const tenant of tenants) change.touch(tenant);
    return change.revision;
  });

describe.each(KINDS)('a store in %s', (kind) => {
  let home: Home;
  beforeAll(async () => void (home = await Home.start(kind)));
  afterAll(() => home.stop());

  it('writes a change with its history, its outbox and its event, all of one revision', async () => {
    const store = await home.store();
    const before = Date.now();
    const { revision, now } = await store.change(WHO, async (change) => {
      change.touch('acme');
      change.touch('acme');
      await change.history('policy', 'acme-eu', 'acme', 'created', { id: 'acme-eu' });
      await change.event('policy.created', 'acme', 'acme-eu', { id: 'acme-eu' });
      return change;
    });
    expect(revision).toBe(1);
    expect(await store.revision()).toBe(1);
    expect(Math.abs(now - before)).toBeLessThan(5000);
    expect(await store.touchedSince(0)).toEqual({ revision: 1, tenants: ['acme'] });
    expect(await historyOf(store.db, 'policy', 'acme-eu', { before: null, limit: 10 })).toEqual([
      {
        revision,
        at: now,
        actor: 'ada',
        requestId: 'r-1',
        action: 'created',
        tenant: 'acme',
        body: { id: 'acme-eu' },
      },
    ]);
    const events = await store.db.selectFrom('events').selectAll().execute();
    expect(events).toEqual([
      expect.objectContaining({ kind: 'policy.created', tenant: 'acme', body: '{"id":"acme-eu"}', at: now }),
    ]);
  });

  it('changes nothing when the work throws, and rejects with just that', async () => {
    const store = await home.store();
    const thrown = new Error('not this time');
    const failed = store.change(WHO, async (change) => {
      change.touch('acme');
      await change.history('policy', 'p', 'acme', 'created', {});
      throw thrown;
    });
    await expect(failed).rejects.toBe(thrown);
    expect(await store.revision()).toBe(0);
    expect(await store.touchedSince(0)).toEqual({ revision: 0, tenants: [] });
    expect(await store.db.selectFrom('history').selectAll().execute()).toEqual([]);
    expect(await touch(store, 'acme')).toBe(1);
  });

  it('undoes all of a change one of whose statements fails', async () => {
    const store = await home.store();
    const twice = store.change(WHO, async ({ db, now }) => {
      const row = { id: 'u', uses: 1, last_at: now };
      await db.insertInto('uses').values(row).execute();
      await db.insertInto('uses').values(row).execute();
    });
    await expect(twice).rejects.toThrow(/unique|duplicate/i);
    expect(await store.db.selectFrom('uses').selectAll().execute()).toEqual([]);
    expect(await store.revision()).toBe(0);
  });

  it('shows readers what is committed while a change is under way', async () => {
    const store = await home.store();
    await store.change(WHO, async (change) => {
      await change.history('policy', 'p', null, 'created', {});
      expect(await store.revision()).toBe(0);
      expect(await store.db.selectFrom('history').selectAll().execute()).toEqual([]);
      expect(await change.db.selectFrom('history').selectAll().execute()).toHaveLength(1);
    });
    expect(await store.db.selectFrom('history').selectAll().execute()).toHaveLength(1);
  });

  it('tells its own listeners at once, and those of another process within moments', async () => {
    const place = await home.place();
    const [one, other] = [await place.store(), await place.store()];
    const heard: number[] = [];
    one.onRevision((revision) => heard.push(revision));
    const elsewhere = told(other);
    const revision = await touch(one, 'acme');
    await Promise.resolve();
    expect(heard).toEqual([revision]);
    const start = performance.now();
    expect(await elsewhere).toBe(revision);
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('tells nothing to a listener that has ended, nor twice, nor of what a write does', async () => {
    const place = await home.place();
    const [one, other] = [await place.store(), await place.store()];
    const heard: number[] = [];
    const ended: number[] = [];
    one.onRevision((revision) => heard.push(revision));
    one.onRevision((revision) => ended.push(revision))();
    await touch(one, 'acme');
    await one.write(async (db, now) => {
      await db.insertInto('uses').values({ id: 'u', uses: 1, last_at: now }).execute();
    });
    const last = await touch(other, 'acme');
    while (heard.at(-1) !== last) await told(one);
    await sleep(600); // two polls: what is told again would come now
    expect(heard).toEqual([1, 2]);
    expect(ended).toEqual([]);
    expect(await one.db.selectFrom('uses').select(['id', 'uses']).execute()).toEqual([{ id: 'u', uses: 1 }]);
  });

  it('names the tenants touched since a revision, each once, and nobody since the last', async () => {
    const store = await home.store();
    await touch(store, 'acme', 'globex');
    await touch(store, 'acme', '*');
    expect(new Set((await store.touchedSince(0))?.tenants)).toEqual(new Set(['acme', 'globex', '*']));
    expect(new Set((await store.touchedSince(1))?.tenants)).toEqual(new Set(['acme', '*']));
    expect(await store.touchedSince(2)).toEqual({ revision: 2, tenants: [] });
  });

  it('does not say who was touched since before the outbox begins, or since a revision that there is not', async () => {
    const store = await home.store();
    for (let i = 1; i <= 10; i++) await touch(store, `t${i}`);
    await store.write((db) => pruneOutbox(db, 4));
    expect(await store.touchedSince(5)).toBeNull();
    expect((await store.touchedSince(6))?.tenants).toHaveLength(4);
    expect(await store.touchedSince(11)).toBeNull();
    await store.write((db) => pruneOutbox(db, 4));
    expect((await store.touchedSince(6))?.tenants).toHaveLength(4);
  });

  it('takes a change that touches more tenants than one statement can name', async () => {
    const store = await home.store();
    const tenants = Array.from({ length: 12_000 }, (_, i) => `t${i}`);
    await touch(store, ...tenants);
    expect(new Set((await store.touchedSince(0))?.tenants)).toEqual(new Set(tenants));
  });

  it('keeps numbers beyond 32 bits as numbers', async () => {
    const store = await home.store();
    const at = 1_795_519_966_567;
    await store.write((db) =>
      db
        .insertInto('uses')
        .values({ id: 'u', uses: 2 ** 40, last_at: at })
        .execute(),
    );
    expect(await store.db.selectFrom('uses').selectAll().execute()).toEqual([{ id: 'u', uses: 2 ** 40, last_at: at }]);
    expect(await store.now()).toBeTypeOf('number');
    expect(await store.ping()).toBeGreaterThanOrEqual(0);
  });

  it('finishes what is under way before it closes, and refuses what comes later', async () => {
    const place = await home.place();
    const store = await place.store();
    const under = touch(store, 'acme');
    await store.close();
    expect(await under).toBe(1);
    await expect(touch(store, 'acme')).rejects.toThrow();
    await expect(store.revision()).rejects.toThrow();
    expect(await (await place.store()).revision()).toBe(1);
  });
});

describe('a store in SQLite', () => {
  it('is its owner’s only, and refuses writes outside a transaction', async () => {
    const home = await Home.start('sqlite');
    const place = await home.place();
    const store = await place.store();
    await touch(store, 'acme');
    expect(statSync(place.folder).mode & 0o777).toBe(0o700);
    for (const file of ['domicile.db', 'domicile.db-wal', 'domicile.db-shm'])
      expect(statSync(join(place.folder, file)).mode & 0o777, file).toBe(0o600);
    expect(store.at).toBe(join(place.folder, 'domicile.db'));
    await expect(store.db.insertInto('meta').values({ key: 'a', value: 'b' }).execute()).rejects.toThrow(/readonly/);
    await home.stop();
  });

  it('says which file it cannot use, and why', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'domicile-store-'));
    const file = join(folder, 'domicile.db');
    writeFileSync(
      file,
      'this is no database, and is longer than the header of one would be: some hundred bytes '.repeat(9),
    );
    await expect(openStore({ url: null, folder })).rejects.toThrow(
      `the store ${file} cannot be used: file is not a database`,
    );
    await expect(openStore({ url: null, folder: file })).rejects.toThrow(
      `the store ${join(file, 'domicile.db')} cannot be used: EEXIST`,
    );
    rmSync(folder, { recursive: true });
  });
});
