import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OVERRIDE, People, REQUEST, type Send } from '../control/people.ts';

/**
 * An approver of one tenant opens the data of another: by approving, by asking for the other tenant, or by learning that
 * there is something to approve. Of another tenant nothing is there at all.
 */
describe('an approver of another tenant', () => {
  let people: People;
  let alice: Send;
  let eve: Send;
  beforeEach(async () => {
    people = await People.open({ approvals: { overrideQuorum: 1 } });
    alice = await people.someone('admin', 'alice');
    eve = await people.someone('approver', 'eve', 'globex');
    await people.someone('approver', 'bob');
  });
  afterEach(() => people.close());

  it('gets the same answer as for what does not exist', async () => {
    const { body } = await alice('POST', '/access/request', REQUEST);
    const real = await eve('POST', '/access/approve', { request_id: body.request_id, approved: true });
    const made = await eve('POST', '/access/approve', { request_id: 'request-none', approved: true });
    expect(real.status).toBe(404);
    expect(real.body.detail.replace(body.request_id, '')).toBe(made.body.detail.replace('request-none', ''));
    expect((await alice('GET', `/access/requests/${body.request_id}`)).body.approvals).toEqual([]);
  });

  it('cannot approve, deny or end an override', async () => {
    const { body } = await alice('POST', '/emergency/override', OVERRIDE);
    const path = `/emergency/overrides/${body.override_id}`;
    for (const approved of [true, false]) expect((await eve('POST', `${path}/approve`, { approved })).status).toBe(404);
    expect((await eve('POST', `${path}/revoke`, {})).status).toBe(404);
    expect((await alice('GET', path)).body).toMatchObject({ status: 'pending', approvals: [] });
  });

  it('counts for no quorum', async () => {
    const other = await people.someone('admin', 'root', 'globex');
    await people.someone('approver', 'bob', 'acme');
    const ask = { ...REQUEST, to_region: 'eu-west', user_id: 'eve' };
    expect((await other('POST', '/access/request', ask)).status).toBe(422);
  });

  it('cannot be asked by a token of one tenant to open another', async () => {
    for (const [path, body] of [
      ['/access/request', REQUEST],
      ['/emergency/override', OVERRIDE],
    ] as const)
      expect((await alice('POST', path, { ...body, tenant_id: 'globex' })).status).toBe(404);
  });
});
