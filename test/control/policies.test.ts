import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlRig } from './rig.ts';

const FILE = `policies:
  - { id: file-eu, tenant_id: filed, primary_region: eu-west, compliance_frameworks: [gdpr], transfer_evidence: [{ regime: gdpr, mechanism: scc, valid_until: 2030-01-01 }] }
  - { id: file-default, primary_region: us-east }
`;

let rig: ControlRig;
let acme: string;
let other: string;
let all: string;
const BASE = '/api/v1/policies';

beforeAll(async () => {
  rig = await ControlRig.start({ policies: FILE });
  acme = await rig.token('operator', 'acme');
  other = await rig.token('operator', 'other');
  all = await rig.token('operator');
});
afterAll(() => rig.stop());

const post = (token: string, body: object, path = BASE) => rig.send('POST', path, { token, body });
const get = (token: string, path: string) => rig.send('GET', path, { token });
const put = (token: string, id: string, body: object, etag: string) =>
  rig.send('PUT', `${BASE}/${id}`, { token, body, headers: { 'if-match': etag } });
const remove = (token: string, id: string, etag: string) =>
  rig.send('DELETE', `${BASE}/${id}`, { token, headers: { 'if-match': etag } });

describe('a policy that is made', () => {
  it('belongs to the tenant of the token, and has every default', async () => {
    const { status, body, headers, etag } = await post(acme, { subject_id: 'p1', primary_region: 'eu-west-1' });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      tenant_id: 'acme',
      subject_id: 'p1',
      primary_region: 'eu-west',
      mode: 'client-owned',
      policy_type: 'mandatory',
      enabled: true,
      source: 'api',
    });
    expect(body.id).toMatch(/^pol-[0-9a-f]{16}$/);
    expect(headers['location']).toBe(`${BASE}/${body.id}`);
    expect(etag).toBe(`"${body.revision}"`);
    const read = await get(acme, `${BASE}/${body.id}`);
    expect(read.body).toEqual(body);
    expect(read.etag).toBe(etag);
  });

  it('is in force at once', async () => {
    await post(acme, { id: 'in-force', subject_id: 'p2', primary_region: 'eu-central' });
    const { policies } = await rig.context.registry.tenantDocument('acme');
    expect(policies?.policies.map(({ id }) => id)).toContain('in-force');
  });

  it('needs a tenant, from the token or the body', async () => {
    const { status, body } = await post(all, { primary_region: 'eu-west' });
    expect(status).toBe(400);
    expect(body.errors).toEqual([{ path: '/tenant_id', message: expect.stringContaining('is missing') }]);
    expect((await post(all, { tenant_id: 'third', primary_region: 'eu-west' })).status).toBe(201);
    expect((await post(acme, { tenant_id: 'third', primary_region: 'eu-west' })).status).toBe(404);
  });

  it('without a tenant is a default policy, and only for those who are for all', async () => {
    const residency = '/api/v1/residency/policies';
    const made = await post(all, { allowed_regions: ['eu-west-1', 'eu-central-1'] }, residency);
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({ tenant_id: null, primary_region: 'eu-west' });
    expect((await post(all, { tenant_id: null, primary_region: 'eu-west' })).body.tenant_id).toBeNull();
    expect((await post(acme, { tenant_id: null, primary_region: 'eu-west' }, residency)).status).toBe(403);
    const scoped = await post(acme, { subject_id: 'p3', allowed_regions: ['eu-west'] }, residency);
    expect(scoped.body.tenant_id, 'left out, it is the token’s').toBe('acme');
    expect((await get(acme, `${BASE}/${made.body.id}`)).status, 'another’s eyes do not see it').toBe(404);
  });

  it('takes its primary region from the first allowed, and needs one of the two', async () => {
    const { status, body } = await post(acme, { name: 'nowhere' });
    expect(status).toBe(400);
    expect(body.errors[0].path).toBe('/primary_region');
  });

  it('names its classes by aliases too, one way or the other', async () => {
    const one = await post(acme, { subject_id: 'p4', primary_region: 'eu-west', data_classification: 'educational' });
    expect(one.body.classifications).toEqual(['identity']);
    const list = await post(acme, {
      subject_id: 'p5',
      primary_region: 'eu-west',
      classifications: ['educational', 'content'],
    });
    expect(list.body.classifications).toEqual(['identity', 'content']);
    const both = { primary_region: 'eu-west', classifications: ['content'], data_classification: 'content' };
    const { status, body } = await post(acme, both);
    expect(status).toBe(400);
    expect(body.errors[0].path).toBe('/data_classification');
  });

  it.each([
    ['hybrid without replicas', { mode: 'hybrid' }, '/mode'],
    ['an allowed region abroad', { residency_mode: 'regional', allowed_regions: ['us-east'] }, '/allowed_regions/0'],
    ['its own primary prohibited', { prohibited_regions: ['eu-west'] }, '/prohibited_regions/0'],
    ['a region twice', { allowed_regions: ['us-east', 'us-east-1'] }, '/allowed_regions/1'],
    ['a border looser than the default', { cross_border: { identity: 'logged' } }, '/cross_border/identity'],
    ['a framework that there is not', { compliance_frameworks: ['gdrp'] }, '/compliance_frameworks/0'],
    ['no sovereign region', { mode: 'fully-sovereign' }, '/primary_region'],
    ['advice that binds', { mode: 'fully-sovereign', policy_type: 'advisory' }, '/policy_type'],
  ])('must not contradict itself: %s', async (_, rest, path) => {
    const { status, body } = await post(acme, { primary_region: 'eu-west', ...rest });
    expect(status).toBe(400);
    expect(body.errors.map((each: { path: string }) => each.path)).toContain(path);
    for (const { message } of body.errors) expect(message.length).toBeGreaterThan(10);
  });

  it('must not contradict another', async () => {
    await post(other, { id: 'other-first', primary_region: 'eu-west' });
    const rank = await post(other, { primary_region: 'us-east' });
    expect(rank.status).toBe(409);
    expect(rank.body.detail).toContain('other-first');
    for (const [id, why] of [
      ['other-first', 'there is another policy'],
      ['file-eu', 'kept in a file'],
      ['other', 'id of a tenant'],
      ['filed', 'id of a tenant'],
    ]) {
      const { status, body } = await post(other, { id, subject_id: 'x', primary_region: 'us-east' });
      expect(status, id).toBe(409);
      expect(body.detail).toContain(why);
    }
  });
});

