// A client that sends or takes a byte now and then holds a connection, and a place upstream, for as long as it likes, unless
// what counts is progress and not the last byte (slow-loris, slow-read).
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startRaw, type RawUpstream } from '../outbound/upstream.ts';
import { startRig, type Rig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';

const IDLE = 600;
/** Milliseconds between two bytes: no two are ever apart by what is called idle. */
const DRIP = 100;
const HEAD = 'Host: x\r\nX-Tenant-ID: acme\r\nX-Data-Classification: content\r\n';

let upstream: RawUpstream;
let rig: Rig;
const timers = new Set<NodeJS.Timeout>();

beforeAll(async () => {
  upstream = await startRaw(() => undefined);
  rig = await startRig({
    regions: [regionAt('eu-west', { storage: upstream.origin })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: {
      credentials: SETTINGS_CREDENTIALS,
      timeouts: { idle_ms: IDLE, request_head_ms: IDLE, response_head_ms: 10_000 },
    },
    env: ENV,
  });
});

afterEach(() => {
  for (const timer of timers) clearInterval(timer);
  timers.clear();
});

afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

async function open(): Promise<Socket> {
  const socket = connect(Number(new URL(rig.storage).port), '127.0.0.1');
  socket.on('error', () => undefined); // that it is cut is what is waited for
  await once(socket, 'connect');
  return socket;
}

/** Says one byte after the other, for as long as the other side listens. */
function drip(socket: Socket, byte: string): void {
  timers.add(setInterval(() => socket.writable && socket.write(byte), DRIP));
}

/** Milliseconds until the other side has ended the connection. */
async function untilCut(socket: Socket): Promise<number> {
  const began = performance.now();
  await new Promise((resolve) => socket.once('close', resolve));
  return performance.now() - began;
}

test('a head that comes in drops is refused, and its connection ends', async () => {
  const socket = await open();
  let received = '';
  socket.on('data', (chunk: Buffer) => (received += chunk.toString('latin1')));
  socket.write(`GET /b/k HTTP/1.1\r\n${HEAD}X-Slow: `);
  drip(socket, 'a');
  expect(await untilCut(socket)).toBeLessThan(6 * IDLE);
  expect(received).toMatch(/^HTTP\/1\.1 408 [^]*x-residency-reason: request_malformed\r\n/);
});

test('a body that comes in drops is cut, and the upstream never sees it whole', async () => {
  const socket = await open();
  socket.resume();
  socket.write(`PUT /b/k HTTP/1.1\r\n${HEAD}Content-Length: 100000\r\n\r\n`);
  drip(socket, 'a');
  expect(await untilCut(socket)).toBeLessThan(6 * IDLE);
  expect(await upstream.peers.at(-1)!.gone()).toMatchObject({ ended: false, error: 'ECONNRESET' });
});

test('an answer that nobody reads is cut, and the upstream is let go', async () => {
  const length = 64 * 1024 * 1024;
  upstream.respond = (peer) => {
    peer.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
    peer.socket.write(Buffer.alloc(length));
  };
  const before = upstream.peers.length;
  const socket = await open();
  socket.pause();
  socket.write(`GET /b/k HTTP/1.1\r\n${HEAD}\r\n`);
  const began = performance.now();
  const peer = await upstream.peer(before + 1);
  await peer.gone();
  expect(performance.now() - began).toBeLessThan(8 * IDLE);
  expect(peer.error).toBe('ECONNRESET');
  socket.destroy();
});
