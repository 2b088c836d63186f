import cluster, { type Worker } from 'node:cluster';
import { on, once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { pack, type ToPrimary, type ToWorker } from '../../src/app/cluster/messages.ts';
import { Configuration } from '../../src/app/configuration.ts';
import type { Loaded } from '../../src/app/data-plane.ts';
import { openPolicySource, type PolicySource } from '../../src/app/policy-origin.ts';
import { writeFiles } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';
import { ask, CALLER } from './cluster-rig.ts';

vi.setConfig({ testTimeout: 30_000 }); // a process is started

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
/** Below the ports that the system gives away: one that is free now could be somebody else's once the worker binds it. */
const PORT = 20_000 + Math.floor(Math.random() * 10_000);
const POLICY = { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' };

let upstream: Upstream;
let folder: string;
let configuration: Configuration;
let source: PolicySource;
let worker: Worker;
let told: AsyncIterator<[ToPrimary]>;

beforeAll(async () => {
  upstream = await startUpstream();
  cluster.schedulingPolicy = cluster.SCHED_NONE;
  cluster.setupPrimary({ exec: MAIN, args: ['serve'], execArgv: [], serialization: 'advanced' });
});
afterAll(() => upstream.close());

beforeEach(async () => {
  folder = writeFiles({
    regions: [regionAt('eu-west', { search: upstream.url })],
    policies: [POLICY],
    settings: { listeners: { search: { listen: `127.0.0.1:${PORT}` } }, log: { level: 'error' } },
  });
  configuration = new Configuration({ config: join(folder, 'domicile.yaml'), env: {} });
  source = await openPolicySource(configuration, '0.0.0', { kind: 'own' });
  worker = cluster.fork();
  told = on(worker, 'message') as AsyncIterator<[ToPrimary]>;
  expect(await next()).toEqual({ type: 'waiting' });
});
afterEach(async () => {
  configuration.close();
  if (!worker.isDead()) {
    worker.process.kill('SIGKILL');
    await once(worker, 'exit');
  }
  await source.control!.close();
  rmSync(folder, { recursive: true });
});

async function next(): Promise<ToPrimary> {
  return (await told.next()).value[0];
}

function send(message: ToWorker): void {
  worker.send(message);
}

const start = () =>
  send({ type: 'start', setup: { worker: 1, load: pack(configuration.loaded), level: 'error', feed: source.feed } });

/** Files without any policy. */
async function replace(): Promise<void> {
  writeFileSync(join(folder, 'policies', 'policies.yaml'), JSON.stringify({ policies: [] }));
  const apply = async (loaded: Loaded) => {
    await source.control!.reload(loaded);
    send({ type: 'replace', load: pack(loaded) });
  };
  expect(await configuration.reload('test', apply)).toBe(true);
}

const target = () => {
  const { address } = configuration.loaded.settings.listeners.search!;
  return `http://127.0.0.1:${address.kind === 'tcp' && address.port}/idx/_doc/1`;
};

test('a worker that is sent newer files while it starts has them before it serves', async () => {
  // Stopped, it finds both at once when it goes on, and takes the second before it has a data plane.
  worker.process.kill('SIGSTOP');
  start();
  await replace();
  worker.process.kill('SIGCONT');
  expect(await next()).toEqual({ type: 'replaced', revision: 2 });
  expect(await next()).toMatchObject({ type: 'serving' });
  expect((await ask(target(), CALLER)).headers['x-residency-reason']).toBe('no_policy');
});

test('a worker that leaves decides by the files that it is sent meanwhile', async () => {
  start();
  expect(await next()).toMatchObject({ type: 'serving' });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  expect((await ask(target(), CALLER, agent)).headers['x-residency-reason']).toBe('in_residency');
  send({ type: 'drain', bound: 20_000, grace: 10_000 });
  await replace();
  expect(await next()).toEqual({ type: 'replaced', revision: 2 });
  const { headers } = await ask(target(), CALLER, agent);
  expect(headers).toMatchObject({ 'x-residency-reason': 'no_policy', connection: 'close' });
  agent.destroy();
  expect(await next()).toMatchObject({ type: 'report', id: 0 });
  expect(await once(worker, 'exit')).toEqual([0, null]);
});
