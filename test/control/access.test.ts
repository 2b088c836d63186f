import { afterEach, describe, expect, it, vi } from 'vitest';
import { historyOf } from '../../src/store/history.ts';
import { ACME, GLOBEX, People, REQUEST, type PeopleOptions, type Send } from './people.ts';

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

let people: People;
afterEach(async () => {
  vi.useRealTimers();
  await people.close();
});

/** A control plane with a requester and an approver of acme. */
async function office(options: PeopleOptions = {}): Promise<{ alice: Send; bob: Send }> {
  people = await People.open(options);
  return { alice: await people.someone('requester', 'alice'), bob: await people.someone('approver', 'bob') };
}

async function granted(alice: Send, bob: Send, more: object = {}): Promise<string> {
  const asked = await alice('POST', '/access/request', { ...REQUEST, ...more });
  const answer = await bob('POST', '/access/approve', { request_id: asked.body.request_id, approved: true });
  expect(answer).toMatchObject({ status: 200, body: { status: 'approved' } });
  return answer.body.grant_id;
}

describe('an access request', () => {
  it('is pending for an hour, with the defaults filled in, and nothing is granted yet', async () => {
    const { alice } = await office();
    const { status, body, headers, etag } = await alice('POST', '/access/request', REQUEST);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: 'pending',
      tenant_id: 'acme',
      requester: 'alice',
      user_id: 'alice',
      subjects: [],
      classifications: [],
      verbs: ['access'],
      resource: 'invoices/*',
      from_region: 'eu-west',
      to_region: 'us-east',
      max_uses: null,
      grant_id: null,
      approvals: [],
      quorum: 1,
    });
    expect(Date.parse(body.pending_until) - Date.parse(body.created_at)).toBe(60 * MINUTE);
    expect(headers['location']).toBe(`/api/v1/access/requests/${body.request_id}`);
    const read = await alice('GET', `/access/requests/${body.request_id}`);
    expect(read.body).toEqual(body);
    expect(read.etag).toBe(etag);
    expect((await alice('GET', '/access/grants')).body.items).toEqual([]);
  });

  it('is asked for in the words of systems in use, with region names in either form', async () => {
    const { alice } = await office({ policies: [{ ...ACME, primary_region: 'us-east', allowed_regions: [] }] });
    const sent = { data_id: 'data-456', target_region: 'eu-west-1', access_type: 'read', reason: 'Customer support' };
    const { status, body } = await alice('POST', '/access/request', sent);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      resource: 'data-456',
      from_region: 'us-east',
      to_region: 'eu-west',
      verbs: ['access'],
    });
  });

  it('becomes a grant by one approval, for its duration from then on', async () => {
    const { alice, bob } = await office();
    const asked = await alice('POST', '/access/request', { ...REQUEST, duration_minutes: 0.5, max_uses: 3 });
    const { body } = await bob('POST', '/access/approve', {
      request_id: asked.body.request_id,
      approved: true,
      reason: 'seen',
    });
    expect(body).toMatchObject({ status: 'approved', approvals: [{ by: 'bob', approved: true, reason: 'seen' }] });
    const grant = await alice('GET', `/access/grants/${body.grant_id}`);
    expect(grant.body).toMatchObject({
      status: 'active',
      source: 'api',
      request_id: asked.body.request_id,
      approved_by: ['bob'],
      max_uses: 3,
      uses: 0,
      uses_left: 3,
    });
    expect(Date.parse(grant.body.not_after) - Date.parse(grant.body.not_before)).toBe(MINUTE / 2);
    expect(grant.body.not_before).toBe(body.approvals[0].at);
  });

  it('opens what it says at once, and nothing once it is revoked', async () => {
    const { alice, bob } = await office();
    const grant = await granted(alice, bob, { classifications: ['educational'] });
    const resolve = { resource_id: 'invoices/1', data_classification: 'identity', requested_region: 'us-east' };
    const as = { 'x-user-id': 'alice' };
    const open = await alice('POST', '/access/resolve', resolve, as);
    expect(open.body).toMatchObject({ allowed: true, reason: 'grant', target_region: 'us-east', grant });
    const revoked = await alice('POST', '/access/revoke', { grant_id: grant, reason: 'done' });
    expect(revoked).toMatchObject({ status: 200, body: { grant_id: grant, status: 'revoked' } });
    expect(revoked.etag, 'the revision of the grant').toBe(
      `"${(await alice('GET', `/access/grants/${grant}`)).body.revision}"`,
    );
    const shut = await alice('POST', '/access/resolve', resolve, as);
    expect(shut.body).toMatchObject({ allowed: false, reason: 'region_not_allowed', target_region: null });
    expect((await alice('GET', `/access/grants/${grant}`)).body).toMatchObject({
      status: 'revoked',
      revoked_by: 'alice',
      revoke_reason: 'done',
    });
    expect((await alice('POST', '/access/revoke', { grant_id: grant })).status).toBe(409);
  });

  it('is closed by any denial', async () => {
    const { alice, bob } = await office({ approvals: { grantQuorum: 2 } });
    await people.someone('approver', 'carol');
    const { body } = await alice('POST', '/access/request', REQUEST);
    const carol = await people.someone('approver', 'carol');
    const first = await bob('POST', '/access/approve', { request_id: body.request_id, approved: true });
    expect(first.body).toMatchObject({ status: 'pending', grant_id: null });
    const second = await carol('POST', '/access/approve', {
      request_id: body.request_id,
      approved: false,
      reason: 'no',
    });
    expect(second.body).toMatchObject({ status: 'denied', grant_id: null });
    const third = await people.someone('approver', 'dave');
    const late = await third('POST', '/access/approve', { request_id: body.request_id, approved: true });
    expect(late.status).toBe(409);
    expect(late.body.detail).toContain('denied');
  });

  it('takes as many people as the quorum says', async () => {
    const { alice, bob } = await office({ approvals: { grantQuorum: 2 } });
    const carol = await people.someone('approver', 'carol');
    const { body } = await alice('POST', '/access/request', REQUEST);
    await bob('POST', '/access/approve', { request_id: body.request_id, approved: true });
    const done = await carol('POST', '/access/approve', { request_id: body.request_id, approved: true });
    expect(done.body.status).toBe('approved');
    const grant = await alice('GET', `/access/grants/${done.body.grant_id}`);
    expect(grant.body.approved_by).toEqual(['bob', 'carol']);
  });

  it('is another with each approval: nobody is shown it without one, and its history tells of all', async () => {
    const { alice, bob } = await office({ approvals: { grantQuorum: 2 } });
    await people.someone('approver', 'carol');
    const asked = await alice('POST', '/access/request', REQUEST);
    const id = asked.body.request_id;
    const first = await bob('POST', '/access/approve', { request_id: id, approved: true });
    expect(first.body.revision).toBeGreaterThan(asked.body.revision);
    const read = await alice('GET', `/access/requests/${id}`, undefined, { 'if-none-match': asked.etag });
    expect(read.status, 'what was read before has no approvals').toBe(200);
    expect(read.body).toMatchObject({ approvals: [{ by: 'bob' }], revision: first.body.revision });
    const history = await historyOf(people.store.db, 'request', id, { before: null, limit: 9 });
    expect(history.map(({ action, actor }) => `${action} by ${actor}`)).toEqual([
      'approval by bob',
      'requested by alice',
    ]);
  });

  it('expires when nobody decides in time, and cannot be approved then', async () => {
    const { alice, bob } = await office();
    const { body } = await alice('POST', '/access/request', REQUEST);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60 * MINUTE });
    expect((await alice('GET', `/access/requests/${body.request_id}`)).body.status).toBe('expired');
    const late = await bob('POST', '/access/approve', { request_id: body.request_id, approved: true });
    expect(late.status).toBe(409);
    expect(late.body.detail).toContain('expired');
  });

  it('is taken back with what came of it, by its requester but by no other', async () => {
    const { alice, bob } = await office();
    const eve = await people.someone('requester', 'eve');
    const pending = (await alice('POST', '/access/request', REQUEST)).body.request_id;
    expect((await eve('POST', '/access/revoke', { request_id: pending })).status).toBe(403);
    expect((await alice('POST', '/access/revoke', { request_id: pending })).body.grant_id).toBeNull();
    expect((await bob('POST', '/access/approve', { request_id: pending, approved: true })).status).toBe(409);
    const grant = await granted(alice, bob);
    expect((await eve('POST', '/access/revoke', { grant_id: grant })).status).toBe(403);
    const { request_id: request } = (await alice('GET', `/access/grants/${grant}`)).body;
    expect((await bob('POST', '/access/revoke', { request_id: request })).body.grant_id).toBe(grant);
  });

  it('of another tenant is not there, and so is its grant', async () => {
    const { alice, bob } = await office();
    const mallory = await people.someone('admin', 'mallory', 'globex');
    const grant = await granted(alice, bob);
    const { request_id: request } = (await alice('GET', `/access/grants/${grant}`)).body;
    expect((await mallory('GET', `/access/requests/${request}`)).status).toBe(404);
    expect((await mallory('GET', `/access/grants/${grant}`)).status).toBe(404);
    expect((await mallory('POST', '/access/revoke', { grant_id: grant })).status).toBe(404);
    expect((await mallory('POST', '/access/revoke', { request_id: request })).status).toBe(404);
    expect((await mallory('GET', '/access/grants?tenant_id=acme')).status).toBe(404);
    expect((await mallory('GET', '/access/grants')).body.items).toEqual([]);
    expect((await mallory('POST', '/access/request', { ...REQUEST, tenant_id: 'acme' })).status).toBe(404);
  });

  it('does a change once for one Idempotency-Key', async () => {
    const { alice } = await office();
    const key = { 'idempotency-key': 'k1' };
    const first = await alice('POST', '/access/request', REQUEST, key);
    const again = await alice('POST', '/access/request', REQUEST, key);
    expect(again).toMatchObject({ status: 201, body: first.body });
    expect((await alice('GET', '/access/requests')).body.items).toHaveLength(1);
    expect((await alice('POST', '/access/request', { ...REQUEST, reason: 'other' }, key)).status).toBe(422);
  });
});

