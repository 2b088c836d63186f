import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { pseudonym } from '../../src/audit/pseudonym.ts';
import { startRig, type Rig } from '../rig/domicile.ts';
import { decisionOf, endOf, recordsOf, recordsUnder } from '../rig/evidence.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream, Wire, type Upstream } from '../rig/upstream.ts';

const GRANT = {
  id: 'g1',
  tenant_id: 'acme',
  user_id: 'ana',
  verbs: ['access', 'process'],
  from_region: 'eu-west',
  to_region: 'us-east',
  not_before: '2020-01-01T00:00:00Z',
  not_after: '2099-01-01T00:00:00Z',
  max_uses: 1000,
  reason: 'case 1',
  approved_by: ['dpo', 'cto'],
};
const POLICY = {
  id: 'acme-eu',
  tenant_id: 'acme',
  mode: 'client-owned',
  primary_region: 'eu-west',
  compliance_frameworks: ['house'],
  data_retention_days: 400,
};
const REGIME = { id: 'house', name: 'House rules', type: 'N', verbs: ['access'], territory: ['IE'] };

let upstream: Upstream;
let rig: Rig;
let state: string;

async function start(settings: Record<string, unknown> = {}): Promise<Rig> {
  return startRig({
    regions: [regionAt('eu-west', { search: upstream.url }), regionAt('us-east', { search: upstream.url })],
    policies: [POLICY],
    grants: [GRANT],
    regimes: [{ ...REGIME, valid_from: '2020-01-01', source_url: 'https://example.org/law', review_by: '2099-01-01' }],
    settings,
  });
}

beforeAll(async () => {
  upstream = await startUpstream();
  rig = await start();
  state = join(rig.folder, 'state');
});
afterAll(async () => {
  await rig?.stop();
  await upstream?.close();
});
beforeEach(() => {
  upstream.respond = (_, response) => response.end('{"hits":1}');
});

let sent = 0;
async function search(more: Record<string, string> = {}, to = rig, path = '/orders/_search') {
  const id = `r-${++sent}`;
  const headers = { 'x-tenant-id': 'acme', 'x-data-classification': 'content', 'x-request-id': id, ...more };
  const answer = await fetch(`${to.search}${path}`, { headers });
  const text = await answer.text();
  return { id, status: answer.status, reason: answer.headers.get('x-residency-reason'), text };
}

/** A request that was quick enough to be recorded once. */
async function recordedAtItsEnd(more: Record<string, string>) {
  for (let tries = 0; tries < 50; tries++) {
    const { id, status } = await search(more);
    expect(status).toBe(200);
    await endOf(state, id);
    const records = (await recordsUnder(state)).filter(({ request_id }) => request_id === id);
    if (records.length === 1 && records[0].open === undefined) return { id, record: records[0] };
  }
  throw new Error('no request was quick');
}

