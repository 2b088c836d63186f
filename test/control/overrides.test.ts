import { afterEach, describe, expect, it, vi } from 'vitest';
import { Expiry } from '../../src/control/expiry.ts';
import { StoredUses } from '../../src/store/uses.ts';
import { ACME, OVERRIDE, People, type PeopleOptions, type Send } from './people.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let people: People;
afterEach(async () => {
  vi.useRealTimers();
  await people.close();
});

interface Office {
  readonly sre: Send;
  readonly bob: Send;
  readonly carol: Send;
}

/** A control plane with someone who may break the glass, and two approvers. */
async function office(options: PeopleOptions = {}): Promise<Office> {
  people = await People.open(options);
  return {
    sre: await people.someone('breakglass', 'sre'),
    bob: await people.someone('approver', 'bob'),
    carol: await people.someone('approver', 'carol'),
  };
}

function later(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms });
}

async function sweep(): Promise<void> {
  const { store, settings, log } = people.rig.context;
  await new Expiry(store, settings.approvals, log).sweep();
}

async function asked(sre: Send, more: object = {}): Promise<string> {
  const { status, body } = await sre('POST', '/emergency/override', { ...OVERRIDE, ...more });
  expect(status).toBe(201);
  return body.override_id;
}

async function activated({ sre, bob, carol }: Office, more: object = {}): Promise<string> {
  const id = await asked(sre, more);
  for (const approver of [bob, carol])
    expect((await approver('POST', `/emergency/overrides/${id}/approve`, { approved: true })).status).toBe(200);
  return id;
}

/** Whether it opens a region that the policy prohibits. */
async function opens(send: Send, more: object = {}): Promise<string> {
  const facts = { data_classification: 'identity', resource_id: 'b/k', requested_region: 'us-west', ...more };
  return (await send('POST', '/access/resolve', facts)).body.reason;
}