describe('what can never be granted is refused when it is asked for', () => {
  const cases: readonly [string, object, number, string | RegExp, string?][] = [
    ['a prohibited target', { to_region: 'us-west' }, 422, 'region_prohibited'],
    ['the region that the data is in', { to_region: 'eu-west-1' }, 422, 'request_malformed'],
    ['a tenant that nothing opens', { tenant_id: 'state', to_region: 'us-east' }, 422, 'sovereign_no_cross_border'],
    ['an unknown tenant', { tenant_id: 'nobody', to_region: 'us-east' }, 422, 'no_policy'],
    ['a region that there is not', { to_region: 'us-eats' }, 400, /did you mean us-east/],
    ['a duration beyond the cap', { duration_minutes: 14 * 24 * 60 + 1 }, 422, /14 days/],
    ['no duration at all', { duration_minutes: 0 }, 400, /duration_minutes is 0/],
    ['a window that ends before it begins', { not_before: '2030-01-02', not_after: '2030-01-01' }, 400, /not after/],
    ['a window that is past', { not_after: '2020-01-01' }, 422, /is past/],
    ['a window beyond the cap', { not_before: '2030-01-01', not_after: '2030-01-16' }, 422, /14 days/],
    ['a day that there is not', { not_after: '2030-02-30' }, 400, /not in the calendar/],
    ['two ways to say how long', { not_after: '2030-01-01', duration_minutes: 5 }, 400, /one of the two/],
    ['two ways to say what', { verbs: ['store'], access_type: 'read' }, 400, /one of the two/],
    ['no reason', { reason: '  ' }, 400, /reason/],
    ['no use', { max_uses: 0 }, 400, /max_uses/],
    ['more uses than can be counted', { max_uses: 1e300 }, 400, /max_uses/],
    ['a NUL, which no database takes', { reason: 'a\u0000b' }, 400, /reason/],
    ['a class that there is not', { classifications: ['secret'] }, 400, /secret is no class/],
  ];

  it.each(cases)('%s', async (_, more, status, why) => {
    await office();
    await people.someone('approver', 'bob', null);
    const root = await people.someone('admin', 'root', null);
    const answer = await root('POST', '/access/request', { tenant_id: 'acme', ...REQUEST, ...more });
    expect(answer.status).toBe(status);
    if (typeof why === 'string') expect(answer.body.reason).toBe(why);
    else expect(answer.body.detail).toMatch(why);
  });

  it('a subject whose own policy is sovereign, though the tenant is not; not one beside it', async () => {
    const own = {
      id: 'own',
      tenant_id: 'acme',
      subject_id: 's1',
      mode: 'fully-sovereign',
      primary_region: 'sovereign',
    };
    const { alice } = await office({ policies: [ACME, own] });
    const ask = (more: object) => alice('POST', '/access/request', { ...REQUEST, ...more });
    expect(await ask({ learner_id: 's1' })).toMatchObject({
      status: 422,
      body: { reason: 'sovereign_no_cross_border' },
    });
    expect((await ask({ subjects: ['s2', 's1'], from_region: 'eu-west' })).status).toBe(422);
    expect((await ask({ subjects: ['s2'] })).status).toBe(201);
    expect((await ask({})).status).toBe(201);
  });

  it('a quorum that nobody can meet: by distinct living approvers of the scope, without those who have a part', async () => {
    people = await People.open();
    const alice = await people.someone('requester', 'alice');
    const refused = async (body: object = REQUEST) => (await alice('POST', '/access/request', body)).status;
    expect(await refused()).toBe(422);
    await people.someone('approver', 'alice');
    await people.someone('approver', 'zed', 'globex');
    await people.someone('admin', 'root', null);
    expect(await refused()).toBe(422);
    await people.someone('approver', 'bob');
    expect(await refused({ ...REQUEST, user_id: 'bob' })).toBe(422);
    expect(await refused()).toBe(201);
  });

  it('asks for a ticket of the configured form', async () => {
    const { alice } = await office({ approvals: { ticketPattern: /INC-\d+/ } });
    const without = await alice('POST', '/access/request', REQUEST);
    expect(without).toMatchObject({ status: 400, body: { errors: [{ path: '/ticket' }] } });
    expect((await alice('POST', '/access/request', { ...REQUEST, ticket: 'x INC-1' })).status).toBe(400);
    expect((await alice('POST', '/access/request', { ...REQUEST, ticket: 'INC-1' })).status).toBe(201);
  });

  it('asks which region is meant where the data is pinned in two', async () => {
    const analytical = { ...ACME, id: 'acme-us', primary_region: 'us-west', classifications: ['analytical'] };
    const { alice } = await office({
      policies: [ACME, { ...analytical, allowed_regions: [], prohibited_regions: [] }],
    });
    const both = await alice('POST', '/access/request', REQUEST);
    expect(both).toMatchObject({ status: 400, body: { errors: [{ path: '/from_region' }] } });
    const one = await alice('POST', '/access/request', { ...REQUEST, classifications: ['analytical'] });
    expect(one.body.from_region).toBe('us-west');
  });

  it('needs a tenant of a token for all of them, unless one tenant alone has a record of the resource', async () => {
    await office();
    const root = await people.someone('admin', 'root', null);
    const body = { data_id: 'crm/1', to_region: 'us-east', reason: 'r' };
    expect((await root('POST', '/access/request', body)).status).toBe(400);
    const record = { tenant_id: 'acme', data_id: 'crm/1', classification_level: 'identity' };
    expect((await root('POST', '/data/classify', record)).status).toBeLessThan(300);
    expect((await root('POST', '/access/request', body)).body.tenant_id).toBe('acme');
  });
});

