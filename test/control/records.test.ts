import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ControlRig } from './rig.ts';

let rig: ControlRig;
const people = new Map<string, string>();
const CLASSIFY = '/api/v1/data/classify';

beforeAll(async () => {
  rig = await ControlRig.start();
  for (const name of ['ann', 'bob']) people.set(name, await rig.token('operator', 'acme', name));
  // A second token of one person is that person.
  people.set('ann again', await rig.token('admin', 'acme', 'ann'));
  people.set('other', await rig.token('operator', 'other', 'olga'));
  people.set('all', await rig.token('operator', null, 'al'));
});
afterAll(() => rig.stop());
afterEach(() => void vi.useRealTimers());

const classify = (who: string, data_id: string, classification_level: string, rest: object = {}) =>
  rig.send('POST', CLASSIFY, { token: people.get(who)!, body: { data_id, classification_level, ...rest } });
const read = (who: string, id: string, query = '') =>
  rig.send('GET', `/api/v1/data/${encodeURIComponent(id)}/classification${query}`, { token: people.get(who)! });

/** What decides: the class on record of a resource, in the bundle of the tenant. */
async function inForce(id: string, tenant = 'acme') {
  const { policies } = await rig.context.registry.tenantDocument(tenant);
  return policies?.records?.find(([resource]) => resource === id)?.[1];
}

describe('a class', () => {
  it('is recorded, with what else was sent, and decides from then on', async () => {
    await rig.send('POST', '/api/v1/policies', { token: people.get('ann')!, body: { primary_region: 'eu-west' } });
    const { status, body } = await classify('ann', 'bucket/a key/ü%', 'educational', {
      data_type: 'user_profile',
      sensitivity: 'high',
      pii_present: true,
      encryption_required: true,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      data_id: 'bucket/a key/ü%',
      tenant_id: 'acme',
      classification: 'identity',
      data_type: 'user_profile',
      pii_present: true,
      lowered: null,
      pending: null,
    });
    const got = await read('bob', 'bucket/a key/ü%');
    expect(got.body, 'the id is percent-decoded').toEqual(body);
    expect(got.etag).toBe(`"${body.revision}"`);
    expect(await inForce('bucket/a key/ü%')).toBe('identity');
  });

  it('is one that there is, or an alias of one', async () => {
    const { status, body } = await classify('ann', 'x', 'identiy');
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      { path: '/classification_level', message: expect.stringContaining('did you mean identity?') },
    ]);
  });

  it('of a resource of another tenant is another', async () => {
    await classify('ann', 'shared', 'identity');
    expect((await read('other', 'shared')).status).toBe(404);
    expect((await classify('other', 'shared', 'content')).status).toBe(200);
    expect((await read('ann', 'shared')).body.classification).toBe('identity');
    expect((await classify('other', 'shared', 'content', { tenant_id: 'acme' })).status).toBe(404);
  });

  it('needs its tenant said where a token is for all, unless one alone has the id', async () => {
    const fresh = await classify('all', 'fresh', 'content');
    expect(fresh.status).toBe(400);
    expect(fresh.body.errors[0].path).toBe('/tenant_id');
    await classify('ann', 'only-acme', 'content');
    expect((await classify('all', 'only-acme', 'operational')).body).toMatchObject({ tenant_id: 'acme' });
    expect((await read('all', 'only-acme')).body.tenant_id).toBe('acme');
    const both = await read('all', 'shared');
    expect(both.status, 'two tenants have one').toBe(400);
    expect(both.body.errors[0].message).toContain('several tenants');
    expect((await read('all', 'shared', '?tenant_id=other')).body.classification).toBe('content');
    expect((await read('all', 'nobody-has-it')).status).toBe(404);
    expect((await read('ann', 'nobody-has-it')).status).toBe(404);
  });

  it('is raised by one person', async () => {
    await classify('ann', 'raised', 'analytical');
    for (const word of ['content', 'operational', 'transactional', 'identity'])
      expect((await classify('ann', 'raised', word)).status, word).toBe(200);
    expect(await inForce('raised')).toBe('identity');
  });
});