describe('an emergency override', () => {
  it('takes two people beside its requester, and then opens even a prohibited region at once', async () => {
    const all = await office();
    const { sre, bob, carol } = all;
    const id = await asked(sre);
    const path = `/emergency/overrides/${id}`;
    const pending = await sre('GET', path);
    expect(pending.body).toMatchObject({ status: 'pending', quorum: 2, not_before: null, duration_hours: 1 });
    expect(await opens(sre)).toBe('region_prohibited');
    const one = await bob('POST', `${path}/approve`, { approved: true, reason: 'yes' });
    expect(one.body).toMatchObject({ status: 'pending', approvals: [{ by: 'bob', reason: 'yes' }] });
    expect(one.body.revision, 'each approval is a change').toBeGreaterThan(pending.body.revision);
    expect(await opens(sre)).toBe('region_prohibited');
    const two = await carol('POST', `${path}/approve`, { approved: true });
    expect(two.body).toMatchObject({ status: 'active', approve_by: null, review_due_at: null });
    expect(Date.parse(two.body.not_after) - Date.parse(two.body.not_before)).toBe(HOUR);
    expect(await opens(sre)).toBe('emergency_override');
    later(HOUR);
    expect(await opens(sre)).toBe('region_prohibited');
    expect((await sre('GET', path)).body.status).toBe('expired');
  });

  it('is asked for in the words of systems in use', async () => {
    const { sre } = await office({
      policies: [
        {
          ...ACME,
          subject_id: 'student-123',
          primary_region: 'us-east',
          allowed_regions: ['us-west'],
          prohibited_regions: ['eu-west'],
        },
      ],
    });
    const { status, body } = await sre('POST', '/emergency/override', {
      tenant_id: 'acme',
      reason: 'Regional outage',
      affected_learners: ['student-123', 'student-456'],
      source_region: 'us-east',
      target_region: 'eu-west',
      duration_hours: 24,
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      status: 'pending',
      affected_learners: ['student-123', 'student-456'],
      duration_hours: 24,
    });
    expect(body.override_id).toMatch(/^override-/);
  });

  it('holds for the people it names only, and for as long as it says', async () => {
    const all = await office();
    await activated(all, { affected_learners: ['s1'], duration_hours: 0.25 });
    expect(await opens(all.sre, { learner_id: 's1' })).toBe('emergency_override');
    expect(await opens(all.sre, { learner_id: 's2' })).toBe('region_prohibited');
    expect(await opens(all.sre)).toBe('region_prohibited');
    later(15 * MINUTE);
    expect(await opens(all.sre, { learner_id: 's1' })).toBe('region_prohibited');
  });

  it('is closed by any denial, and cannot be decided on afterwards', async () => {
    const { sre, bob, carol } = await office();
    const path = `/emergency/overrides/${await asked(sre)}`;
    await bob('POST', `${path}/approve`, { approved: true });
    expect((await carol('POST', `${path}/approve`, { approved: false })).body.status).toBe('denied');
    const dave = await people.someone('approver', 'dave');
    expect((await dave('POST', `${path}/approve`, { approved: true })).status).toBe(409);
    expect(await opens(sre)).toBe('region_prohibited');
  });

  it('ends at once when it is revoked, by breakglass or an approver', async () => {
    const all = await office();
    const id = await activated(all);
    const { body } = await all.sre('POST', `/emergency/overrides/${id}/revoke`, { reason: 'over' });
    expect(body).toMatchObject({ status: 'revoked', revoked_by: 'sre', revoke_reason: 'over' });
    expect(await opens(all.sre)).toBe('region_prohibited');
    expect((await all.bob('POST', `/emergency/overrides/${id}/revoke`, {})).status).toBe(409);
    const pending = await asked(all.sre);
    expect((await all.bob('POST', `/emergency/overrides/${pending}/revoke`, {})).body.status).toBe('revoked');
  });

  it('of another tenant is not there', async () => {
    const { sre } = await office();
    const id = await asked(sre);
    const mallory = await people.someone('approver', 'mallory', 'globex');
    expect((await mallory('GET', `/emergency/overrides/${id}`)).status).toBe(404);
    for (const [what, body] of [
      ['approve', { approved: true }],
      ['revoke', {}],
      ['review', { outcome: 'x' }],
    ] as const)
      expect((await mallory('POST', `/emergency/overrides/${id}/${what}`, body)).status).toBe(404);
    expect((await mallory('GET', '/emergency/overrides')).body.items).toEqual([]);
  });

  it.each<[string, PeopleOptions, object, number, string | RegExp]>([
    ['longer than the cap', {}, { duration_hours: 24.01 }, 422, /24 hours/],
    ['of no length', {}, { duration_hours: 0 }, 400, /is 0/],
    ['to where the data is', {}, { target_region: 'eu-west-1' }, 422, 'request_malformed'],
    ['for a tenant that nothing opens', {}, { tenant_id: 'state' }, 422, 'sovereign_no_cross_border'],
    ['for a tenant that there is not', {}, { tenant_id: 'nobody' }, 422, 'no_policy'],
    [
      'that the policy denies',
      { policies: [{ ...ACME, emergency_override: 'denied' }] },
      {},
      422,
      'operation_not_permitted',
    ],
    ['without a reason', {}, { reason: '' }, 400, /reason/],
    ['without its ticket', { approvals: { ticketPattern: /INC-\d+/ } }, {}, 400, /ticket/],
  ])('is refused %s', async (_, options, more, status, why) => {
    people = await People.open(options);
    const root = await people.someone('admin', 'root', null);
    for (const subject of ['bob', 'carol']) await people.someone('approver', subject, null);
    const answer = await root('POST', '/emergency/override', { tenant_id: 'acme', ...OVERRIDE, ...more });
    expect(answer.status).toBe(status);
    if (typeof why === 'string') expect(answer.body.reason).toBe(why);
    else expect(answer.body.detail).toMatch(why);
  });

  it('is refused where two people beside the requester could not approve it', async () => {
    people = await People.open();
    const sre = await people.someone('breakglass', 'sre');
    await people.someone('approver', 'sre');
    await people.someone('approver', 'bob');
    const answer = await sre('POST', '/emergency/override', OVERRIDE);
    expect(answer.status).toBe(422);
    expect(answer.body.detail).toContain('2 people');
    await people.someone('approver', 'carol');
    expect((await sre('POST', '/emergency/override', OVERRIDE)).status).toBe(201);
  });

  it('counts nobody where people come by JWT', async () => {
    people = await People.open({
      settings: {
        jwt: {
          issuer: 'https://issuer',
          audience: 'domicile',
          keys: { jwks: { keys: [] } },
          algorithms: ['ES256'],
          claims: { role: 'role', tenant: 'tenant', subject: 'sub' },
        },
      },
    });
    const sre = await people.someone('breakglass', 'sre');
    expect((await sre('POST', '/emergency/override', OVERRIDE)).status).toBe(201);
  });
});

