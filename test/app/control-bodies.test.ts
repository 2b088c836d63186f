import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { CLASSIFY, OVERRIDE, POLICY, REGION, REQUEST, RESIDENCY, RESOLVE } from '../control/as-sent.ts';
import { writeFiles, type Written } from '../rig/domicile.ts';
import { ENV, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';
import { Home, KINDS, type Kind } from '../store/homes.ts';
import { ask, Cluster } from './cluster-rig.ts';
import { becomes, reasonOf, sender, type Send } from './people.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const MAIN = join(REPOSITORY, 'src', 'main.ts');

/** The shipped regions, at a server of ours. */
function shippedRegions({ url }: Upstream): Written[] {
  const { regions } = parse(readFileSync(join(REPOSITORY, 'config', 'regions.yaml'), 'utf8')) as { regions: Written[] };
  const endpoints = {
    storage: { url, signing: { credentials: 'upstream' }, bucket: '{bucket}-{cloud_region}' },
    search: { url, index: '{tenant}--{index}' },
    bedrock: { url, signing: { credentials: 'upstream' } },
  };
  return regions.map((region) => ({ ...region, endpoints }));
}

interface Started {
  /** Whoever has the API, and whoever has the data plane. */
  readonly api: Cluster;
  readonly plane: Cluster;
  /** Of the API. */
  readonly env: NodeJS.ProcessEnv;
}

/** `serve` on SQLite, or `control` on PostgreSQL with a `proxy`. @param stack where what was started is stopped */
async function start(kind: Kind, upstream: Upstream, stack: AsyncDisposableStack): Promise<Started> {
  const settings = { credentials: SETTINGS_CREDENTIALS, regimes: join(REPOSITORY, 'policies', 'regimes') };
  const regions = shippedRegions(upstream);
  // For all of the tenant, beside that of one learner: access to it from abroad can be granted.
  const policies = [{ id: 'acme-edu-all', tenant_id: 'acme-edu', primary_region: 'us-east' }];
  const begin = async (...begun: Parameters<typeof Cluster.in>) => {
    const cluster = Cluster.in(...begun);
    stack.defer(() => cluster.stop());
    await cluster.logged('ready');
    return cluster;
  };
  if (kind === 'sqlite') {
    const serve = await begin(writeFiles({ regions, policies, settings }), ENV);
    return { api: serve, plane: serve, env: ENV };
  }
  const home = await Home.start('postgres');
  stack.defer(() => home.stop());
  const env = { ...ENV, DATABASE: (await home.place()).url! };
  const store = { url: '${env:DATABASE}' };
  const api = await begin(writeFiles({ regions, policies, settings: { ...settings, store } }), env, [], 'control');
  const args = ['--workers', '2', '--control', api.feed];
  const plane = await begin(writeFiles({ regions, policies: [], settings }), ENV, args, 'proxy');
  return { api, plane, env };
}

/** As people make them: from the command line, while it runs. */
async function createToken({ api, env }: Started, role: string, subject: string): Promise<string> {
  const words = ['token', 'create', '--role', role, '--subject', subject, '--tenant', 'acme-edu'];
  const args = [MAIN, ...words, '--config', join(api.folder, 'domicile.yaml')];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env, ...env } });
  expect(stdout, 'the token, alone').toMatch(/^dom_\S+\n$/);
  return stdout.trim();
}

const PEOPLE = ['viewer', 'operator', 'requester', 'approver', 'breakglass'] as const;