describe('a lower class', () => {
  it('that waits is seen by whoever has read the record before', async () => {
    const { etag } = await classify('ann', 'r0', 'identity');
    await classify('bob', 'r0', 'content', { reason: 'it is public' });
    const headers = { 'if-none-match': etag };
    const { status, body } = await rig.send('GET', '/api/v1/data/r0/classification', {
      token: people.get('ann')!,
      headers,
    });
    expect(status).toBe(200);
    expect(body.pending).toMatchObject({ requester: 'bob' });
  });

  it('than the record has needs a reason', async () => {
    await classify('ann', 'r1', 'transactional');
    const { status, body } = await classify('bob', 'r1', 'operational');
    expect(status).toBe(422);
    expect(body.detail).toContain('operational is below transactional');
    expect(await inForce('r1')).toBe('transactional');
  });

  it('than personal data want needs a reason, also where there is no record', async () => {
    const { status } = await classify('ann', 'r2', 'content', { pii_present: true });
    expect(status).toBe(422);
    const asked = await classify('ann', 'r2', 'content', { pii_present: true, reason: 'pseudonymised' });
    expect(asked.status).toBe(202);
    expect(asked.body).toMatchObject({ classification: null, revision: 0, pending: { classification: 'content' } });
    expect(await inForce('r2'), 'nothing is in force by it').toBeUndefined();
    expect((await read('bob', 'r2')).body).toEqual(asked.body);
    const agreed = await classify('bob', 'r2', 'content', { pii_present: true, reason: 'I have checked' });
    expect(agreed.status).toBe(200);
    expect(agreed.body).toMatchObject({
      classification: 'content',
      pending: null,
      lowered: { requested_by: 'ann', reason: 'pseudonymised', approved_by: 'bob', approval: 'I have checked' },
    });
    const settled = await classify('ann', 'r2', 'content', { pii_present: true });
    expect(settled.status, 'what two have agreed on is settled').toBe(200);
  });

  it('takes a second person, not a second token', async () => {
    await classify('ann', 'r3', 'identity');
    const lower = (who: string) => classify(who, 'r3', 'content', { reason: 'test data' });
    expect((await lower('ann')).status).toBe(202);
    expect((await lower('ann')).status).toBe(202);
    expect((await lower('ann again')).status).toBe(202);
    expect(await inForce('r3')).toBe('identity');
    expect((await lower('bob')).status).toBe(200);
    expect(await inForce('r3')).toBe('content');
  });

  it('holds for what was asked, and nothing else', async () => {
    await classify('ann', 'r4', 'identity');
    await classify('ann', 'r4', 'operational', { reason: 'test data' });
    const lower = await classify('bob', 'r4', 'analytical', { reason: 'even lower' });
    expect(lower.status, 'another class is another request').toBe(202);
    expect(lower.body.pending).toMatchObject({ requester: 'bob', classification: 'analytical' });
    const facts = await classify('ann', 'r4', 'analytical', { reason: 'fine', sensitivity: 'low' });
    expect(facts.status, 'so are other facts').toBe(202);
    expect(await inForce('r4')).toBe('identity');
    expect((await classify('bob', 'r4', 'analytical', { reason: 'fine', sensitivity: 'low' })).status).toBe(200);
  });

  it('is forgotten after a while, and once something else is recorded', async () => {
    await classify('ann', 'r5', 'identity');
    await classify('ann', 'r5', 'content', { reason: 'test data' });
    await classify('bob', 'r5', 'identity');
    expect((await read('bob', 'r5')).body.pending, 'the record was confirmed meanwhile').toBeNull();
    await classify('ann', 'r5', 'content', { reason: 'test data' });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60 * 60_000 });
    expect((await read('bob', 'r5')).body.pending).toBeNull();
    const late = await classify('bob', 'r5', 'content', { reason: 'late' });
    expect(late.status, 'it is asked for anew').toBe(202);
    expect(await inForce('r5')).toBe('identity');
  });

  it('of two who ask at once is agreed on once', async () => {
    await classify('ann', 'r6', 'identity');
    const lower = (who: string) => classify(who, 'r6', 'content', { reason: 'test data' });
    const statuses = (await Promise.all([lower('ann'), lower('bob')])).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 202]);
  });
});
