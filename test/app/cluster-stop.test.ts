import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { regionAt } from '../rig/regions.ts';
import { startUpstream, Wire, type Upstream } from '../rig/upstream.ts';
import { ask, CALLER, Cluster, gone, lives } from './cluster-rig.ts';

vi.setConfig({ testTimeout: 60_000 }); // several processes are started

let upstream: Upstream;
let cluster: Cluster;
const POLICY = { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' };
const target = () => `${cluster.url('search')}/idx/_doc/1`;

beforeAll(async () => {
  upstream = await startUpstream();
});
afterEach(() => cluster.stop());
afterAll(() => upstream.close());

const options = (settings = {}) => ({
  regions: [regionAt('eu-west', { search: upstream.url })],
  policies: [POLICY],
  settings,
});

/** An answer that has begun and is ended by `release`. */
async function slow(): Promise<{ body: Promise<string>; release: () => void }> {
  const arrived = Promise.withResolvers<ServerResponse>();
  upstream.respond = (_, response) => {
    response.write('begin ');
    arrived.resolve(response);
  };
  const asked = httpRequest(target(), { headers: CALLER, agent: false });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const upstreamResponse = await arrived.promise;
  return { body: text(response), release: () => upstreamResponse.end('end') };
}

test.each(['SIGTERM', 'SIGINT', 'POST /drain'] as const)(
  '%s lets a slow answer end, then all are gone, exit 0',
  async (how) => {
    cluster = await Cluster.start(options());
    const { workers } = cluster;
    const { body, release } = await slow();
    if (how === 'POST /drain') await fetch(`${cluster.ops}/drain`, { method: 'POST' });
    else cluster.process.kill(how);
    await cluster.logged('draining');
    await expect
      .poll(() =>
        Wire.open(cluster.url('search')).then(
          () => 'open',
          () => 'refused',
        ),
      )
      .toBe('refused');
    const ready = await ask(`${cluster.ops}/readyz`);
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body)).toMatchObject({ reasons: ['draining'] });
    release();
    expect(await body).toBe('begin end');
    expect(await cluster.closed).toEqual([0, null]);
    expect(workers.filter(lives)).toEqual([]);
    expect(cluster.log.at(-1)).toMatchObject({ message: 'stopped' });
    expect(cluster.other).toBe('');
  },
);

test('signals to the whole group, as a terminal sends them, are no more than one to the primary', async () => {
  cluster = await Cluster.start(options());
  const { workers } = cluster;
  const { body, release } = await slow();
  for (const pid of [...workers, cluster.pid]) process.kill(pid, 'SIGINT');
  await cluster.logged('draining');
  release();
  expect(await body).toBe('begin end');
  expect(await cluster.closed).toEqual([0, null]);
  expect(cluster.log.filter(({ message }) => String(message).startsWith('a worker died'))).toEqual([]);
});

test('a second signal ends everything at once', async () => {
  cluster = await Cluster.start(options());
  const { workers } = cluster;
  const { body } = await slow();
  const cut = expect(body).rejects.toThrow();
  cluster.process.kill('SIGTERM');
  await cluster.logged('draining');
  cluster.process.kill('SIGTERM');
  expect(await cluster.closed).toEqual([130, null]);
  await gone(workers);
  await cut;
});

/** Resolves when it has begun to start workers. */
async function starting(): Promise<void> {
  while (cluster.workers.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s while the workers start drains once they have, exit 0',
  async (signal) => {
    cluster = Cluster.begin(options());
    await starting();
    const { workers } = cluster;
    cluster.process.kill(signal);
    expect(await cluster.closed).toEqual([0, null]);
    const said = cluster.log
      .map(({ message }) => String(message))
      .filter((message) => !/sidecar|control plane|evidence checkpoint/.test(message));
    expect(said.slice(-2)).toEqual(['draining', 'stopped']);
    await gone(workers);
  },
);

test('a second signal while the workers start ends everything at once', async () => {
  cluster = Cluster.begin(options());
  await starting();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) cluster.process.kill(signal);
  expect(await cluster.closed).toEqual([130, null]);
  expect(cluster.log.filter(({ message }) => message === 'ready')).toEqual([]);
});

