// A stream costs its client nothing. One whose body never comes, or whose answer is never read, must not hold its place for ever:
// a thousand of them, and every other tenant is told `overloaded`.
import { connect, type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import { afterEach, expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { startWorld } from './world.ts';

const storage = await startStandIn((request, response) => {
  request.resume();
  if (request.method === 'GET') response.writeHead(200, { 'content-length': '50000000' }).end(Buffer.alloc(50_000_000));
});
const world = await startWorld({
  replace: { 'eu-west': { storage } },
  settings: { timeouts: { idle_ms: 1000, keep_alive_ms: 1000 } },
});

const IDENTITY = { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' };
const JSON_BODY = { 'content-type': 'application/json' };

let session: ClientHttp2Session;
afterEach(() => session.destroy());

function ask(url: string, headers: OutgoingHttpHeaders, options: { settings?: object; body?: string } = {}) {
  session = connect(url, { settings: options.settings ?? {} });
  const stream = session.request(headers, { endStream: options.body === undefined });
  stream.on('error', () => undefined); // to be reset is what these wait for
  if (options.body !== undefined) stream.write(options.body);
  return stream;
}

async function isLetGo(stream: ClientHttp2Stream, service: 'storage' | 'search') {
  const { inflight } = world.rig.domicile.plane.proxy;
  await expect.poll(() => stream.closed, { timeout: 5000 }).toBe(true);
  await expect.poll(() => inflight[service]).toBe(0);
}

test('a body that stalls while it is collected', async () => {
  const headers = { ':method': 'POST', ':path': '/reports/_search', ...IDENTITY, ...JSON_BODY };
  await isLetGo(ask(world.rig.search, headers, { body: '{"query":' }), 'search');
  expect(world.bytes()).toBe(0);
});

test('a body that stalls on its way upstream', async () => {
  const headers = { ':method': 'PUT', ':path': '/reports/key', ...IDENTITY };
  await isLetGo(ask(world.rig.storage, headers, { body: 'half' }), 'storage');
});

test('a body that stalls behind a refusal, which is answered first', async () => {
  const stream = ask(world.rig.search, { ':method': 'POST', ':path': '/_search', ...JSON_BODY }, { body: '{' });
  const status = new Promise((resolve) => stream.on('response', (fields) => resolve(fields[':status'])));
  expect(await status).toBe(400);
  stream.resume();
  await isLetGo(stream, 'search');
});

test('an answer that nobody reads', async () => {
  const headers = { ':path': '/reports/key', ...IDENTITY };
  await isLetGo(ask(world.rig.storage, headers, { settings: { initialWindowSize: 0 } }), 'storage');
});

test('a refusal that nobody reads', async () => {
  const headers = { ':method': 'PUT', ':path': '/reports/key' };
  await isLetGo(ask(world.rig.storage, headers, { settings: { initialWindowSize: 0 }, body: 'x' }), 'storage');
});