describe('approval after the fact', () => {
  const settings: PeopleOptions = { approvals: { afterTheFactMinutes: 10 } };

  it('puts it in force at once, and it lapses unless it is approved in time', async () => {
    const { sre, bob, carol } = await office(settings);
    const id = await asked(sre);
    expect((await sre('GET', `/emergency/overrides/${id}`)).body).toMatchObject({ status: 'active', approvals: [] });
    expect(await opens(sre)).toBe('emergency_override');
    await bob('POST', `/emergency/overrides/${id}/approve`, { approved: true });
    later(10 * MINUTE);
    expect(await opens(sre)).toBe('region_prohibited');
    const late = await carol('POST', `/emergency/overrides/${id}/approve`, { approved: true });
    expect(late.status).toBe(409);
    expect(late.body.detail).toContain('lapsed');
    await sweep();
    expect((await sre('GET', `/emergency/overrides/${id}`)).body.review_due_at).not.toBeNull();
  });

  it('holds its whole time once it is approved in time', async () => {
    const { sre, bob, carol } = await office(settings);
    const id = await asked(sre);
    const before = (await sre('GET', `/emergency/overrides/${id}`)).body;
    await bob('POST', `/emergency/overrides/${id}/approve`, { approved: true });
    const { body } = await carol('POST', `/emergency/overrides/${id}/approve`, { approved: true });
    expect(body).toMatchObject({ status: 'active', approve_by: null, not_before: before.not_before });
    expect(Date.parse(body.not_after) - Date.parse(body.not_before)).toBe(HOUR);
    later(59 * MINUTE);
    expect(await opens(sre)).toBe('emergency_override');
    const dave = await people.someone('approver', 'dave');
    expect((await dave('POST', `/emergency/overrides/${id}/approve`, { approved: false })).status).toBe(409);
  });

  it('ends at once when it is denied, and is reviewed', async () => {
    const { sre, bob } = await office(settings);
    const id = await asked(sre);
    const { body } = await bob('POST', `/emergency/overrides/${id}/approve`, { approved: false });
    expect(body.status).toBe('denied');
    expect(body.review_due_at).not.toBeNull();
    expect(await opens(sre)).toBe('region_prohibited');
  });
});

describe('the review of an override', () => {
  it('is due 24 hours after the first use, and shown until it is done by someone else', async () => {
    const all = await office();
    const { sre, bob } = all;
    const id = await activated(all);
    const path = `/emergency/overrides/${id}`;
    expect((await bob('POST', `${path}/review`, { outcome: 'x' })).status).toBe(409);
    await new StoredUses(people.store).add([[id, 2]]);
    const usedAt = Date.now();
    await sweep();
    const used = (await sre('GET', path)).body;
    expect(used).toMatchObject({ status: 'active', uses: 2, review_overdue: false });
    expect(Math.abs(Date.parse(used.review_due_at) - usedAt - 24 * HOUR)).toBeLessThan(5000);
    later(24 * HOUR + MINUTE);
    await sweep();
    const overdue = (await sre('GET', path)).body;
    expect(overdue).toMatchObject({ status: 'expired', review_overdue: true, review_due_at: used.review_due_at });
    await people.someone('approver', 'sre');
    const own = await people.someone('approver', 'sre');
    expect((await own('POST', `${path}/review`, { outcome: 'fine' })).status).toBe(403);
    const done = await bob('POST', `${path}/review`, { outcome: 'justified, see INC-1' });
    expect(done.body).toMatchObject({
      reviewed_by: 'bob',
      review_outcome: 'justified, see INC-1',
      review_overdue: false,
    });
    expect((await bob('POST', `${path}/review`, { outcome: 'again' })).status).toBe(409);
  });

  it('is told of a use that is heard of only after the end', async () => {
    const all = await office();
    const id = await activated(all);
    later(2 * HOUR);
    await sweep();
    const { review_due_at: due } = (await all.sre('GET', `/emergency/overrides/${id}`)).body;
    await new StoredUses(people.store).add([[id, 1]]);
    await sweep();
    const events = await people.store.db.selectFrom('events').select('kind').where('object_id', '=', id).execute();
    expect(events.map(({ kind }) => kind)).toContain('override.used');
    expect((await all.sre('GET', `/emergency/overrides/${id}`)).body).toMatchObject({ uses: 1, review_due_at: due });
  });

  it('is due 24 hours after the end of one that nobody used, and never for one that was not in force', async () => {
    const all = await office();
    const used = await activated(all);
    const never = await asked(all.sre);
    const end = Date.parse((await all.sre('GET', `/emergency/overrides/${used}`)).body.not_after);
    later(2 * HOUR);
    await sweep();
    const { body } = await all.sre('GET', `/emergency/overrides/${used}`);
    expect(body).toMatchObject({ status: 'expired', review_due_at: new Date(end + 24 * HOUR).toISOString() });
    expect((await all.sre('GET', `/emergency/overrides/${never}`)).body).toMatchObject({
      status: 'expired',
      review_due_at: null,
    });
    expect((await all.bob('POST', `/emergency/overrides/${never}/review`, { outcome: 'x' })).status).toBe(409);
  });
});
