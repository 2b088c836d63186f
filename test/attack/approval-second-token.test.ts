import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OVERRIDE, People, REQUEST, type Send } from '../control/people.ts';

/**
 * Someone who may ask also holds, or makes themselves, a token that may approve. Approvals are counted by the person, not
 * by the token: nobody approves what they have asked for, or what they would use.
 */
describe('approving one’s own request through a second token', () => {
  let people: People;
  let asking: Send;
  let approving: Send;
  beforeEach(async () => {
    people = await People.open({ approvals: { overrideQuorum: 1 } });
    asking = await people.someone('admin', 'alice');
    approving = await people.someone('approver', 'alice');
    await people.someone('approver', 'bob');
  });
  afterEach(() => people.close());

  it('is forbidden for an access request, and nothing is granted', async () => {
    const { body } = await asking('POST', '/access/request', REQUEST);
    const own = await approving('POST', '/access/approve', { request_id: body.request_id, approved: true });
    expect(own.status).toBe(403);
    expect(own.body.detail).toContain('nobody approves their own');
    const everywhere = await people.someone('approver', 'alice', null);
    expect((await everywhere('POST', '/access/approve', { request_id: body.request_id, approved: true })).status).toBe(
      403,
    );
    const after = await asking('GET', `/access/requests/${body.request_id}`);
    expect(after.body).toMatchObject({ status: 'pending', approvals: [], grant_id: null });
  });

  it('is forbidden for an override', async () => {
    const { body } = await asking('POST', '/emergency/override', OVERRIDE);
    const path = `/emergency/overrides/${body.override_id}`;
    expect((await approving('POST', `${path}/approve`, { approved: true })).status).toBe(403);
    expect((await asking('GET', path)).body).toMatchObject({ status: 'pending', approvals: [] });
  });

  it('is forbidden for a request made by another for oneself', async () => {
    const friend = await people.someone('requester', 'friend');
    const { body } = await friend('POST', '/access/request', { ...REQUEST, user_id: 'alice' });
    expect((await approving('POST', '/access/approve', { request_id: body.request_id, approved: true })).status).toBe(
      403,
    );
  });

  it('is forbidden to an administrator, who may do everything else', async () => {
    const friend = await people.someone('requester', 'friend');
    const { body } = await friend('POST', '/access/request', REQUEST);
    const root = await people.someone('admin', 'root', null);
    expect((await root('POST', '/access/approve', { request_id: body.request_id, approved: true })).status).toBe(403);
  });
});