describe('a request leaves a record', () => {
  it('that says who, what, where, by which policy, and how it ended', async () => {
    const { id, record } = await recordedAtItsEnd({ 'x-subject-id': 'student-"7"', 'x-user-id': 'ana' });
    expect(record).toEqual({
      v: 1,
      kind: 'decision',
      seq: expect.any(Number),
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      sidecar: 'sidecar-1',
      request_id: id,
      tenant: 'acme',
      subject: 'student-"7"',
      user: 'ana',
      service: 'search',
      dialect: 'opensearch',
      verb: 'access',
      operation: expect.stringContaining('search'),
      classification: 'content',
      resource: 'orders',
      caller_region: 'eu-west',
      target_region: 'eu-west',
      effect: 'allow',
      reason: 'in_residency',
      policy: 'acme-eu',
      policy_revision: expect.any(Number),
      frameworks: ['house'],
      retention_days: 400,
      status: 200,
      bytes_out: 10,
      duration_ms: expect.any(Number),
    });
    expect(Math.abs(Date.parse(record.time) - Date.now())).toBeLessThan(5000);
    expect(record.duration_ms).toBeGreaterThan(0);
  });

  it('also when it is refused: without a tenant, by the policy, and when its bytes do not even parse', async () => {
    const missing = await search({ 'x-tenant-id': '' });
    expect(missing).toMatchObject({ status: 400, reason: 'tenant_missing' });
    const [first] = await recordsOf(state, missing.id);
    expect(first).toMatchObject({
      kind: 'decision',
      tenant: '',
      effect: 'deny',
      reason: 'tenant_missing',
      status: 400,
    });

    const abroad = await search({ 'x-requested-region': 'us-east' });
    const [second] = await recordsOf(state, abroad.id);
    expect(second).toMatchObject({
      tenant: 'acme',
      effect: 'deny',
      reason: 'region_not_allowed',
      requested_region: 'us-east',
      policy: 'acme-eu',
      status: 403,
    });
    expect(second).not.toHaveProperty('target_region');
    expect(second).not.toHaveProperty('upstream_status');

    const wire = await Wire.open(rig.search);
    wire.write('GET / HTTP/1.1\r\nHost: x\r\nbroken line\r\n\r\n');
    await wire.closed();
    await expect
      .poll(async () => (await recordsUnder(state)).filter(({ reason }) => reason === 'request_malformed').length)
      .toBe(1);
  });

  it('that names what was asked for, whatever its characters, and a long name by its hash', async () => {
    const odd = await search({}, rig, '/caf%C3%A9/_search');
    const record = await decisionOf(state, odd.id);
    expect(record.resource).toBe('café');
    const names = Array.from({ length: 300 }, (_, i) => `orders-${i}`).join(',');
    const long = await search({}, rig, `/${names}/_search`);
    const cut = await decisionOf(state, long.id);
    expect(cut.resource).toBe(names.slice(0, 2048));
    expect(cut.resource_sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it('while it is still going on, where that takes long, and one more at its end', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<() => void>();
    upstream.respond = (_, response) => {
      response.write('{');
      resolve(() => response.end('}'));
    };
    const answer = search({ 'x-request-id': 'long-1' });
    const finish = await asked;
    const [decision] = await recordsOf(state, 'long-1');
    expect(decision).toMatchObject({ kind: 'decision', open: true, reason: 'in_residency', effect: 'allow' });
    finish();
    await answer;
    const [, outcome] = await recordsOf(state, 'long-1', 2);
    expect(outcome).toMatchObject({ kind: 'outcome', of: decision.seq, status: 200, bytes_out: 2, tenant: 'acme' });
    expect(outcome.duration_ms).toBeGreaterThan(decision.duration_ms);
  });

  it('also when its client goes away before the answer', async () => {
    const { promise: asked, resolve } = Promise.withResolvers<void>();
    upstream.respond = () => resolve();
    const wire = await Wire.open(rig.search);
    const head = 'host: x\r\nx-tenant-id: acme\r\nx-data-classification: content\r\nx-request-id: gone-1';
    wire.write(`GET /orders/_search HTTP/1.1\r\n${head}\r\n\r\n`);
    await asked;
    wire.socket.resetAndDestroy();
    await expect
      .poll(async () => {
        const records = (await recordsUnder(state)).filter(({ request_id }) => request_id === 'gone-1');
        const last = records.at(-1);
        return last === undefined ? null : [last.effect, last.status ?? null, last.open ?? false];
      })
      .toEqual(['allow', null, false]);
  });
});

describe('the use of a grant', () => {
  it('is on record, with who approved it, before a byte is forwarded; how it ended follows', async () => {
    let before: unknown[] = [];
    upstream.respond = async (request, response) => {
      const records = await recordsUnder(state);
      before = records.filter(({ request_id }) => request_id === request.headers['x-request-id']);
      response.end('{}');
    };
    const used = await search({
      'x-user-id': 'ana',
      'x-requested-region': 'us-east',
      'x-data-classification': 'identity',
    });
    expect(used).toMatchObject({ status: 200, reason: 'grant' });
    expect(before).toMatchObject([
      { kind: 'decision', mode: 'strict', open: true, reason: 'grant', grant: 'g1', approved_by: ['dpo', 'cto'] },
    ]);
    const [decision, outcome] = await recordsOf(state, used.id, 2);
    expect(outcome).toMatchObject({ kind: 'outcome', of: decision.seq, reason: 'grant', status: 200, bytes_out: 2 });
  });
});

describe('settings', () => {
  it('pseudonyms stand for people and resources, the same for the same', async () => {
    const other = await start({ audit: { pseudonyms: { key: '${env:PSEUDONYMS}' } } }).catch((error: Error) => error);
    // Without the secret it does not start.
    expect(String(other)).toMatch(/PSEUDONYMS/);
    const hidden = await startRig({
      regions: [regionAt('eu-west', { search: upstream.url })],
      policies: [{ ...POLICY, compliance_frameworks: [] }],
      settings: { audit: { pseudonyms: { key: '${env:PSEUDONYMS}' } } },
      env: { PSEUDONYMS: 'a key of at least thirty-two characters' },
    });
    try {
      const { id } = await search({ 'x-subject-id': 'student-7' }, hidden);
      const record = await decisionOf(join(hidden.folder, 'state'), id);
      const named = (field: 'subject' | 'resource', value: string) =>
        pseudonym('a key of at least thirty-two characters', field, 'acme', value);
      expect(record).toMatchObject({ subject: named('subject', 'student-7'), resource: named('resource', 'orders') });
      expect(record.subject).toMatch(/^hmac:/);
    } finally {
      await hidden.stop();
    }
  });

  it('refusals of the classes that are listed are durable before they are answered', async () => {
    const strict = await start({ audit: { strict_denials: ['identity'] } });
    try {
      const refused = await search({ 'x-requested-region': 'us-east', 'x-data-classification': 'identity' }, strict);
      expect(refused).toMatchObject({ status: 403, reason: 'region_not_allowed' });
      const now = (await recordsUnder(join(strict.folder, 'state'))).filter(
        ({ request_id }) => request_id === refused.id,
      );
      expect(now).toMatchObject([{ kind: 'decision', mode: 'strict', reason: 'region_not_allowed', status: 403 }]);
    } finally {
      await strict.stop();
    }
  });
});

it('counts its records, and what waits', async () => {
  const metrics = await rig.metrics();
  expect(metrics).toMatch(/domicile_audit_records_total\{mode="strict"\} [1-9]/);
  expect(metrics).toMatch(/domicile_audit_records_total\{mode="batch"\} [1-9]/);
  expect(metrics).toMatch(/domicile_audit_queue_depth \d/);
  expect(metrics).toMatch(/domicile_audit_failures_total 0/);
});
