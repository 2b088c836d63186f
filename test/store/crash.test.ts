import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home, type Place } from './homes.ts';

const WRITER = fileURLToPath(new URL('crash-writer.ts', import.meta.url));

/** Runs a writer until it has told of so many changes, and kills it there. Returns the last that it told of. */
async function writeAndDie(place: Place, first: number, changes: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, place.folder, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const gone = once(child, 'exit');
  let last = -1;
  for await (const line of createInterface({ input: child.stdout })) {
    last = Number(line);
    if (last === first + changes) child.kill('SIGKILL');
  }
  expect((await gone)[1]).toBe('SIGKILL');
  return last;
}

describe('a process that is killed while it writes to SQLite', () => {
  let home: Home;
  beforeAll(async () => void (home = await Home.start('sqlite')));
  afterAll(() => home.stop());

  it('leaves every acknowledged change, whole, and of the others nothing or all', async () => {
    const place = await home.place();
    let first = 0;
    const acknowledged: number[] = [];
    for (const changes of [3, 40, 95]) {
      const last = await writeAndDie(place, first, changes);
      for (let i = first; i <= last; i++) acknowledged.push(i);
      first = last + 1000; // what it did not tell of has its own numbers
    }
    const store = await place.store();
    const ids = async (table: 'policies' | 'history') =>
      (await store.db.selectFrom(table).select('id').execute()).map(({ id }) => id).toSorted();
    const policies = await ids('policies');
    const there = new Set(policies);
    expect(acknowledged.filter((i) => !there.has(`p${i}`))).toEqual([]);
    expect(policies.length - acknowledged.length).toBeLessThanOrEqual(3); // the last of each run, of which it could not tell
    expect(await ids('history')).toEqual(policies);
    const events = await store.db.selectFrom('events').select('object_id').execute();
    expect(events.map(({ object_id }) => object_id).toSorted()).toEqual(policies);
    const outbox = await store.db.selectFrom('outbox').selectAll().orderBy('revision').execute();
    expect(outbox.map(({ tenant }) => tenant.replace('t', 'p')).toSorted()).toEqual(policies);
    expect(outbox.map(({ revision }) => revision)).toEqual(outbox.map((_, i) => i + 1));
    expect(await store.revision()).toBe(policies.length);
  }, 60_000);

  it('does not keep others from writing', async () => {
    const place = await home.place();
    await writeAndDie(place, 0, 20);
    const store = await place.store();
    const before = await store.revision();
    await store.change({ actor: 'next', requestId: 'r' }, async (change) => change.touch('acme'));
    expect(await store.revision()).toBe(before + 1);
  });
});
