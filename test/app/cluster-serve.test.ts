import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { regionAt } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';
import { sample } from '../telemetry/exposition.ts';
import { ask, CALLER, Cluster, Load } from './cluster-rig.ts';

vi.setConfig({ testTimeout: 60_000 }); // several processes are started

let upstream: Upstream;
let cluster: Cluster;
const POLICY = { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' };
const target = () => `${cluster.url('search')}/idx/_doc/1`;

beforeAll(async () => {
  upstream = await startUpstream();
  cluster = await Cluster.start({ regions: [regionAt('eu-west', { search: upstream.url })], policies: [POLICY] });
});

afterAll(async () => {
  await cluster.stop();
  await upstream.close();
});

test('all workers serve one port, and the metrics are their sum', async () => {
  const load = new Load(target(), 16, false);
  const seen = () =>
    new Set(cluster.log.filter((line) => line['message'] === 'forwarded').map((line) => line['worker']));
  while (seen().size < 2) await load.more(10);
  await load.stop();
  expect(load.failed).toEqual([]);
  expect([...seen()].sort()).toEqual([1, 2]);
  await expect.poll(() => cluster.total('domicile_requests_total')).toBe(load.done);
  const page = await cluster.metrics();
  expect(sample(page, 'domicile_request_duration_seconds_count{service="search",region="eu-west"}')).toBe(load.done);
  expect(sample(page, 'domicile_workers')).toBe(2);
  expect(sample(page, 'domicile_worker_restarts_total')).toBe(0);
  // Not sums: whether it is up, and which revision is in force.
  expect(sample(page, 'domicile_region_up{service="search",region="eu-west"}')).toBe(1);
  const told = cluster.log.find(({ message }) => message === 'connected to the control plane');
  expect(sample(page, 'domicile_policy_revision')).toBeGreaterThanOrEqual(Number(told?.['revision']));

  expect(page.match(/^domicile_build_info\{.*\} 1$/gm)).toHaveLength(1);
});

test('the ops port answers for all', async () => {
  const ready = await ask(`${cluster.ops}/readyz`);
  expect(JSON.parse(ready.body)).toEqual({ status: 'ready', reasons: [], workers: { serving: 2, wanted: 2 } });
  const regions = JSON.parse((await ask(`${cluster.ops}/health/regions`)).body);
  expect(regions).toMatchObject({
    status: 'healthy',
    regions: [{ id: 'eu-west', services: [{ service: 'search', up: true }] }],
  });
  const dump = JSON.parse((await ask(`${cluster.ops}/config_dump`)).body);
  expect(dump.policies).toMatchObject([{ id: 'acme-eu' }]);
});

test('a log level set on the ops port holds in every worker', async () => {
  await fetch(`${cluster.ops}/logging?level=error`, { method: 'POST' });
  await cluster.metrics(); // behind the level on its way to each worker
  const before = cluster.log.length;
  const quiet = new Load(target(), 8, false);
  await quiet.more(100);
  await quiet.stop();
  await fetch(`${cluster.ops}/logging?level=info`, { method: 'POST' });
  expect(cluster.log.slice(before)).toEqual([]);
  const loud = new Load(target(), 8, false);
  await cluster.logged('forwarded', before);
  await loud.stop();
});

test('a worker that is killed is replaced and counted, the others go on, and no sum goes back', async () => {
  const load = new Load(target(), 8, false);
  await load.more(50);
  const before = await cluster.total('domicile_requests_total');
  const from = cluster.log.length;
  const [victim] = cluster.workers;
  process.kill(victim!, 'SIGKILL');
  expect(await cluster.logged('a worker died', from)).toMatchObject({
    level: 'error',
    signal: 'SIGKILL',
    wait_ms: 100,
  });
  expect(await cluster.total('domicile_requests_total')).toBeGreaterThanOrEqual(before);
  expect(sample(await cluster.metrics(), 'domicile_workers')).toBe(1);
  expect(JSON.parse((await ask(`${cluster.ops}/readyz`)).body)).toMatchObject({ status: 'ready' });
  await load.more(50);
  await cluster.serving(2);
  const lost = load.failed.length;
  await load.more(50);
  await load.stop();
  // Only what the dead one had in hand is lost.
  expect(load.failed.length).toBe(lost);
  expect(lost).toBeLessThanOrEqual(8);
  expect(sample(await cluster.metrics(), 'domicile_worker_restarts_total')).toBe(1);
  expect(await ask(target(), CALLER)).toMatchObject({ status: 200 });
});
