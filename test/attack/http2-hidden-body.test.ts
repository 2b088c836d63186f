// Over HTTP/2 a body needs neither a length nor an encoding to be there. A dialect that looks for those two fields would take such a
// request for one without a body, and let one through that nobody looked into.
import { expect, test } from 'vitest';
import { fieldOf } from './answers.ts';
import { overHttp2 } from './inference-http2.ts';
import { startWorld } from './world.ts';

const world = await startWorld();
const IDENTITY = { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' };

test.each([
  ['GET', '/reports/_doc/1'],
  ['GET', '/reports/_mapping'],
  ['POST', '/reports/_search/point_in_time?keep_alive=1m'],
  ['DELETE', '/reports/_doc/1'],
])('a body on %s %s, which takes none, is refused', async (method, path) => {
  const answer = await overHttp2(world.port('search'), {
    headers: { ':method': method, ':path': path, ...IDENTITY },
    body: Buffer.from('{"index":"us-east:reports"}'),
  });
  expect(answer.status).toBe(400);
  expect(fieldOf(answer, 'x-residency-reason')).toBe('request_malformed');
  expect(world.bytes()).toBe(0);
});

test('a document of unknown length without a type is refused, and one with a type is stored', async () => {
  const headers = { ':method': 'PUT', ':path': '/reports/_doc/1', ...IDENTITY };
  const body = Buffer.from('{"a":1}');
  const refused = await overHttp2(world.port('search'), { headers, body });
  expect(fieldOf(refused, 'x-residency-reason')).toBe('request_malformed');
  expect(world.bytes()).toBe(0);
  const stored = await overHttp2(world.port('search'), {
    headers: { ...headers, 'content-type': 'application/json' },
    body,
  });
  expect(stored.status).toBe(201);
});

test('an object of unknown length is stored under the word that says its bytes are not signed', async () => {
  const stored = await overHttp2(world.port('storage'), {
    headers: { ':method': 'PUT', ':path': '/reports/key', ...IDENTITY },
    body: Buffer.from('bytes'),
  });
  const received = world.storage('eu-west').lastRequest;
  expect(received?.headers['x-amz-content-sha256']).toBe('UNSIGNED-PAYLOAD');
  expect(stored.status).toBeLessThan(500);
});
