import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, afterAll, expect, test, vi } from 'vitest';
import { selfSigned } from '../attack/certificate.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';
import { sample } from '../telemetry/exposition.ts';
import { ask, CALLER, Cluster, Load } from './cluster-rig.ts';

vi.setConfig({ testTimeout: 60_000 }); // several processes are started

let upstream: Upstream;
let cluster: Cluster;
const POLICY = { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' };
const FILE = 'policies/policies.yaml';
const target = () => `${cluster.url('search')}/idx/_doc/1`;
const label = ({ headers }: { headers: Record<string, unknown> }) => headers['x-residency-policy'];
/** The same policy in other words: another revision. */
const edition = (n: number) => ({ policies: [{ ...POLICY, emergency_contact: `dpo-${n}@acme.example` }] });

beforeAll(async () => {
  upstream = await startUpstream();
});
afterEach(() => cluster.stop());
afterAll(() => upstream.close());

const options = () => ({
  regions: [regionAt('eu-west', { search: upstream.url })],
  policies: [POLICY],
  settings: { log: { access: 'denials' } },
});

test('a reload reaches every worker, and no request fails: connections kept alive, fresh ones, five reloads', async () => {
  cluster = await Cluster.start(options());
  const kept = new Load(target(), 8, true);
  const fresh = new Load(target(), 4, false);
  const labels = new Set<unknown>();
  const revision = sample(await cluster.metrics(), 'domicile_policy_revision');
  for (let n = 1; n <= 5; n++) {
    const from = cluster.log.length;
    cluster.write(FILE, edition(n));
    expect(await cluster.logged('reloaded', from)).toMatchObject({ revision: n + 1 });
    const answers = await Promise.all(Array.from({ length: 50 }, () => ask(target(), CALLER)));
    const seen = new Set(answers.map(label));
    expect([...seen]).toEqual([expect.stringMatching(/^acme-eu@\d+$/)]);
    labels.add([...seen][0]);
    await Promise.all([kept.more(20), fresh.more(20)]);
  }
  await Promise.all([kept.stop(), fresh.stop()]);
  expect(labels.size).toBe(5);
  expect([...kept.failed, ...fresh.failed]).toEqual([]);
  // Of the store: one for each reload, above what the start made of it.
  await expect
    .poll(async () => sample(await cluster.metrics(), 'domicile_policy_revision'))
    .toBeGreaterThanOrEqual(revision! + 5);
});

test('an invalid file changes nothing in any worker, counts once, and whoever replaces a worker has what is in force', async () => {
  cluster = await Cluster.start(options());
  const before = label(await ask(target(), CALLER));
  cluster.write(FILE, { policies: [{ ...POLICY, mode: 'regionall' }] });
  expect((await cluster.logged('reload refused'))['message']).toMatch(/policies\.yaml:\d+: policies\[0\]\.mode/);
  expect(sample(await cluster.metrics(), 'domicile_config_reload_failures_total')).toBe(1);
  await cluster.loseAll();
  const answers = await Promise.all(Array.from({ length: 20 }, () => ask(target(), CALLER)));
  expect(new Set(answers.map(label))).toEqual(new Set([before]));
  expect(cluster.log.filter(({ message }) => String(message).startsWith('reload refused'))).toHaveLength(1);
  expect(sample(await cluster.metrics(), 'domicile_worker_restarts_total')).toBe(2);
});

test('what only a restart changes is named, and a worker that is replaced does not have it either', async () => {
  cluster = await Cluster.start(options());
  cluster.write('domicile.yaml', {
    self: { region: 'eu-west' },
    policies: ['policies'],
    regimes: 'regimes',
    listeners: { search: { listen: '127.0.0.1:1' } },
    ops: { listen: '127.0.0.1:0' },
  });
  expect((await cluster.logged('listeners has changed'))['message']).toContain('restart domicile');
  await cluster.logged('reloaded');
  await cluster.loseAll();
  expect(await ask(target(), CALLER)).toMatchObject({ status: 200 });
});

test('a worker that is replaced has the certificate of the start, whatever has become of its file', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-cluster-tls-'));
  const { cert, key } = selfSigned('127.0.0.1');
  const tls = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(tls.cert, cert);
  writeFileSync(tls.key, key);
  const listeners = { search: { listen: '127.0.0.1:0', tls } };
  cluster = await Cluster.start({ ...options(), settings: { listeners } });
  writeFileSync(tls.cert, 'half writ');
  await cluster.loseAll();
  expect(cluster.other).toBe('');
  rmSync(folder, { recursive: true });
});

test('SIGUSR2 puts new workers in the place of the old, and no request fails, on kept connections or fresh ones', async () => {
  cluster = await Cluster.start(options());
  const old = cluster.workers;
  const kept = new Load(target(), 8, true);
  const fresh = new Load(target(), 4, false);
  await Promise.all([kept.more(20), fresh.more(20)]);
  cluster.process.kill('SIGUSR2');
  await cluster.logged('all workers are restarted');
  await Promise.all([kept.more(20), fresh.more(20)]);
  await Promise.all([kept.stop(), fresh.stop()]);
  expect([...kept.failed, ...fresh.failed]).toEqual([]);
  expect(cluster.workers).toHaveLength(2);
  expect(cluster.workers.filter((pid) => old.includes(pid))).toEqual([]);
  // They were told to go: nobody died, and what they had counted stays counted.
  expect(sample(await cluster.metrics(), 'domicile_worker_restarts_total')).toBe(0);
  await expect.poll(() => cluster.total('domicile_requests_total')).toBe(kept.done + fresh.done);
});

test('a worker that leaves decides by the new files too, once they are said to be in force', async () => {
  cluster = await Cluster.start(options());
  const agents = Array.from({ length: 16 }, () => new Agent({ keepAlive: true, maxSockets: 1 }));
  await Promise.all(agents.map((agent) => ask(target(), CALLER, agent)));
  const from = cluster.log.length;
  cluster.process.kill('SIGUSR2');
  await cluster.logged('worker serves', from); // in whose favour one leaves, and its connections with it
  cluster.write(FILE, { policies: [] });
  cluster.process.kill('SIGHUP');
  await cluster.logged('reloaded', from);
  const answers = await Promise.all(agents.map((agent) => ask(target(), CALLER, agent)));
  expect(answers.filter(({ status }) => status !== 403)).toEqual([]);
  for (const agent of agents) agent.destroy();
  await cluster.logged('all workers are restarted', from);
});