describe('lists', () => {
  it('page through requests, and through the grants of files and then the others', async () => {
    const window = {
      not_before: new Date(Date.now() - DAY).toISOString(),
      not_after: new Date(Date.now() + DAY).toISOString(),
    };
    const kept = (id: string, tenant: string) => ({
      id,
      tenant_id: tenant,
      user_id: 'u',
      from_region: 'eu-west',
      to_region: 'us-east',
      max_uses: 2,
      ...window,
      reason: 'r',
      approved_by: ['dpo'],
    });
    const { alice, bob } = await office({
      policies: [ACME, GLOBEX],
      grants: [
        kept('g2', 'acme'),
        kept('g1', 'acme'),
        { ...kept('h1', 'globex'), from_region: 'us-east', to_region: 'eu-west' },
      ],
    });
    const made = [await granted(alice, bob), await granted(alice, bob), await granted(alice, bob)];
    const seen: string[] = [];
    let cursor = '';
    do {
      const { body } = await alice('GET', `/access/grants?limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`);
      expect(body.items.length).toBeLessThanOrEqual(2);
      seen.push(...body.items.map((item: { grant_id: string }) => item.grant_id));
      cursor = body.next_cursor ?? '';
    } while (cursor !== '');
    expect(seen).toEqual(['g1', 'g2', ...made]);
    expect((await alice('GET', '/access/grants/g1')).body).toMatchObject({ source: 'file', uses_left: 2 });
    expect((await alice('GET', '/access/grants/h1')).status).toBe(404);
    expect((await alice('POST', '/access/revoke', { grant_id: 'g1' })).status).toBe(409);
    const approved = await alice('GET', '/access/requests?status=approved&limit=2');
    expect(approved.body.items).toHaveLength(2);
    expect(approved.body.items[0].approvals).toMatchObject([{ by: 'bob' }]);
    expect((await alice('GET', '/access/requests?status=denied')).body).toEqual({ items: [], next_cursor: null });
  });
});
