import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sample } from '../telemetry/exposition.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';
import { ask, Cluster } from './cluster-rig.ts';
import { applied, becomes, People, reasonOf } from './people.ts';

/** Kept as files; what the API makes comes beside them. Where nothing else is said, data stays in eu-west. */
const POLICIES = [
  { id: 'acme-eu', tenant_id: 'acme', primary_region: 'eu-west' },
  { id: 'vault-eu', tenant_id: 'vault', primary_region: 'eu-west', prohibited_regions: ['us-east'] },
  {
    id: 'moving-eu',
    tenant_id: 'moving',
    primary_region: 'eu-west',
    allowed_regions: ['eu-central'],
    allow_cross_region_failover: true,
  },
  { id: 'staying-eu', tenant_id: 'staying', primary_region: 'eu-west' },
  { id: 'crown-de', tenant_id: 'crown', mode: 'fully-sovereign', primary_region: 'eu-central' },
  { id: 'records-eu', tenant_id: 'records', primary_region: 'eu-west' },
  { id: 'mixed-eu', tenant_id: 'mixed', primary_region: 'eu-west' },
];

const asTenant = (tenant: string, more: Readonly<Record<string, string>> = {}) => ({
  'x-tenant-id': tenant,
  'x-data-classification': 'content',
  ...more,
});

/** Alice asks for what lies in us-east. */
const abroadAs = (tenant: string, more = {}) =>
  asTenant(tenant, { 'x-user-id': 'alice', 'x-requested-region': 'us-east', ...more });

let servers: { readonly home: Upstream; readonly second: Upstream; readonly abroad: Upstream };

function regions() {
  const at = ({ url }: Upstream) => ({ search: url, storage: url });
  return [
    regionAt('eu-west', at(servers.home)),
    regionAt('eu-central', at(servers.second), { sovereign: true }),
    regionAt('us-east', at(servers.abroad)),
  ];
}

const SETTINGS = { credentials: SETTINGS_CREDENTIALS, identity: { trust_region_header: true } };

beforeAll(async () => {
  const [home, second, abroad] = await Promise.all([1, 2, 3].map(() => startUpstream((_, answer) => answer.end('{}'))));
  servers = { home: home!, second: second!, abroad: abroad! };
});
afterAll(() => Promise.all(Object.values(servers).map((server) => server.close())));

