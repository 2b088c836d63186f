// Evidence of several processes, over what happens to processes: workers that take each other's places, that are killed, a
// key that is exchanged, a restart. Nothing may be missing, twice, or out of order.
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { findLogs, LogReader } from '../../src/audit/reader.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';
import { ask, CALLER, Cluster } from './cluster-rig.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 }); // several processes are started

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const POLICY = { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' };
const EACH = 60;

let upstream: Upstream;
let cluster: Cluster;
/** By request id, what the client was told. */
const answered = new Map<string, number>();

beforeAll(async () => {
  upstream = await startUpstream();
  cluster = await Cluster.start({ regions: [regionAt('eu-west', { search: upstream.url })], policies: [POLICY] });
});
afterAll(async () => {
  await cluster?.end('SIGTERM');
  if (cluster !== undefined) rmSync(cluster.folder, { recursive: true, force: true });
  await upstream?.close();
});

/** Requests that are answered, half of them by a refusal, each on a connection of its own so that all workers have some. */
async function send(): Promise<void> {
  for (let i = 0; i < EACH; i++) {
    const id = `r-${answered.size}`;
    const abroad = i % 2 === 0 ? {} : { 'x-requested-region': 'nowhere' };
    const { status } = await ask(`${cluster.url('search')}/idx/_doc/1`, { ...CALLER, ...abroad, 'x-request-id': id });
    answered.set(id, status);
  }
}

const evidence = () => join(cluster.folder, 'state', 'evidence');

/** Every log verifies, with all numbers from 0 on in it; gives its records by request id. */
async function records(): Promise<{ readonly logs: string[]; readonly decisions: Map<string, number> }> {
  const decisions = new Map<string, number>();
  const logs: string[] = [];
  for (const folder of await findLogs(evidence())) {
    const { fault, origin, size } = await verifyLog(folder);
    expect(fault).toBe(null);
    logs.push(String(origin));
    let next = 0;
    for (const { seq, value } of LogReader.open(folder).entries()) {
      expect([seq, value['seq']]).toEqual([next, next]);
      next++;
      if (value['kind'] !== 'decision') continue;
      const id = String(value['request_id']);
      decisions.set(id, (decisions.get(id) ?? 0) + 1);
    }
    expect(next).toBe(size);
  }
  return { logs: logs.sort(), decisions };
}

/** Resolves when each answered request is on record once. */
async function allOnce(): Promise<string[]> {
  const once = new Map([...answered.keys()].map((id) => [id, 1]));
  await expect.poll(async () => (await records()).decisions, { timeout: 10_000, interval: 200 }).toEqual(once);
  return (await records()).logs;
}

test('two workers keep a log each, and every answered request is in one of them, once', async () => {
  await send();
  const logs = await allOnce();
  expect(logs).toEqual(['domicile/sidecar-1/1', 'domicile/sidecar-1/2', 'domicile/sidecar-1/control']);
});

test('workers that take each other’s places while requests come leave no gap', async () => {
  const from = cluster.log.length;
  process.kill(cluster.pid, 'SIGUSR2');
  while (!cluster.log.slice(from).some(({ message }) => String(message).startsWith('all workers are restarted')))
    await send();
  await send();
  await allOnce();
});

test('workers that are killed lose nothing older than a batch, and their logs go on', async () => {
  await send();
  await allOnce();
  await cluster.loseAll();
  await send();
  await allOnce();
});

test('a new key takes over at the next start, and whoever trusts the old one verifies on', async () => {
  const key = (): string[] =>
    execFileSync(process.execPath, [MAIN, 'audit', 'key', '--config', join(cluster.folder, 'domicile.yaml')], {
      encoding: 'utf8',
    })
      .trim()
      .split('\n');
  const before = key();
  execFileSync(process.execPath, [MAIN, 'audit', 'key', 'rotate', '--config', join(cluster.folder, 'domicile.yaml')]);
  await cluster.end('SIGTERM');
  cluster = Cluster.in(cluster.folder);
  await cluster.logged('ready');
  await send();
  await allOnce();
  const after = key();
  // A log that nobody has opened since is still signed by the old one.
  const open = before.filter((each) => /^domicile\/sidecar-1\/(1|2|control)\+/.test(each));
  expect(open).toHaveLength(3);
  for (const each of open) expect(after).not.toContain(each);
  const verify = () =>
    execFileSync(
      process.execPath,
      [MAIN, 'audit', 'verify', evidence(), ...before.flatMap((each) => ['--key', each])],
      {
        encoding: 'utf8',
      },
    );
  expect(verify().match(/^ok /gm)).toHaveLength(after.length);
});
