import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OVERRIDE, People, REQUEST, type Send } from '../control/people.ts';

const DAY = 86_400_000;

/**
 * A widening that outlives the cap: by its length, by a window that begins before it is approved, by numbers that are
 * none, or by an approval that comes late. Every way to say how long ends at the cap.
 */
describe('a window beyond the cap', () => {
  let people: People;
  let alice: Send;
  let bob: Send;
  beforeEach(async () => {
    people = await People.open({ approvals: { grantCapDays: 2, pendingMinutes: 3 * 24 * 60 } });
    alice = await people.someone('admin', 'alice');
    bob = await people.someone('approver', 'bob');
    await people.someone('approver', 'carol');
  });
  afterEach(async () => {
    vi.useRealTimers();
    await people.close();
  });

  it.each([
    ['a long duration', { duration_minutes: 2 * 24 * 60 + 0.01 }],
    ['a number beyond all bounds', { duration_minutes: 1e300 }],
    ['a late end', { not_after: '2999-01-01' }],
    ['a far window', { not_before: '2999-01-01', not_after: '2999-01-04' }],
  ])('of a grant is refused: %s', async (_, more) => {
    expect((await alice('POST', '/access/request', { ...REQUEST, ...more })).status).toBe(422);
  });

  it('of a grant is refused as a number that JSON does not have', async () => {
    const token = await people.rig.token('admin', 'acme', 'alice');
    const raw = JSON.stringify({ ...REQUEST, duration_minutes: 1 }).replace(
      '"duration_minutes":1',
      '"duration_minutes":1e999',
    );
    const answer = await people.rig.send('POST', '/api/v1/access/request', { token, raw });
    expect([400, 422]).toContain(answer.status);
  });

  it('of an override is refused', async () => {
    for (const duration_hours of [24.0001, 72, 1e300, -1])
      expect([400, 422]).toContain(
        (await alice('POST', '/emergency/override', { ...OVERRIDE, duration_hours })).status,
      );
  });

  it('does not come of a late approval: what is past then is not granted', async () => {
    const end = new Date(Date.now() + DAY).toISOString();
    const { body } = await alice('POST', '/access/request', { ...REQUEST, not_after: end });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + DAY + 1 });
    const answer = await bob('POST', '/access/approve', { request_id: body.request_id, approved: true });
    expect(answer.status).toBe(409);
    expect((await alice('GET', '/access/grants')).body.items).toEqual([]);
  });

  it('does not come of a late approval: it begins then, and ends as asked for', async () => {
    const start = new Date(Date.now()).toISOString();
    const end = new Date(Date.now() + 2 * DAY - 60_000).toISOString();
    const { body } = await alice('POST', '/access/request', { ...REQUEST, not_before: start, not_after: end });
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + DAY });
    const { body: approved } = await bob('POST', '/access/approve', { request_id: body.request_id, approved: true });
    const grant = (await alice('GET', `/access/grants/${approved.grant_id}`)).body;
    expect(Date.parse(grant.not_before)).toBeGreaterThan(Date.parse(start));
    expect(grant.not_after).toBe(end);
  });
});