describe('what the control API is told, on two workers', () => {
  let serve: Cluster;
  let people: People;
  let document: string;
  let object: string;

  beforeAll(async () => {
    serve = await Cluster.start({ regions: regions(), policies: POLICIES, settings: SETTINGS, env: ENV });
    people = await People.of(serve);
    document = `${serve.url('search')}/idx/_doc/1`;
    object = `${serve.url('storage')}/bucket/key`;
  });
  afterAll(async () => {
    await people?.close();
    await serve?.stop();
    expect(serve.other, 'nothing was printed beside the log').toBe('');
  });

  const store = async (tenant: string) => {
    const answer = await fetch(object, { method: 'PUT', body: 'data', headers: asTenant(tenant) });
    await answer.text();
    const { headers } = answer;
    return { reason: headers.get('x-residency-reason'), region: headers.get('x-residency-region') };
  };

  it('a policy decides as soon as it is made, as it is changed, and no more when it is deleted', async () => {
    const admin = await people.someone('admin', 'root');
    expect(reasonOf(await ask(document, asTenant('newco')))).toBe('no_policy');
    const made = await admin('POST', '/api/v1/policies', {
      id: 'newco-us',
      tenant_id: 'newco',
      primary_region: 'us-east',
    });
    expect(made.status).toBe(201);
    await becomes(document, asTenant('newco', { 'x-region': 'us-east' }), 'in_residency');
    const before = servers.abroad.requests.length;
    const answer = await ask(document, asTenant('newco', { 'x-region': 'us-east' }));
    expect(answer.headers).toMatchObject({
      'x-residency-region': 'us-east',
      'x-residency-policy': `newco-us@${made.body.revision}`,
    });
    expect(servers.abroad.requests).toHaveLength(before + 1);
    const changed = await admin(
      'PUT',
      '/api/v1/policies/newco-us',
      { primary_region: 'us-east', resources: { search: ['other-*'] } },
      { 'if-match': made.etag },
    );
    expect(changed.status).toBe(200);
    await becomes(document, asTenant('newco', { 'x-region': 'us-east' }), 'resource_not_permitted');
    expect((await admin('DELETE', '/api/v1/policies/newco-us', undefined, { 'if-match': changed.etag })).status).toBe(
      204,
    );
    await becomes(document, asTenant('newco', { 'x-region': 'us-east' }), 'no_policy');
  });

  it('a grant that one person asked for and another approved opens a crossing, until it is revoked', async () => {
    const requester = await people.someone('requester', 'alice', 'acme');
    const approver = await people.someone('approver', 'bob', 'acme');
    const asked = await requester('POST', '/api/v1/access/request', { to_region: 'us-east', reason: 'case 1' });
    expect([asked.status, asked.body.status]).toEqual([201, 'pending']);
    expect(reasonOf(await ask(document, abroadAs('acme'))), 'asking opens nothing').toBe('region_not_allowed');
    const word = { request_id: asked.body.request_id, approved: true, reason: 'checked' };
    const own = await (await people.someone('approver', 'alice', 'acme'))('POST', '/api/v1/access/approve', word);
    expect(own.status, 'nobody approves their own request, whatever their token').toBe(403);
    const approved = await approver('POST', '/api/v1/access/approve', word);
    expect([approved.status, approved.body.status]).toEqual([200, 'approved']);
    await becomes(document, abroadAs('acme'), 'grant');
    const id = approved.body.grant_id as string;
    const answer = await ask(document, abroadAs('acme', { 'x-residency-grant': id }));
    expect([answer.status, reasonOf(answer), answer.headers['x-residency-region']]).toEqual([200, 'grant', 'us-east']);
    expect(reasonOf(await ask(document, abroadAs('acme', { 'x-user-id': 'mallory' }))), 'it is hers').toBe(
      'region_not_allowed',
    );
    expect((await approver('POST', '/api/v1/access/revoke', { grant_id: id, reason: 'done' })).status).toBe(200);
    await becomes(document, abroadAs('acme'), 'region_not_allowed');
  });

  it('a grant ends by itself, not before its time and not after it', async () => {
    const { id } = await people.grant('acme', { duration_minutes: 0.1 });
    const auditor = await people.someone('auditor', 'ann', 'acme');
    const { body } = await auditor('GET', `/api/v1/access/grants/${id}`);
    const end = Date.parse(body.not_after);
    await becomes(document, abroadAs('acme'), 'grant');
    let last = 0;
    for (;;) {
      const sent = Date.now();
      const reason = reasonOf(await ask(document, abroadAs('acme')));
      if (reason !== 'grant') {
        expect(reason).toBe('region_not_allowed');
        // Told a little late at most: a worker's idea of the store's clock is behind by what a beat took to arrive.
        expect(Date.now()).toBeGreaterThanOrEqual(end);
        break;
      }
      last = sent;
    }
    expect(last).toBeLessThanOrEqual(end + 250);
    await expect.poll(async () => (await auditor('GET', `/api/v1/access/grants/${id}`)).body.status).toBe('expired');
  });

  it('of forty requests at once on two workers, a grant of three uses opens three', async () => {
    const before = servers.abroad.requests.length;
    const { id, revision } = await people.grant('acme', { max_uses: 3 });
    await applied(serve.ops, revision);
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(document, abroadAs('acme'))));
    const count = (reason: string) => answers.filter((answer) => reasonOf(answer) === reason).length;
    expect([count('grant'), count('region_not_allowed')]).toEqual([3, 37]);
    expect(servers.abroad.requests).toHaveLength(before + 3);
    const { body } = await (await people.someone('auditor', 'ann', 'acme'))('GET', `/api/v1/access/grants/${id}`);
    expect(body).toMatchObject({ status: 'exhausted', uses: 3, uses_left: 0 });
  });

  it('an emergency override opens a prohibited region once two people have approved it, and expires', async () => {
    const breaker = await people.someone('breakglass', 'sre', 'vault');
    const approvers = [
      await people.someone('approver', 'bob', 'vault'),
      await people.someone('approver', 'cleo', 'vault'),
    ];
    const headers = asTenant('vault', { 'x-requested-region': 'us-east' });
    expect(reasonOf(await ask(document, headers))).toBe('region_prohibited');
    const asked = await breaker('POST', '/api/v1/emergency/override', {
      source_region: 'eu-west',
      target_region: 'us-east',
      duration_hours: 6 / 3600,
      reason: 'eu-west is down',
    });
    expect([asked.status, asked.body.status]).toEqual([201, 'pending']);
    const path = `/api/v1/emergency/overrides/${asked.body.override_id}`;
    const word = { approved: true, reason: 'seen' };
    expect((await approvers[0]!('POST', `${path}/approve`, word)).body.status).toBe('pending');
    expect(reasonOf(await ask(document, headers)), 'one approval is not enough').toBe('region_prohibited');
    expect((await approvers[1]!('POST', `${path}/approve`, word)).body.status).toBe('active');
    await becomes(document, headers, 'emergency_override');
    await becomes(document, headers, 'region_prohibited', 15_000);
    const shown = async () => (await breaker('GET', path)).body;
    await expect.poll(async () => (await shown()).status, { timeout: 5000 }).toBe('expired');
    await expect.poll(async () => (await shown()).uses, { timeout: 5000 }).toBeGreaterThan(0);
    expect((await shown()).review_due_at, 'how it was used has to be reviewed').not.toBeNull();
  });

  it('a region that is drained takes nothing new, and says so or fails over', async () => {
    const operator = await people.someone('operator', 'olga');
    expect(await store('moving')).toEqual({ reason: 'in_residency', region: 'eu-west' });
    expect((await operator('POST', '/api/v1/regions/eu-west/drain')).body.status).toBe('draining');
    await expect.poll(() => store('moving')).toEqual({ reason: 'failover', region: 'eu-central' });
    await expect.poll(() => store('staying')).toEqual({ reason: 'no_compliant_region', region: null });
    expect(reasonOf(await ask(document, asTenant('staying'))), 'what is there is still read').toBe('in_residency');
    expect((await operator('POST', '/api/v1/regions/eu-west/activate')).body.status).toBe('active');
    await expect.poll(() => store('staying')).toEqual({ reason: 'in_residency', region: 'eu-west' });
    await expect.poll(() => store('moving')).toEqual({ reason: 'in_residency', region: 'eu-west' });
  });

  it('a class on record is what counts, whatever a request claims', async () => {
    const headers = asTenant('records', { 'x-region': 'us-east' });
    expect(reasonOf(await ask(object, headers))).toBe('cross_border_class');
    const operator = await people.someone('operator', 'olga', 'records');
    const record = { data_id: 'bucket/key', classification_level: 'identity', pii_present: true };
    expect((await operator('POST', '/api/v1/data/classify', record)).status).toBe(200);
    await becomes(object, headers, 'cross_border_restricted');
    expect(sample(await serve.metrics(), 'domicile_classification_raised_total{service="storage"}')).toBeGreaterThan(7);
    expect(reasonOf(await ask(`${serve.url('storage')}/bucket/other`, headers))).toBe('cross_border_class');
  });

  it('nothing opens a fully sovereign tenant', async () => {
    const requester = await people.someone('requester', 'alice', 'crown');
    await people.someone('approver', 'bob', 'crown');
    await people.someone('approver', 'cleo', 'crown');
    const asked = await requester('POST', '/api/v1/access/request', { to_region: 'us-east', reason: 'please' });
    expect([asked.status, asked.body.reason]).toEqual([422, 'sovereign_no_cross_border']);
    const breaker = await people.someone('breakglass', 'sre', 'crown');
    const override = { source_region: 'eu-central', target_region: 'us-east', reason: 'please' };
    const broken = await breaker('POST', '/api/v1/emergency/override', override);
    expect([broken.status, broken.body.reason]).toEqual([422, 'sovereign_no_cross_border']);
    expect(reasonOf(await ask(document, abroadAs('crown')))).toBe('sovereign_no_cross_border');
  });

  it('policies of files and of the store decide together, and a file that contradicts the store is refused and told', async () => {
    const admin = await people.someone('admin', 'root');
    const policy = { id: 'mixed-person', tenant_id: 'mixed', subject_id: 'student-1', primary_region: 'us-east' };
    expect((await admin('POST', '/api/v1/policies', policy)).status).toBe(201);
    const one = asTenant('mixed', { 'x-subject-id': 'student-1', 'x-region': 'us-east' });
    await becomes(document, one, 'in_residency');
    const where = async (headers: Record<string, string>) =>
      (await ask(document, headers)).headers['x-residency-policy'];
    expect(await where(one)).toMatch(/^mixed-person@/);
    expect(await where(asTenant('mixed', { 'x-subject-id': 'student-2' }))).toMatch(/^mixed-eu@/);

    const file = (policies: readonly object[]) =>
      writeFileSync(join(serve.folder, 'policies', 'policies.yaml'), JSON.stringify({ policies }));
    const from = serve.log.length;
    file([...POLICIES, { ...policy, id: 'mixed-rival' }]);
    const told = await serve.logged('reload refused', from);
    expect(told['message']).toMatch(/mixed-rival.*mixed-person|mixed-person.*mixed-rival/);
    expect(await serve.total('domicile_config_reload_failures_total')).toBeGreaterThan(0);
    expect(await where(one), 'what was in force stays').toMatch(/^mixed-person@/);
    const clash = await admin('POST', '/api/v1/policies', {
      id: 'acme-eu',
      tenant_id: 'acme',
      primary_region: 'us-east',
    });
    expect(clash.status, 'nor can the API contradict a file').toBe(409);
    file([...POLICIES, { id: 'late-eu', tenant_id: 'late', primary_region: 'eu-west' }]);
    await serve.logged('reloaded', from);
    await becomes(document, asTenant('late'), 'in_residency');
    expect(await where(one)).toMatch(/^mixed-person@/);
  });
});

