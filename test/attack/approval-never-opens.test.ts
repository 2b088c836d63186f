import { afterEach, describe, expect, it } from 'vitest';
import { ACME, OVERRIDE, People, REQUEST, STATE, type Send } from '../control/people.ts';

/**
 * Paths to what nothing may open: a fully-sovereign tenant, a prohibited region by another of its names, a policy that
 * denies overrides; asked for at once, or while the policy was laxer and approved once it is strict.
 */
describe('what nothing may open', () => {
  let people: People;
  afterEach(() => people.close());

  async function office(policies: readonly object[], tenant: string): Promise<{ root: Send; bob: Send; carol: Send }> {
    people = await People.open({ policies });
    return {
      root: await people.someone('admin', 'root', tenant),
      bob: await people.someone('approver', 'bob', tenant),
      carol: await people.someone('approver', 'carol', tenant),
    };
  }

  it('a fully-sovereign tenant: no grant, no override', async () => {
    const { root } = await office([STATE], 'state');
    const grant = await root('POST', '/access/request', { ...REQUEST, to_region: 'eu-central' });
    expect(grant).toMatchObject({ status: 422, body: { reason: 'sovereign_no_cross_border' } });
    const override = await root('POST', '/emergency/override', { ...OVERRIDE, source_region: 'sovereign' });
    expect(override).toMatchObject({ status: 422, body: { reason: 'sovereign_no_cross_border' } });
  });

  it.each(['us-west', 'us-west-2'])('a prohibited region by the name %s: no grant', async (region) => {
    const { root } = await office([ACME], 'acme');
    const answer = await root('POST', '/access/request', { ...REQUEST, to_region: region });
    expect(answer).toMatchObject({ status: 422, body: { reason: 'region_prohibited' } });
  });

  it('a region that an advisory policy alone advises against can be opened', async () => {
    const { root } = await office([{ ...ACME, policy_type: 'advisory' }], 'acme');
    expect((await root('POST', '/access/request', { ...REQUEST, to_region: 'us-west' })).status).toBe(201);
  });

  it('what has become so between the request and its approval', async () => {
    const made = { ...ACME, id: 'p1', prohibited_regions: [] };
    const { root, bob, carol } = await office([], 'acme');
    const created = await root('POST', '/policies', made);
    expect(created.status).toBe(201);
    const request = (await root('POST', '/access/request', { ...REQUEST, to_region: 'us-west' })).body.request_id;
    const override = (await root('POST', '/emergency/override', OVERRIDE)).body.override_id;
    const token = await people.rig.token('admin', 'acme', 'root');
    const stricter = await people.rig.send('PUT', '/api/v1/policies/p1', {
      token,
      body: { ...made, prohibited_regions: ['us-west'], emergency_override: 'denied' },
      headers: { 'if-match': created.etag },
    });
    expect(stricter.status).toBe(200);
    const granted = await bob('POST', '/access/approve', { request_id: request, approved: true });
    expect(granted).toMatchObject({ status: 422, body: { reason: 'region_prohibited' } });
    const path = `/emergency/overrides/${override}/approve`;
    expect((await bob('POST', path, { approved: true })).status).toBe(422);
    expect((await carol('POST', path, { approved: false })).body.status).toBe('denied');
    expect((await root('GET', `/access/requests/${request}`)).body).toMatchObject({ status: 'pending', approvals: [] });
  });
});
