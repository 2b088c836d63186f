import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readTenants } from '../../src/store/bundle.ts';
import { historyOf } from '../../src/store/history.ts';
import { answerUnder, keepAnswer } from '../../src/store/idempotency.ts';
import { metaValue, secretUnder, setMetaValue } from '../../src/store/meta.ts';
import {
  countPolicies,
  deletePolicy,
  listPolicies,
  policiesOfTenant,
  policyById,
  policyOf,
  putPolicy,
} from '../../src/store/policies.ts';
import { putRecord, recordOf, tenantsWithRecord } from '../../src/store/records.ts';
import { deleteRegion, listRegions, putRegion } from '../../src/store/regions.ts';
import type { Change, Store } from '../../src/store/store.ts';
import { addToken, hasTokens, listTokens, revokeToken, subjectsOfRole, tokenByHash } from '../../src/store/tokens.ts';
import { Home, KINDS, type Place } from './homes.ts';
import { policyEntry, putGrant, putOverride, regionEntry, WHO } from './rows.ts';

describe.each(KINDS)('repositories in %s', (kind) => {
  let home: Home;
  let place: Place;
  let store: Store;
  beforeAll(async () => void (home = await Home.start(kind)));
  afterAll(() => home.stop());
  beforeEach(async () => {
    place = await home.place();
    store = await place.store();
  });

  const change = <T>(work: (change: Change) => Promise<T>) => store.change(WHO, work);
  const put = (...written: Parameters<typeof policyEntry>[0][]) =>
    change(async (under) => {
      for (const policy of written) await putPolicy(under, policyEntry(policy));
    });

  describe('policies', () => {
    it('are kept with the revision that wrote them last, and with all that they were', async () => {
      const made = await change((under) => putPolicy(under, policyEntry({ name: 'first' })));
      const updated = await change((under) => putPolicy(under, policyEntry({ name: 'second' })));
      expect(await policyById(store.db, 'acme-eu')).toEqual(updated);
      expect(updated).toEqual({
        entry: policyEntry({ name: 'second' }),
        revision: 2,
        createdAt: made.createdAt,
        updatedAt: updated.updatedAt,
      });
      expect(policyOf(updated)).toMatchObject({ id: 'acme-eu', tenantId: 'acme', name: 'second', revision: 2 });
      expect(await change((under) => deletePolicy(under, 'acme-eu'))).toBe(true);
      expect(await change((under) => deletePolicy(under, 'acme-eu'))).toBe(false);
      expect(await policyById(store.db, 'acme-eu')).toBeNull();
      const history = await historyOf(store.db, 'policy', 'acme-eu', { before: null, limit: 2 });
      expect(history).toEqual([
        expect.objectContaining({ revision: 3, action: 'deleted', body: null, actor: 'ada', requestId: 'r-1' }),
        expect.objectContaining({ revision: 2, action: 'updated', body: policyEntry({ name: 'second' }) }),
      ]);
      expect(await historyOf(store.db, 'policy', 'acme-eu', { before: 2, limit: 2 })).toEqual([
        expect.objectContaining({ revision: 1, action: 'created', tenant: 'acme' }),
      ]);
    });

    it('touch their tenant, the one that they are taken from too, and default policies everybody', async () => {
      await put({ id: 'p', tenant_id: 'acme' });
      await put({ id: 'p', tenant_id: 'globex' });
      expect(new Set((await store.touchedSince(1))?.tenants)).toEqual(new Set(['acme', 'globex']));
      await put({ id: 'all', tenant_id: null });
      expect((await store.touchedSince(2))?.tenants).toEqual(['*']);
      await change((under) => deletePolicy(under, 'p'));
      expect((await store.touchedSince(3))?.tenants).toEqual(['globex']);
    });

    it('are listed by id, in pages, of one tenant or of all', async () => {
      await put(
        { id: 'b' },
        { id: 'a', subject_id: 'eve' },
        { id: 'c', tenant_id: 'globex' },
        { id: 'd', tenant_id: null },
      );
      const ids = async (tenant: string | null, after: string | null, limit: number) =>
        (await listPolicies(store.db, { tenant, after, limit })).map(({ entry }) => entry.id);
      expect(await ids(null, null, 3)).toEqual(['a', 'b', 'c']);
      expect(await ids(null, 'c', 3)).toEqual(['d']);
      expect(await ids('acme', null, 1)).toEqual(['a']);
      expect(await ids('acme', 'a', 9)).toEqual(['b']);
      expect((await policiesOfTenant(store.db, 'acme')).map(({ entry }) => entry.id)).toEqual(['a', 'b']);
      expect(await countPolicies(store.db)).toBe(4);
    });
  });

  it('keep regions in the order in which they were made, and statuses laid over those of the file', async () => {
    const entry = regionEntry({ id: 'eu-north' });
    await change((under) => putRegion(under, { id: 'us-east', status: 'draining', entry: null }, 'drained'));
    await change((under) => putRegion(under, { id: 'eu-north', status: 'inactive', entry }, 'created'));
    await change((under) => putRegion(under, { id: 'eu-north', status: 'active', entry }, 'activated'));
    expect(await listRegions(store.db)).toMatchObject([
      { id: 'us-east', status: 'draining', entry: null, revision: 1 },
      { id: 'eu-north', status: 'active', entry, revision: 3 },
    ]);
    expect((await store.touchedSince(0))?.tenants).toEqual(['*']);
    expect(await change((under) => deleteRegion(under, 'eu-north'))).toBe(true);
    expect(await change((under) => deleteRegion(under, 'eu-north'))).toBe(false);
    expect(await listRegions(store.db)).toHaveLength(1);
    const actions = await historyOf(store.db, 'region', 'eu-north', { before: null, limit: 9 });
    expect(actions.map(({ action }) => action)).toEqual(['deleted', 'activated', 'created']);
  });

  it('keep one record of each resource of each tenant', async () => {
    const record = {
      tenant: 'acme',
      dataId: 'crm/Jörg %2F.json',
      classification: 'content',
      body: { pii: false },
    } as const;
    await change((under) => putRecord(under, record));
    await change((under) => putRecord(under, { ...record, classification: 'identity' }));
    await change((under) => putRecord(under, { ...record, tenant: 'globex' }));
    expect(await recordOf(store.db, 'acme', record.dataId)).toMatchObject({
      ...record,
      classification: 'identity',
      revision: 2,
    });
    expect(await recordOf(store.db, 'acme', 'crm/other')).toBeNull();
    expect(await tenantsWithRecord(store.db, record.dataId, 9)).toEqual(['acme', 'globex']);
    expect(await tenantsWithRecord(store.db, record.dataId, 1)).toEqual(['acme']);
    expect((await store.touchedSince(2))?.tenants).toEqual(['globex']);
  });

  it('find tokens by their hash alone, and count those who could approve', async () => {
    const now = await store.now();
    expect(await hasTokens(store.db)).toBe(false);
    const token = (id: string, subject: string, more: Partial<Parameters<typeof addToken>[1]> = {}) =>
      change((under) =>
        addToken(under, { id, hash: `h-${id}`, role: 'approver', tenant: 'acme', subject, expires_at: null, ...more }),
      );
    const made = await token('t1', 'dpo');
    await token('t2', 'dpo', { tenant: null });
    await token('t3', 'cto', { tenant: null, expires_at: now + 60_000 });
    await token('t4', 'late', { expires_at: now - 1 });
    await token('t5', 'elsewhere', { tenant: 'globex' });
    await token('t6', 'operator', { role: 'operator' });
    await token('t7', 'gone');
    expect(await change((under) => revokeToken(under, 't7'))).toBe(true);
    expect(await change((under) => revokeToken(under, 't7'))).toBe(false);
    expect(await hasTokens(store.db)).toBe(true);
    expect(await tokenByHash(store.db, 'h-t1')).toEqual(made);
    expect(made).toMatchObject({ created_by: 'ada', revoked_at: null });
    expect(await tokenByHash(store.db, 't1')).toBeNull();
    expect((await tokenByHash(store.db, 'h-t7'))?.revoked_at).toBeTypeOf('number');
    expect(await subjectsOfRole(store.db, 'approver', 'acme', now)).toEqual(new Set(['dpo', 'cto']));
    expect((await listTokens(store.db, 'globex')).map(({ id }) => id)).toEqual(['t5']);
    expect(await listTokens(store.db, null)).toHaveLength(7);
    const history = await historyOf(store.db, 'token', 't7', { before: null, limit: 9 });
    expect(history.map(({ action }) => action)).toEqual(['revoked', 'created']);
    expect(JSON.stringify(history)).not.toContain('h-t7');
    await expect(token('t8', 'twin', { hash: 'h-t1' })).rejects.toThrow(/unique/i);
  });

  it('keep answers under their key, until they are a day old', async () => {
    const slot = { principal: 'ada', path: '/policies', key: 'k1' };
    const answer = { bodyHash: 'abc', status: 201, answer: '{"id":"p"}' };
    await change((under) => keepAnswer(under, slot, answer));
    expect(await answerUnder(store.db, slot, 0)).toEqual(answer);
    for (const other of [{ principal: 'eve' }, { path: '/regions' }, { key: 'k2' }])
      expect(await answerUnder(store.db, { ...slot, ...other }, 0)).toBeNull();
    expect(await answerUnder(store.db, slot, (await store.now()) + 1)).toBeNull();

    await store.write((db, now) =>
      db
        .updateTable('idempotency')
        .set({ at: now - 86_400_000 })
        .execute(),
    );
    await change((under) => keepAnswer(under, { ...slot, key: 'k2' }, answer));
    expect(await store.db.selectFrom('idempotency').select('key').execute()).toEqual([{ key: 'k2' }]);
    await change((under) => keepAnswer(under, { ...slot, key: 'k2' }, { ...answer, bodyHash: 'def' }));
    expect(await answerUnder(store.db, { ...slot, key: 'k2' }, 0)).toMatchObject({ bodyHash: 'def' });
  });

  it('make a secret once, whoever asks at the same time', async () => {
    const stores = [store, await place.store(), await place.store()];
    const secrets = await Promise.all(stores.map((one) => secretUnder(one, 'presign_key')));
    expect(new Set(secrets).size).toBe(1);
    expect(Buffer.from(secrets[0] as string, 'base64')).toHaveLength(32);
    expect(await secretUnder(store, 'presign_key')).toBe(secrets[0]);
    expect(await secretUnder(store, 'another')).not.toBe(secrets[0]);
    await store.write((db) => setMetaValue(db, 'files', 'one'));
    await store.write((db) => setMetaValue(db, 'files', 'two'));
    expect([await metaValue(store.db, 'files'), await metaValue(store.db, 'none')]).toEqual(['two', null]);
  });

  it('read everything that decides about tenants, and nothing of another or of the past', async () => {
    const now = await store.now();
    await put({ id: 'p1' }, { id: 'p2', subject_id: 'eve', enabled: false }, { id: 'p3', tenant_id: 'globex' });
    const grant = await putGrant(store, 'acme', { id: 'g1' });
    await putGrant(store, 'acme', { id: 'g2' }, { state: 'revoked' });
    await putGrant(store, 'acme', { id: 'g3', notBefore: now - 2000, notAfter: now - 1000 });
    const later = await putGrant(store, 'globex', { id: 'g4', notBefore: now + 60_000 });
    await putOverride(store, 'acme', { id: 'o1' });
    await putOverride(store, 'acme', { id: 'o2', state: 'pending', not_before: null, not_after: null });
    await putOverride(store, 'acme', { id: 'o3', not_after: now - 1 });
    await putOverride(store, 'globex', { id: 'o4', state: 'revoked' });
    await change((under) =>
      putRecord(under, { tenant: 'acme', dataId: 'crm/a', classification: 'identity', body: { pii_present: true } }),
    );

    const found = await readTenants(store.db, ['acme', 'globex', 'nobody'], now);
    expect([...found.keys()]).toEqual(['acme', 'globex', 'nobody']);
    const acme = found.get('acme');
    expect(acme?.policies.map(({ entry }) => entry.id)).toEqual(['p1', 'p2']);
    expect(acme?.grants).toEqual([grant]);
    expect(acme?.overrides).toEqual([
      {
        id: 'o1',
        tenantId: 'acme',
        subjects: ['student-1'],
        sourceRegion: 'eu-west',
        targetRegion: 'us-east',
        notBefore: expect.any(Number),
        notAfter: expect.any(Number),
        reason: 'flood',
        approvedBy: ['cto', 'dpo'],
      },
    ]);
    expect(acme?.records).toEqual([['crm/a', 'identity']]);
    expect(found.get('globex')).toMatchObject({ grants: [later], overrides: [], records: [] });
    expect(found.get('nobody')).toEqual({ policies: [], grants: [], overrides: [], records: [] });
  });

  it('read thousands of tenants in one call', async () => {
    const tenants = Array.from({ length: 2500 }, (_, i) => `t${i}`);
    await put(...tenants.filter((_, i) => i % 500 === 0).map((tenant) => ({ id: `p-${tenant}`, tenant_id: tenant })));
    const found = await readTenants(store.db, tenants, 0);
    expect(found.size).toBe(2500);
    expect([...found].filter(([, { policies }]) => policies.length > 0).map(([tenant]) => tenant)).toEqual(
      tenants.filter((_, i) => i % 500 === 0),
    );
  });
});
