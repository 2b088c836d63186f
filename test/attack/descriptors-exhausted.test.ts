// Whoever opens enough connections uses up the descriptors of a process, and `accept` fails for everybody (EMFILE). It must
// be survived, seen in the metrics, and end when the connections end. (libuv closes what it cannot hand over, untold.)
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, test } from 'vitest';
import { writeFiles } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const DESCRIPTORS = 64;
const upstream = await startUpstream((_, response) => response.end('ok'));
const folder = writeFiles({
  regions: [regionAt('eu-west', { storage: upstream.url })],
  policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
  settings: { credentials: SETTINGS_CREDENTIALS },
});
let child: ChildProcess | null = null;

afterAll(async () => {
  child?.kill('SIGKILL');
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Ports {
  readonly storage: string;
  readonly ops: string;
}

async function start(): Promise<Ports> {
  const main = join(import.meta.dirname, '../../src/main.ts');
  const serve = `exec '${process.execPath}' '${main}' serve --workers 1 --config '${join(folder, 'domicile.yaml')}'`;
  child = spawn('bash', ['-c', `ulimit -n ${DESCRIPTORS}; ${serve}`], {
    env: { ...process.env, ...ENV },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ports = { storage: '', ops: '' };
  for await (const line of createInterface({ input: child.stdout! })) {
    const told = JSON.parse(line) as { message: string; listener?: string; port?: number; ops?: string };
    if (told.listener === 'listeners.storage') ports.storage = `http://127.0.0.1:${told.port}`;
    if (told.message !== 'ready') continue;
    ports.ops = told.ops!;
    break;
  }
  child.stdout!.resume();
  return ports;
}

test('a process without descriptors left goes on, shows them in its metrics, and serves again', async () => {
  const { storage, ops } = await start();
  const { port } = new URL(storage);
  const headers = { 'x-tenant-id': 'acme', 'x-data-classification': 'content', connection: 'close' };
  const sockets: Socket[] = [];
  for (let i = 0; i < 2 * DESCRIPTORS; i++) {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => undefined); // cut by the system: that is what is provoked
    socket.write('GET /b/k HTTP/1.1\r\nHost: x\r\n'); // a head that does not end holds its connection
    sockets.push(socket);
  }
  // The system takes no more than there is room for, and cuts the others.
  await Promise.race(sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
  for (const socket of sockets) socket.destroy();
  let answer: Response | null = null;
  // The process learns of their end one after the other, at its own pace.
  for (const until = performance.now() + 10_000; answer === null && performance.now() < until;) {
    answer = await fetch(`${storage}/b/k`, { headers }).catch(() => null);
    if (answer === null) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(answer?.status).toBe(200);
  expect(child!.exitCode).toBeNull();
  const metrics = await (await fetch(`${ops}/metrics`)).text();
  const figure = (name: string) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(metrics)?.[1]);
  expect(figure('process_max_fds')).toBe(DESCRIPTORS);
  expect(figure('process_open_fds')).toBeLessThan(DESCRIPTORS);
});
