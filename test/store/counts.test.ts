import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { storeCounts } from '../../src/store/counts.ts';
import { changeOverride, overrideById, type OverrideChange, type OverrideRow } from '../../src/store/overrides.ts';
import { deletePolicy, putPolicy } from '../../src/store/policies.ts';
import type { Store } from '../../src/store/store.ts';
import { Home, KINDS } from './homes.ts';
import { policyEntry, putOverride, WHO } from './rows.ts';

describe.each(KINDS)('what %s counts', (kind) => {
  let home: Home;
  let store: Store;
  beforeAll(async () => void (home = await Home.start(kind)));
  afterAll(() => home.stop());
  beforeEach(async () => void (store = await home.store()));

  const pending = (id: string) =>
    putOverride(store, 'acme', { id, state: 'pending', not_before: null, not_after: null });

  async function becomes(id: string, set: OverrideChange, action: string): Promise<void> {
    const row = (await overrideById(store.db, id)) as OverrideRow;
    const after = await store.change(WHO, (change) => changeOverride(change, row, set, action));
    expect(after).toMatchObject(set);
  }

  it('are its policies, as many as there are', async () => {
    await store.change(WHO, async (change) => {
      for (const id of ['one', 'two', 'three']) await putPolicy(change, policyEntry({ id }));
    });
    expect((await storeCounts(store.db)).policies).toBe(3);
    await store.change(WHO, (change) => deletePolicy(change, 'two'));
    expect((await storeCounts(store.db)).policies).toBe(2);
  });

  it('and its overrides, as many as ever came to each state, whatever became of them since', async () => {
    const none = { pending: 0, active: 0, denied: 0, revoked: 0, expired: 0 };
    expect((await storeCounts(store.db)).overrides).toEqual(none);
    for (const id of ['a', 'b', 'c', 'd']) await pending(id);
    expect((await storeCounts(store.db)).overrides).toEqual({ ...none, pending: 4 });
    const window = { not_before: 1000, not_after: 2000 };
    for (const id of ['a', 'b']) await becomes(id, { state: 'active', ...window }, 'approved');
    await becomes('c', { state: 'denied' }, 'denied');
    await putOverride(store, 'acme', { id: 'at-once', state: 'active', ...window });
    const before = { ...none, pending: 5, active: 3, denied: 1 };
    expect((await storeCounts(store.db)).overrides).toEqual(before);
    await becomes('a', { state: 'revoked' }, 'revoked');
    await becomes('b', { state: 'expired' }, 'expired');
    await becomes('b', { reviewed_by: 'ada' }, 'reviewed');
    await becomes('d', { state: 'expired' }, 'expired');
    expect((await storeCounts(store.db)).overrides, 'what was in force stays counted as that').toEqual({
      ...before,
      revoked: 1,
      expired: 2,
    });
  });

  // PostgreSQL plans by how many rows there are.
  if (kind !== 'postgres')
    it('without reading a row of them', async () => {
      const { rows } = await sql<{ detail: string }>`explain query plan
        select state, count(*), count(not_after) from overrides group by state`.execute(store.db);
      expect(rows.map(({ detail }) => detail)).toEqual(['SCAN overrides USING COVERING INDEX overrides_ending']);
    });
});
