import { afterEach, beforeAll, afterAll, expect, test, vi } from 'vitest';
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
  expect(sample(await cluster.metrics(), 'domicile_policy_revision')).toBe(6);
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
