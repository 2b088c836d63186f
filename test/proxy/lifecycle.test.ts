import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { connect as h2connect } from 'node:http2';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Domicile } from '../../src/app/domicile.ts';
import type { Bundles } from '../../src/proxy/bundles.ts';
import { startRig, type Rig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startUpstream, Wire, type Upstream } from '../rig/upstream.ts';

let upstream: Upstream;
let rig: Rig;
const headers = { 'x-tenant-id': 'acme', 'x-data-classification': 'content' };
const POLICY = { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' };
const get = (path = '/bkt/k', more: Record<string, string> = {}) =>
  fetch(`${rig.storage}${path}`, { headers: { ...headers, ...more } });

beforeAll(async () => {
  upstream = await startUpstream();
});

beforeEach(async () => {
  upstream.respond = (_, response) => response.end('ok');
  upstream.requests.length = 0;
  await rig?.stop();
  rig = await startRig({
    regions: [regionAt('eu-west', { storage: upstream.url, search: upstream.url }), regionAt('us-east', {})],
    policies: [POLICY],
    settings: { credentials: SETTINGS_CREDENTIALS, limits: { inflight: 2 } },
    env: ENV,
  });
});

afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

/** Resolves with the first log line that matches. */
async function logged(message: string): Promise<Record<string, unknown>> {
  const deadline = Date.now() + 5000;
  for (;;) {
    const found = rig.log.find((line) => String(line['message']).startsWith(message));
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`nothing logged like: ${message}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('a changed policy file is in force without a restart, and a request in flight keeps the old one', async () => {
  let release: () => void = () => undefined;
  upstream.respond = (_, response) => {
    response.write('begin ');
    release = () => response.end('end');
  };
  const before = await get();
  writeFileSync(
    join(rig.folder, 'policies/policies.yaml'),
    JSON.stringify({ policies: [{ ...POLICY, primary_region: 'us-east' }] }),
  );
  await logged('reloaded');
  release();
  expect(await before.text()).toBe('begin end');
  const after = await get();
  expect(after.headers.get('x-residency-reason')).toBe('no_compliant_region');
});

test('an invalid file changes nothing, is counted, and the log says where', async () => {
  const first = (await get()).headers.get('x-residency-policy');
  writeFileSync(
    join(rig.folder, 'policies/policies.yaml'),
    JSON.stringify({ policies: [{ ...POLICY, mode: 'regionall' }] }),
  );
  const line = await logged('reload refused');
  expect(line['message']).toMatch(/policies\.yaml:\d+: policies\[0\]\.mode/);
  const second = await get();
  expect(second.headers.get('x-residency-reason')).toBe('in_residency');
  expect(second.headers.get('x-residency-policy')).toBe(first);
  expect(await rig.metrics()).toMatch(/domicile_config_reload_failures_total [1-9]/);
});

test('what refused a reload is told without the warnings that did not', async () => {
  const policy = { ...POLICY, mode: 'hybrid', secondary_regions: ['eu-west'] };
  const file = join(rig.folder, 'policies/policies.yaml');
  writeFileSync(file, JSON.stringify({ policies: [policy, { ...POLICY, id: 'other', tenant_id: '-' }] }));
  await logged('reload refused');
  const told = rig.log.map(({ message }) => String(message)).filter((message) => message.startsWith('reload refused'));
  expect(told).toEqual([expect.stringContaining('policies[1].tenant_id')]);
});

test('a start without its address fails in one line, and says nothing of draining', async () => {
  const lines: string[] = [];
  const { port } = new URL(rig.storage);
  const start = Domicile.start({
    config: join(rig.folder, 'domicile.yaml'),
    version: '0',
    env: { ...ENV, DOMICILE_LISTENERS__SEARCH__LISTEN: `127.0.0.1:${port}` },
    log: { write: (line) => lines.push(line) },
  });
  await expect(start).rejects.toThrow(/^listeners\.search: 127\.0\.0\.1:\d+ is in use\. Stop [^\n]*$/);
  // Its log of evidence was open by then, and is closed.
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['evidence checkpoint']);
});

test('a reload takes limits and the log with it, and names what only a restart changes', async () => {
  const file = join(rig.folder, 'domicile.yaml');
  const written = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const changed = { limits: { headers: 5, connections: 7 }, log: { level: 'warn', access: 'denials' } };
  writeFileSync(file, JSON.stringify({ ...written, ...changed }));
  expect((await logged('limits.connections'))['message']).toContain('restart domicile');
  const refused = await get('/bkt/k', { a: '1', b: '2', c: '3', d: '4', e: '5' });
  expect(refused.status).toBe(431);
  expect(rig.domicile.log.level).toBe('warn');
});

test('a reload of limits and timeouts holds on connections that are open already', async () => {
  const wire = await Wire.open(rig.storage);
  const ask = (field: string) =>
    wire.write(`GET /bkt/k HTTP/1.1\r\nHost: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: content\r\n${field}\r\n`);
  ask('');
  await wire.until(/keep-alive: timeout=60\r\n[^]*ok/);
  const file = join(rig.folder, 'domicile.yaml');
  const written = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  const changed = { limits: { inflight: 2, head_bytes: 1024 }, timeouts: { keep_alive_ms: 30_000 } };
  writeFileSync(file, JSON.stringify({ ...written, ...changed }));
  await logged('reloaded');
  ask('');
  await wire.until(/keep-alive: timeout=30\r\n[^]*ok/);
  ask(`X-Long: ${'a'.repeat(2000)}\r\n`);
  expect(await wire.closed()).toMatch(/HTTP\/1\.1 431 /);
  expect(rig.log.filter(({ message }) => String(message).includes('restart domicile'))).toEqual([]);
});

test('the revision of a policy follows its content', async () => {
  const first = (await get()).headers.get('x-residency-policy');
  const file = join(rig.folder, 'policies/policies.yaml');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, JSON.stringify({ policies: [{ ...POLICY, emergency_contact: 'dpo@acme.example' }] }));
  await logged('reloaded');
  const second = (await get()).headers.get('x-residency-policy');
  expect(second).not.toBe(first);
  rig.log.length = 0;
  writeFileSync(file, text);
  await logged('reloaded');
  expect((await get()).headers.get('x-residency-policy')).toBe(first);
});

test('draining finishes what is in flight, refuses new connections and ends', async () => {
  let release: () => void = () => undefined;
  upstream.respond = (_, response) => {
    response.write('begin ');
    release = () => response.end('end');
  };
  const inFlight = await get();
  const url = rig.storage;
  const drained = rig.domicile.drain(5000);
  await expect(Wire.open(url)).rejects.toThrow('ECONNREFUSED');
  release();
  expect(await inFlight.text()).toBe('begin end');
  await drained;
});

test('past the bound of requests in flight the answer is overloaded, and room is made again', async () => {
  const waiting: (() => void)[] = [];
  upstream.respond = (_, response) => void waiting.push(() => response.end('late'));
  const two = [get(), get()];
  while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve));
  const refused = await get();
  expect(refused.status).toBe(503);
  expect(refused.headers.get('x-residency-reason')).toBe('overloaded');
  expect(refused.headers.get('retry-after')).toBe('1');
  for (const release of waiting) release();
  await Promise.all(two.map(async (answer) => (await answer).text()));
  upstream.respond = (_, response) => response.end('ok');
  expect((await get()).status).toBe(200);
});

test('HTTP/2 with prior knowledge is served on the same port, refusals too', async () => {
  const session = h2connect(rig.storage);
  const ask = async (more: Record<string, string>) => {
    const stream = session.request({ ':path': '/bkt/k', ...headers, ...more });
    const [answer] = (await once(stream, 'response')) as [Record<string, string>];
    let text = '';
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    await once(stream, 'end');
    return { answer, text };
  };
  expect(await ask({})).toMatchObject({ text: 'ok', answer: { 'x-residency-region': 'eu-west' } });
  const refused = await ask({ 'x-requested-region': 'us-east' });
  expect(refused.answer[':status']).toBe(403);
  expect(refused.answer['x-residency-reason']).toBe('region_not_allowed');
  expect(refused.text).toContain('<Code>AccessDenied</Code>');
  session.close();
});

test('a slow client slows the upstream down instead of filling memory', async () => {
  const total = 64 * 1024 * 1024;
  const chunk = Buffer.alloc(1024 * 1024);
  let sent = 0;
  upstream.respond = (_, response) => {
    response.writeHead(200, { 'content-length': total });
    const more = () => {
      while (sent < total) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  };
  const request = httpRequest(`${rig.storage}/bkt/k`, { headers });
  request.end();
  const [response] = await once(request, 'response');
  response.pause();
  // Until nothing moves any more: the client reads nothing, so what was sent lies in socket buffers.
  for (let before = -1; before !== sent;) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 150));
  }
  expect(sent).toBeLessThan(total / 2);
  let received = 0;
  for await (const part of response) received += (part as Buffer).length;
  expect(received).toBe(total);
});

test('a grant in a file is used up by what leaves, not by what is refused', async () => {
  await rig.stop();
  const hour = 3_600_000;
  const at = (offset: number) => new Date(Date.now() + offset).toISOString();
  rig = await startRig({
    regions: [regionAt('eu-west', { storage: upstream.url }), regionAt('us-east', { storage: upstream.url })],
    policies: [POLICY],
    grants: [
      {
        id: 'g1',
        tenant_id: 'acme',
        user_id: 'support-1',
        from_region: 'eu-west',
        to_region: 'us-east',
        not_before: at(-hour),
        not_after: at(hour),
        max_uses: 1,
        reason: 'case 1',
        approved_by: ['dpo'],
      },
    ],
    settings: { credentials: SETTINGS_CREDENTIALS },
    env: ENV,
  });
  const abroad = { 'x-requested-region': 'us-east', 'x-user-id': 'support-1' };
  expect((await get('/bkt/k?acl', abroad)).headers.get('x-residency-reason')).toBe('operation_not_permitted');
  expect((await get('/bkt/k', { ...abroad, 'x-user-id': 'other' })).headers.get('x-residency-reason')).toBe(
    'region_not_allowed',
  );
  const used = await get('/bkt/k', abroad);
  expect(used.headers.get('x-residency-reason')).toBe('grant');
  expect(used.headers.get('x-residency-region')).toBe('us-east');
  expect((await get('/bkt/k', abroad)).headers.get('x-residency-reason')).toBe('region_not_allowed');
});

test('an endpoint that refuses connections fails over inside the policy, and comes back when it answers', async () => {
  await rig.stop();
  const primary = await startUpstream((_, response) => response.end('primary'));
  const url = primary.url;
  rig = await startRig({
    regions: [regionAt('eu-west', { storage: url }), regionAt('eu-central', { storage: upstream.url })],
    policies: [{ ...POLICY, mode: 'regional', allowed_regions: ['eu-central'], allow_cross_region_failover: true }],
    settings: { credentials: SETTINGS_CREDENTIALS },
    env: ENV,
  });
  expect(await (await get()).text()).toBe('primary');
  await primary.close();
  const failed = await get();
  expect(failed.status).toBe(502);
  expect(failed.headers.get('x-residency-reason')).toMatch(/upstream_(connect_failed|reset)/);
  await (await get()).arrayBuffer();
  const over = await get();
  expect(over.headers.get('x-residency-reason')).toBe('failover');
  expect(over.headers.get('x-residency-region')).toBe('eu-central');
  expect(await rig.metrics()).toContain('domicile_region_up{service="storage",region="eu-west"} 0');
});

test('the counters, the aliases and the log tell what happened, and no tenant is a label', async () => {
  await get();
  await get('/bkt/k', { 'x-requested-region': 'us-east' });
  await logged('refused');
  const text = await rig.metrics();
  expect(text).toContain(
    'domicile_requests_total{service="storage",dialect="s3",classification="content",verb="access",decision="allow",reason="in_residency",region="eu-west"} 1',
  );
  expect(text).toMatch(/domicile_requests_total\{[^}]*reason="region_not_allowed",region="none"\} 1/);
  expect(text).toContain('data_access_requests_total{region="eu-west"} 1');
  expect(text).toContain('residency_policies_total 1');
  expect(text).not.toContain('acme');
  const line = await logged('refused');
  expect(line).toMatchObject({
    level: 'info',
    tenant_id: 'acme',
    reason: 'region_not_allowed',
    operation_type: 'GetObject',
    region: null,
    emergency_override: false,
  });
  expect(line['policy']).toMatch(/^acme-eu@/);
});

test('a decision that breaks down refuses without a word of why, and the log has it', async () => {
  const { proxy } = rig.domicile.plane;
  const broken = { subjects: new Map() }; // a bundle without its policies
  proxy.snapshot = { ...proxy.snapshot, bundles: { get: () => broken } as unknown as Bundles };
  const answer = await get();
  expect(answer.status).toBe(503);
  expect(answer.headers.get('x-residency-reason')).toBe('policy_unavailable');
  expect(await answer.text()).not.toContain('TypeError');
  expect(await logged('refused')).toMatchObject({
    reason: 'policy_unavailable',
    detail: expect.stringMatching(/^TypeError: /),
  });
  expect(upstream.requests).toHaveLength(0);
});
