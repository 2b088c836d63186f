import { EventEmitter, once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/store/open.ts';
import { listPolicies, putPolicy } from '../../src/store/policies.ts';
import type { Store } from '../../src/store/store.ts';
import { available } from '../servers/servers.ts';
import { administer, Home } from './homes.ts';
import { policyEntry, WHO } from './rows.ts';

const touch = (store: Store) =>
  store.change(WHO, async (change) => {
    change.touch('acme');
    return change.revision;
  });

/** Ends every connection but its own, as a fail-over or a restart does. */
const cut = (url: string) =>
  administer(url, 'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()');

/** Until it resolves; fails with its last error after ten seconds. */
async function again<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
    await sleep(20);
  }
}

describe.skipIf(available('postgres'))('a store in PostgreSQL that goes away', () => {
  let home: Home;
  let url: string;
  beforeAll(async () => {
    home = await Home.start('postgres');
    url = home.server?.url as string;
  });
  afterAll(() => home.stop());

  it('rejects the change that was under way, undoes it, and takes the next one', async () => {
    const store = await home.store();
    const lost = store.change(WHO, async (change) => {
      change.touch('acme');
      await change.history('policy', 'p', 'acme', 'created', {});
      await cut(url);
      await change.history('policy', 'q', 'acme', 'created', {});
    });
    await expect(lost).rejects.toThrow(/connection/);
    expect(await again(() => touch(store))).toBe(1);
    expect(await store.db.selectFrom('history').selectAll().execute()).toEqual([]);
  });

  it('rejects with what the work threw, also where nothing could be rolled back', async () => {
    const store = await home.store();
    const thrown = new Error('refused');
    const lost = store.change(WHO, async () => {
      await cut(url);
      await sleep(50);
      throw thrown;
    });
    await expect(lost).rejects.toBe(thrown);
    expect(await again(() => touch(store))).toBe(1);
  });

  it('tells of changes again once it is back, also when its listening connection broke', async () => {
    const place = await home.place();
    const [one, other] = [await place.store(), await place.store()];
    const heard: number[] = [];
    one.onRevision((revision) => heard.push(revision));
    await touch(other);
    await cut(url);
    await cut(url);
    const last = await again(() => touch(other));
    const deadline = performance.now() + 5000;
    while (heard.at(-1) !== last && performance.now() < deadline) await sleep(5);
    expect(heard.at(-1)).toBe(last);
  });

  it('hears of changes by their announcement, and does not only look for them', async () => {
    const place = await home.place();
    const store = await place.store();
    const database = await place.database();
    const heard = new EventEmitter();
    const connected = once(heard, 'heard');
    const end = database.hear(() => heard.emit('heard'));
    await connected;
    for (let i = 0; i < 3; i++) {
      const announced = once(heard, 'heard', { signal: AbortSignal.timeout(5000) });
      await touch(store);
      await announced;
    }
    await end();
    await database.close();
  });

  it('compares texts by their bytes, whatever the language of the database', async () => {
    await administer(
      url,
      "create database swedish template template0 locale_provider icu icu_locale 'sv-SE' locale 'C.UTF-8'",
    );
    const store = await openStore({ url: url.replace(/domicile$/, 'swedish'), folder: '/nowhere' });
    await store.change(WHO, async (change) => {
      for (const id of ['b', 'a', 'B', 'a-b', 'ab', '1']) await putPolicy(change, policyEntry({ id, tenant_id: id }));
    });
    const page = await listPolicies(store.db, { tenant: null, after: null, limit: 9 });
    expect(page.map(({ entry }) => entry.id)).toEqual(['1', 'B', 'a', 'a-b', 'ab', 'b']);
    await store.close();
  });

  it('loses nothing acknowledged when the server is killed, shows no half, and goes on by itself', async () => {
    const store = await home.store();
    const acknowledged: number[] = [];
    const make = (i: number) =>
      store.change(WHO, async (change) => {
        change.touch(`t${i}`);
        const at = { revision: change.revision, created_at: change.now, updated_at: change.now };
        await change.db
          .insertInto('policies')
          .values({ id: `p${i}`, tenant: `t${i}`, body: '{}', ...at })
          .execute();
        await change.history('policy', `p${i}`, `t${i}`, 'created', {});
      });
    const crash = { under: Promise.resolve(), over: false };
    for (let i = 0, since = 0; since < 40; i++) {
      if (i === 60) crash.under = home.crash().then(() => void (crash.over = true));
      try {
        await make(i);
        acknowledged.push(i);
        if (crash.over) since++;
      } catch {
        await sleep(5); // there is no server: what became of this one is not known
      }
    }
    await crash.under;
    const ids = async (table: 'policies' | 'history') =>
      new Set((await store.db.selectFrom(table).select('id').execute()).map(({ id }) => id));
    const policies = await ids('policies');
    expect(acknowledged.length).toBeGreaterThanOrEqual(100);
    expect(acknowledged.filter((i) => !policies.has(`p${i}`))).toEqual([]);
    expect(await ids('history')).toEqual(policies);
    const outbox = await store.db.selectFrom('outbox').selectAll().orderBy('revision').execute();
    expect(new Set(outbox.map(({ tenant }) => tenant.replace('t', 'p')))).toEqual(policies);
    expect(outbox.map(({ revision }) => revision)).toEqual(outbox.map((_, i) => i + 1));
  }, 60_000);

  it('says host and database and never the password, wherever it speaks of itself', async () => {
    const withPassword = url.replace('postgres@', 'postgres:hunter2@');
    const store = await openStore({ url: withPassword, folder: '/nowhere' });
    expect(store.at).toBe(`127.0.0.1:${new URL(url).port}/domicile`);
    await store.close();
    const closed = withPassword.replace(/:\d+\//, ':9/');
    const failure = await openStore({ url: closed, folder: '/nowhere' }).catch((error: unknown) => error);
    expect(String(failure)).toBe(
      'Error: store.url: the database 127.0.0.1:9/domicile cannot be used: connect ECONNREFUSED 127.0.0.1:9',
    );
    expect(JSON.stringify(failure)).not.toContain('hunter2');
  });

  it('refuses to go on in the clear where its URL wants TLS', async () => {
    for (const mode of ['require', 'verify-full', 'no-verify', 'prefer'])
      await expect(openStore({ url: `${url}?sslmode=${mode}`, folder: '/nowhere' })).rejects.toThrow(
        /does not support SSL/,
      );
    const plain = await openStore({ url: `${url}?sslmode=disable`, folder: '/nowhere' });
    expect(await plain.ping()).toBeGreaterThan(0);
    await plain.close();
  });
});

describe('the URL of a store', () => {
  it.each([
    ['no URL', 'is not a URL of PostgreSQL'],
    ['mysql://ada:hunter2@db/domicile', 'is not a URL of PostgreSQL'],
    ['postgres://ada:hunter2@db:port/domicile', 'is not a URL of PostgreSQL'],
    ['postgres://ada:hunter2@db/domicile?sslmode=verify_full', 'sslmode is none of disable'],
    ['postgres://ada:hunter2@db/domicile?sslmode=verify-ca', 'sslmode=verify-ca requires specifying a CA'],
  ])('%s is refused without being repeated', async (url, why) => {
    const failure = await openStore({ url, folder: '/nowhere' }).catch((error: unknown) => error);
    expect(String(failure)).toContain('store.url: ');
    expect(String(failure)).toContain(why);
    expect(String(failure)).not.toContain('hunter2');
  });
});