test('SIGHUP and SIGUSR2 while the workers start are obeyed once they serve', async () => {
  cluster = Cluster.begin(options());
  await starting();
  cluster.process.kill('SIGHUP');
  cluster.process.kill('SIGUSR2');
  expect(await cluster.logged('reloaded')).toMatchObject({ why: 'SIGHUP', revision: 2 });
  await cluster.logged('all workers are restarted');
});

test('SIGUSR2 to one process restarts nothing, and says so; it serves on', async () => {
  cluster = await Cluster.start(options(), ['--workers', '1']);
  cluster.process.kill('SIGUSR2');
  expect(await cluster.logged('there are no workers to restart')).toMatchObject({ level: 'warn' });
  upstream.respond = (_, response) => response.end('ok');
  expect(await ask(target(), CALLER)).toMatchObject({ status: 200, body: 'ok' });
});

test.each(['1', '2'])('an environment that makes a worker of it is named, --workers %s, exit 1', async (workers) => {
  cluster = Cluster.begin({ ...options(), env: { NODE_UNIQUE_ID: '1' } }, ['--workers', workers]);
  expect(await cluster.closed).toEqual([1, null]);
  expect(cluster.other).toMatch(/^NODE_UNIQUE_ID is set: [^\n]* Unset it\.\n$/);
});

test('workers whose primary is killed finish what is in flight, and go', async () => {
  cluster = await Cluster.start(options());
  const { workers } = cluster;
  const { body, release } = await slow();
  cluster.process.kill('SIGKILL');
  await cluster.closed;
  await expect
    .poll(() =>
      Wire.open(cluster.url('search')).then(
        () => 'open',
        () => 'refused',
      ),
    )
    .toBe('refused');
  release();
  expect(await body).toBe('begin end');
  await gone(workers);
});

test('a start without its address fails in one line, exit 1, and leaves nothing behind', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const listeners = { search: { listen: `127.0.0.1:${port}` }, storage: { listen: 'unix:storage.sock' } };
  cluster = Cluster.begin(options({ listeners }));
  expect(await cluster.closed).toEqual([1, null]);
  expect(cluster.other).toBe(
    `listeners.search: 127.0.0.1:${port} is in use. Stop what listens there, or choose another address in the configuration.\n`,
  );
  expect(
    cluster.log.filter(({ message }) => !/sidecar|control plane|evidence checkpoint/.test(String(message))),
  ).toEqual([]);
  expect(existsSync(join(cluster.folder, 'storage.sock'))).toBe(false);
  taken.close();
});

test('files that do not hold together, and numbers of workers that are none, end as with one process', async () => {
  cluster = Cluster.begin({ ...options(), policies: [{ ...POLICY, mode: 'regionall' }] });
  expect(await cluster.closed).toEqual([1, null]);
  expect(cluster.other).toMatch(/^\S+policies\.yaml:\d+: policies\[0\]\.mode: [^\n]*\n$/);
  await cluster.stop();
  cluster = Cluster.begin(options(), ['--workers', 'many']);
  expect(await cluster.closed).toEqual([2, null]);
  expect(cluster.other).toMatch(/^domicile serve: --workers many: give a whole number from 1 to \d+\.[^\n]*\n$/);
});

test('a Unix socket is shared by all workers, one that was left behind is replaced, and none stays', async () => {
  const settings = { listeners: { search: { listen: 'unix:search.sock' } }, log: { access: 'all' } };
  cluster = await Cluster.start(options(settings));
  upstream.respond = (_, response) => response.end('ok');
  const socketPath = join(cluster.folder, 'search.sock');
  const get = async () => {
    const asked = httpRequest({ socketPath, path: '/idx/_doc/1', headers: CALLER, agent: false });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  };
  const served = () =>
    new Set(cluster.log.filter((line) => line['message'] === 'forwarded').map((line) => line['worker']));
  while (served().size < 2) expect(await Promise.all(Array.from({ length: 8 }, get))).toEqual(Array(8).fill(200));

  const old = cluster.workers;
  cluster.process.kill('SIGKILL');
  await gone(old);
  expect(existsSync(socketPath)).toBe(true);
  const again = cluster.folder;
  cluster = Cluster.in(again);
  await cluster.logged('ready');
  expect(await get()).toBe(200);
  cluster.process.kill('SIGTERM');
  expect(await cluster.closed).toEqual([0, null]);
  expect(existsSync(socketPath)).toBe(false);
});
