import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Home, KINDS } from '../store/homes.ts';
import { CLASSIFY, OVERRIDE, POLICY, REGION, REQUEST, RESIDENCY, RESOLVE } from './as-sent.ts';
import { ControlRig } from './rig.ts';

describe.each(KINDS)('bodies as other systems send them, on %s', (kind) => {
  let home: Home;
  let rig: ControlRig;

  beforeAll(async () => {
    home = await Home.start(kind);
    // Another policy for all of the tenant, from which access to abroad can be granted.
    const policies = 'policies: [{ id: acme-edu-all, tenant_id: acme-edu, primary_region: us-east }]';
    rig = await ControlRig.start({ store: await home.store(), policies });
    for (const name of ['first', 'second']) await rig.token('approver', 'acme-edu', name);
  });
  afterAll(async () => {
    await rig?.stop();
    await home?.stop();
  });

  it('a policy of one learner', async () => {
    const { status, body } = await rig.send('POST', '/api/v1/policies', {
      token: await rig.token('admin'),
      body: POLICY,
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      tenant_id: 'acme-edu',
      subject_id: 'student-123',
      primary_region: 'us-east',
      allowed_regions: ['us-west', 'ca-central'],
      classifications: ['identity'],
      data_retention_days: 2555,
    });
  });

  it('a default policy', async () => {
    const token = await rig.token('admin');
    const { status, body } = await rig.send('POST', '/api/v1/residency/policies', { token, body: RESIDENCY });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: 'GDPR Compliance Policy',
      tenant_id: null,
      mode: 'regional',
      primary_region: 'eu-west',
      allowed_regions: ['eu-west', 'eu-central'],
    });
  });

  it('a decision', async () => {
    const { status, body, headers } = await rig.send('POST', '/api/v1/access/resolve', {
      token: await rig.token('viewer', 'acme-edu'),
      body: { ...RESOLVE, data_classification: 'educational' },
      headers: { 'x-user-id': 'teacher-1', 'x-region': 'us-east', 'x-request-id': 'resolve-1' },
    });
    expect(status).toBe(200);
    expect(headers['x-request-id']).toBe('resolve-1');
    expect(body).toMatchObject({ allowed: true, effect: 'allow', reason: 'in_residency', target_region: 'us-west' });
    expect(body.policy).toMatch(/^pol-/);
    expect(body.infrastructure).toHaveProperty('storage');
    const bare = await rig.send('POST', '/api/v1/access/resolve', { token: await rig.token('admin'), body: RESOLVE });
    expect(bare.body, 'neither the body nor a record says which class').toMatchObject({
      allowed: false,
      reason: 'classification_missing',
    });
  });

  it('a region that the catalogue has already', async () => {
    const { status, body } = await rig.send('POST', '/api/v1/regions', {
      token: await rig.token('admin'),
      body: REGION,
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: 'eu-west', cloud_region: 'eu-west-1', geography: 'EU' });
  });

  it('the class of a resource', async () => {
    const token = await rig.token('operator', 'acme-edu');
    const { status, body } = await rig.send('POST', '/api/v1/data/classify', { token, body: CLASSIFY });
    expect(status).toBe(200);
    expect(body).toMatchObject({ data_id: 'user-profile-12345', tenant_id: 'acme-edu', classification: 'identity' });
  });

  it('access across a border, from the request to the revocation', async () => {
    const asked = await rig.send('POST', '/api/v1/access/request', {
      token: await rig.token('requester', 'acme-edu'),
      body: REQUEST,
    });
    expect(asked.status).toBe(201);
    expect(asked.body.status).toBe('pending');
    const token = await rig.token('approver', 'acme-edu', 'first');
    const answer = { request_id: asked.body.request_id, approved: true, reason: 'as discussed' };
    const approved = await rig.send('POST', '/api/v1/access/approve', { token, body: answer });
    expect(approved.body).toMatchObject({ status: 'approved', grant_id: expect.any(String) });
    const { policies } = await rig.context.registry.tenantDocument('acme-edu');
    expect(policies?.grants.map(({ id }) => id)).toEqual([approved.body.grant_id]);
    const body = { grant_id: approved.body.grant_id, reason: 'done' };
    expect((await rig.send('POST', '/api/v1/access/revoke', { token, body })).status).toBe(200);
    expect((await rig.context.registry.tenantDocument('acme-edu')).policies?.grants).toEqual([]);
  });

  it('an emergency override', async () => {
    const token = await rig.token('breakglass', 'acme-edu');
    const { status, body } = await rig.send('POST', '/api/v1/emergency/override', { token, body: OVERRIDE });
    expect(status).toBe(201);
    expect(body).toMatchObject({ override_id: expect.any(String), status: 'pending' });
  });

  it('the store', async () => {
    expect((await rig.send('GET', '/health/db')).body).toMatchObject({ status: 'healthy', kind });
  });

  it('two changes at once, of which one finds the other done', async () => {
    const token = await rig.token('admin');
    const body = { id: 'raced', tenant_id: 'acme-edu', subject_id: 'raced', primary_region: 'us-east' };
    const made = await rig.send('POST', '/api/v1/policies', { token, body });
    const put = (name: string) =>
      rig.send('PUT', '/api/v1/policies/raced', {
        token,
        body: { ...body, name },
        headers: { 'if-match': made.etag },
      });
    const statuses = (await Promise.all(['a', 'b', 'c', 'd'].map(put))).map(({ status }) => status).sort();
    expect(statuses).toEqual([200, 412, 412, 412]);
  });

  it('a lower class, agreed on by two', async () => {
    const lower = async (subject: string) =>
      rig.send('POST', '/api/v1/data/classify', {
        token: await rig.token('operator', 'acme-edu', subject),
        body: { ...CLASSIFY, classification_level: 'content', reason: 'pseudonymised' },
      });
    expect((await lower('ann')).status).toBe(202);
    expect((await lower('bob')).status).toBe(200);
  });
});