describe.each(KINDS)('bodies as other systems send them, on %s', (kind) => {
  const stack = new AsyncDisposableStack();
  let upstream: Upstream;
  let running: Started;
  let admin: Send;
  /** Each with a token for acme-edu alone. */
  let by: Record<(typeof PEOPLE)[number] | 'second', Send>;

  beforeAll(async () => {
    upstream = await startUpstream((_, answer) => answer.end('{}'));
    stack.defer(() => upstream.close());
    running = await start(kind, upstream, stack);
    const { control, firstToken } = running.api;
    admin = sender(control, firstToken);
    const named = [...PEOPLE.map((role) => [role, role] as const), ['second', 'approver'] as const];
    const made = named.map(async ([name, role]) => {
      return [name, sender(control, await createToken(running, role, `${name}@acme-edu`))] as const;
    });
    by = Object.fromEntries(await Promise.all(made)) as typeof by;
  });
  afterAll(() => stack.disposeAsync());

  it('a policy of one learner, by which the data plane decides', async () => {
    const { status, body } = await admin('POST', '/api/v1/policies', POLICY);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      tenant_id: 'acme-edu',
      subject_id: 'student-123',
      primary_region: 'us-east',
      allowed_regions: ['us-west', 'ca-central'],
      prohibited_regions: ['eu-west'],
      classifications: ['identity'],
      compliance_frameworks: ['ferpa', 'coppa'],
      allow_cross_region_failover: true,
      data_retention_days: 2555,
      emergency_contact: 'dpo@acme-edu.com',
      mode: 'client-owned',
    });
    const url = `${running.plane.url('search')}/idx/_doc/1`;
    const headers = {
      'x-tenant-id': 'acme-edu',
      'x-data-classification': 'educational',
      'x-learner-id': 'student-123',
    };
    await becomes(url, { ...headers, 'x-requested-region': 'eu-west-1' }, 'region_prohibited');
    const answer = await ask(url, { ...headers, 'x-requested-region': 'us-west' });
    expect(answer.headers['x-residency-policy'] ?? reasonOf(answer)).toBe(`${body.id}@${body.revision}`);
  });

  it('a default policy', async () => {
    const { status, body } = await admin('POST', '/api/v1/residency/policies', RESIDENCY);
    expect(status).toBe(201);
    expect(body).toMatchObject({
      name: 'GDPR Compliance Policy',
      tenant_id: null,
      mode: 'regional',
      policy_type: 'mandatory',
      primary_region: 'eu-west',
      allowed_regions: ['eu-west', 'eu-central'],
    });
  });

  it('a decision: refused while nobody has said what class it is, and then where it leads', async () => {
    const headers = { 'x-user-id': 'teacher-1', 'x-region': 'us-east', 'x-request-id': 'resolve-1' };
    const resolve = () => by.viewer('POST', '/api/v1/access/resolve', RESOLVE, headers);
    const unknown = await resolve();
    expect(unknown.status).toBe(200);
    expect(unknown.body).toMatchObject({ allowed: false, effect: 'deny', reason: 'classification_missing' });
    const record = { data_id: RESOLVE.resource_id, classification_level: 'educational' };
    expect((await by.operator('POST', '/api/v1/data/classify', record)).status).toBe(200);
    const { status, body } = await resolve();
    expect(status).toBe(200);
    expect(body).toMatchObject({ allowed: true, effect: 'allow', reason: 'in_residency', target_region: 'us-west' });
    expect(body.policy).toMatch(/^pol-/);
    expect(body.infrastructure).toEqual({
      storage: { endpoint: upstream.url, bucket: '{bucket}-us-west-2', provider: 's3', region: 'us-west' },
      search: { endpoint: upstream.url, index: 'acme-edu--{index}', provider: 'opensearch', region: 'us-west' },
      inference: { endpoint: upstream.url, provider: 'bedrock', region: 'us-west' },
    });
  });

  it('an emergency override', async () => {
    const { status, body } = await by.breakglass('POST', '/api/v1/emergency/override', OVERRIDE);
    expect(status).toBe(201);
    expect(body).toMatchObject({ override_id: expect.stringMatching(/./), status: 'pending', duration_hours: 24 });
    expect(body.affected_learners).toEqual(OVERRIDE.affected_learners);
  });

  it('a region that the catalogue has already', async () => {
    const { status, body } = await admin('POST', '/api/v1/regions', REGION);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: 'eu-west', cloud_region: 'eu-west-1', country: 'IE', status: 'active' });
    const other = await admin('POST', '/api/v1/regions', { ...REGION, name: 'Another' });
    expect(other.status, 'another content under a taken name').toBe(409);
  });

  it('the class of a resource, which one person alone cannot lower', async () => {
    const { status, body } = await by.operator('POST', '/api/v1/data/classify', CLASSIFY);
    expect(status).toBe(200);
    expect(body).toMatchObject({ data_id: 'user-profile-12345', tenant_id: 'acme-edu', classification: 'identity' });
    const lower = { ...CLASSIFY, classification_level: 'content' };
    expect((await by.operator('POST', '/api/v1/data/classify', lower)).status).toBe(422);
  });

  it('access across a border, from the request to the revocation', async () => {
    const asked = await by.requester('POST', '/api/v1/access/request', REQUEST);
    expect(asked.status).toBe(201);
    expect(asked.body).toMatchObject({
      status: 'pending',
      resource: 'data-456',
      verbs: ['access'],
      to_region: 'eu-west',
    });
    const { request_id } = asked.body;
    const word = { request_id, approved: true, reason: 'as discussed' };
    const approved = await by.approver('POST', '/api/v1/access/approve', word);
    expect(approved.status).toBe(200);
    expect(approved.body).toMatchObject({ request_id, status: 'approved', grant_id: expect.stringMatching(/./) });
    const { grant_id } = approved.body;
    const revoked = await by.approver('POST', '/api/v1/access/revoke', { grant_id, reason: 'done' });
    expect([revoked.status, revoked.body]).toEqual([200, { request_id, grant_id, status: 'revoked' }]);
  });

  it('health, which anybody may ask for', async () => {
    const nobody = sender(running.api.control, null);
    const health = await nobody('GET', '/health');
    expect(health.status).toBe(200);
    expect(health.body).toEqual({ status: 'healthy', service: 'Domicile', version: expect.stringMatching(/^\d+\./) });
    expect((await nobody('GET', '/health/db')).body).toMatchObject({ status: 'healthy', kind });
    const regions = await nobody('GET', '/health/regions');
    expect(regions.status).toBe(200);
    expect(regions.body.regions).toHaveLength(7);
    expect((await nobody('GET', '/api/v1/policies')).status, 'and nothing else').toBe(401);
  });
});