describe('policies are read', () => {
  it('by a tenant in the path or the query, those of files too', async () => {
    const path = await get(all, `${BASE}/filed`);
    expect(path.body.items).toEqual([expect.objectContaining({ id: 'file-eu', source: 'file', created_at: null })]);
    expect(path.body.items[0].transfer_evidence[0].valid_until).toBe('2030-01-01T00:00:00.000Z');
    const query = await get(all, `${BASE}?tenant_id=filed`);
    expect(query.body).toEqual(path.body);
    expect((await get(acme, `${BASE}/filed`)).status).toBe(404);
    expect((await get(acme, `${BASE}?tenant_id=filed`)).status).toBe(404);
    expect((await get(acme, `${BASE}/file-eu`)).status).toBe(404);
  });

  it('of one tenant only, unless for all', async () => {
    const mine = await get(acme, `${BASE}?limit=200`);
    expect(new Set(mine.body.items.map(({ tenant_id }: { tenant_id: string }) => tenant_id))).toEqual(
      new Set(['acme']),
    );
    const every = await get(all, `${BASE}?limit=200`);
    const tenants = new Set(every.body.items.map(({ tenant_id }: { tenant_id: string }) => tenant_id));
    expect([...tenants]).toEqual(expect.arrayContaining(['acme', 'other', 'filed', null]));
  });

  it('where there is none, it is 404', async () => {
    expect((await get(all, `${BASE}/nobody`)).status).toBe(404);
    expect((await get(all, `${BASE}?tenant_id=nobody`)).body).toEqual({ items: [], next_cursor: null });
  });

  it('under their other path the same', async () => {
    const { body } = await get(all, '/api/v1/residency/policies/file-eu');
    expect(body.id).toBe('file-eu');
  });
});

describe('a policy is changed', () => {
  it('by sending back what was read, edited', async () => {
    const { body: made } = await post(acme, { id: 'edited', subject_id: 'e1', primary_region: 'eu-west' });
    const { status, body, etag } = await put(
      acme,
      'edited',
      { ...made, allowed_regions: ['eu-central-1'] },
      `"${made.revision}"`,
    );
    expect(status).toBe(200);
    expect(body).toEqual({
      ...made,
      allowed_regions: ['eu-central'],
      revision: expect.any(Number),
      updated_at: expect.any(String),
    });
    expect(body.revision).toBeGreaterThan(made.revision);
    expect(etag).toBe(`"${body.revision}"`);
    expect((await put(acme, 'edited', made, `"${made.revision}"`)).status, 'the first ETag is stale').toBe(412);
  });

  it('by the other path too, whose revision is the same', async () => {
    const { etag } = await get(acme, `${BASE}/edited`);
    const { status } = await rig.send('PUT', '/api/v1/residency/policies/edited', {
      token: acme,
      body: { subject_id: 'e1', primary_region: 'eu-west' },
      headers: { 'if-match': etag },
    });
    expect(status).toBe(200);
  });

  it('never without the ETag of what was read', async () => {
    const { status, body } = await rig.send('PUT', `${BASE}/edited`, {
      token: acme,
      body: { primary_region: 'eu-west' },
    });
    expect(status).toBe(428);
    expect(body.detail).toContain('If-Match');
    expect((await rig.send('DELETE', `${BASE}/edited`, { token: acme })).status).toBe(428);
    expect((await remove(acme, 'edited', 'W/"1"')).status, 'a weak one proves nothing').toBe(412);
  });

  it('but its tenant and id stay', async () => {
    const body = { subject_id: 'e1', primary_region: 'eu-west' };
    expect((await put(all, 'edited', { ...body, tenant_id: 'other' }, '*')).status).toBe(409);
    expect((await put(all, 'edited', { ...body, tenant_id: null }, '*')).status).toBe(409);
    expect((await put(acme, 'edited', { ...body, tenant_id: 'other' }, '*')).status).toBe(404);
    const { status, body: problem } = await put(acme, 'edited', { ...body, id: 'renamed' }, '*');
    expect(status).toBe(400);
    expect(problem.errors[0].path).toBe('/id');
  });

  it('only by those for whom it exists', async () => {
    const body = { primary_region: 'eu-west' };
    expect((await put(other, 'edited', body, '*')).status).toBe(404);
    expect((await remove(other, 'edited', '*')).status).toBe(404);
    expect((await put(acme, 'nothing', body, '*')).status).toBe(404);
  });

  it('unless it is kept in a file', async () => {
    for (const id of ['file-eu', 'file-default']) {
      expect((await put(all, id, { primary_region: 'eu-west' }, '*')).status).toBe(409);
      const { status, body } = await remove(all, id, '*');
      expect(status).toBe(409);
      expect(body.detail).toBe(`policy ${id} is kept in a file: change it there`);
    }
  });

  it('of two at once, one', async () => {
    const { body: made, etag } = await post(acme, { id: 'raced', subject_id: 'e2', primary_region: 'eu-west' });
    const race = [1, 2, 3, 4, 5].map((i) => put(acme, 'raced', { ...made, name: `n${i}` }, etag));
    const statuses = (await Promise.all(race)).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 412, 412, 412, 412]);
  });
});