it('uses of a grant that is kept in a file outlive whoever counted them', async () => {
  const at = (offset: number) => new Date(Date.now() + offset).toISOString();
  const grant = {
    id: 'g1',
    tenant_id: 'acme',
    user_id: 'alice',
    from_region: 'eu-west',
    to_region: 'us-east',
    not_before: at(-3_600_000),
    not_after: at(3_600_000),
    max_uses: 2,
    reason: 'case 1',
    approved_by: ['dpo'],
  };
  const options = { regions: regions(), policies: POLICIES, grants: [grant], settings: SETTINGS, env: ENV };
  const once = async (serve: Cluster) => reasonOf(await ask(`${serve.url('search')}/idx/_doc/1`, abroadAs('acme')));
  let serve = await Cluster.start(options, ['--workers', '1']);
  const again = async (signal: 'SIGTERM' | 'SIGKILL') => {
    await serve.end(signal);
    serve = Cluster.in(serve.folder, ENV, ['--workers', '1']);
    await serve.logged('ready');
  };
  try {
    expect(await once(serve)).toBe('grant');
    await again('SIGKILL');
    expect(await once(serve)).toBe('grant');
    await again('SIGTERM');
    expect(await once(serve)).toBe('region_not_allowed');
  } finally {
    await serve.stop();
  }
}, 60_000);