describe('a policy is deleted', () => {
  it('and is gone, but for its history', async () => {
    const { etag } = await post(acme, { id: 'gone', subject_id: 'd1', primary_region: 'eu-west' });
    const { status, text } = await remove(acme, 'gone', etag);
    expect(status).toBe(204);
    expect(text).toBe('');
    expect((await get(acme, `${BASE}/gone`)).status).toBe(404);
    const { body } = await get(acme, `${BASE}/gone/history`);
    expect(body.items.map(({ action }: { action: string }) => action)).toEqual(['deleted', 'created']);
    expect(body.items[0]).toMatchObject({ actor: 'operator-acme', policy: null });
    expect(body.items[1].policy).toMatchObject({ id: 'gone', primary_region: 'eu-west' });
  });

  it('and its id, taken by another tenant, tells nothing of before', async () => {
    await post(other, { id: 'gone', subject_id: 'd2', primary_region: 'us-east' });
    const { body } = await get(other, `${BASE}/gone/history`);
    expect(body.items).toHaveLength(1);
    expect(body.items[0].policy).toMatchObject({ tenant_id: 'other' });
    const before = await get(acme, `${BASE}/gone/history`);
    expect(
      before.body.items.every(({ policy }: { policy: null | { tenant_id: string } }) => policy?.tenant_id !== 'other'),
    ).toBe(true);
  });

  it('and whoever has its id since hides nothing of before', async () => {
    const { etag } = await post(acme, { id: 'passed-on', subject_id: 'd3', primary_region: 'eu-west' });
    await remove(acme, 'passed-on', etag);
    await post(other, { id: 'passed-on', subject_id: 'd4', primary_region: 'us-east' });
    for (let i = 1; i <= 3; i++) await put(other, 'passed-on', { subject_id: 'd4', primary_region: 'us-east' }, '*');
    const first = await get(acme, `${BASE}/passed-on/history?limit=1`);
    expect(first.status).toBe(200);
    expect(first.body.items).toEqual([expect.objectContaining({ action: 'deleted', actor: 'operator-acme' })]);
    const second = await get(acme, `${BASE}/passed-on/history?limit=1&cursor=${first.body.next_cursor}`);
    expect(second.body.items).toEqual([expect.objectContaining({ action: 'created', actor: 'operator-acme' })]);
    expect(second.body.next_cursor).toBeNull();
  });
});

describe('the history of a policy', () => {
  it('is paged from the latest on', async () => {
    const { body: made } = await post(acme, { id: 'long', subject_id: 'h1', primary_region: 'eu-west' });
    for (let i = 1; i <= 4; i++) await put(acme, 'long', { ...made, name: `n${i}` }, '*');
    const names: (string | null)[] = [];
    let cursor: string | null = '';
    do {
      const page = await get(acme, `${BASE}/long/history?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      names.push(...page.body.items.map(({ policy }: { policy: { name: string | null } }) => policy.name));
      cursor = page.body.next_cursor;
    } while (cursor !== null);
    expect(names).toEqual(['n4', 'n3', 'n2', 'n1', null]);
  });

  it('of a file is empty, and of nothing is 404', async () => {
    expect((await get(all, `${BASE}/file-eu/history`)).body).toEqual({ items: [], next_cursor: null });
    expect((await get(all, `${BASE}/never/history`)).status).toBe(404);
    expect((await get(other, `${BASE}/long/history`)).status).toBe(404);
  });
});
