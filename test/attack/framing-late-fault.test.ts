// DESIGN 1.9: a body that streams may turn out to be malformed when its head has long gone upstream. The upstream connection is
// then reset: it must never see what looks like a whole request, for it would store half an object as a whole one.
import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { headWith, startWorld } from './world.ts';

const outcomes: string[] = [];
let arrived = Promise.withResolvers<void>();
let over = Promise.withResolvers<void>();
const storage = await startStandIn(async (request, response) => {
  request.once('data', () => arrived.resolve());
  await once(request, 'close').catch(() => undefined);
  outcomes.push(request.complete ? 'whole' : 'cut');
  over.resolve();
  response.end();
});
const world = await startWorld({ replace: { 'eu-west': { storage } } });
const PUT = 'PUT /reports/key HTTP/1.1';

async function sendsInTwo(head: string, first: string, second: string): Promise<string> {
  arrived = Promise.withResolvers();
  over = Promise.withResolvers();
  outcomes.length = 0;
  const socket = connect({ port: world.port('storage'), host: '127.0.0.1' });
  socket.on('error', () => undefined); // a reset is one of the right answers
  let said = '';
  socket.on('data', (chunk) => (said += chunk.toString('latin1')));
  socket.write(head + first);
  await arrived.promise;
  socket.end(second);
  await Promise.all([over.promise, once(socket, 'close')]);
  return said;
}

test.each([
  ['a chunk size that overflows', 'ffffffffffffffffff\r\n'],
  ['a chunk size that is none', 'xyz\r\n'],
  ['a chunk without its end', '2\r\nhi0\r\n\r\n'],
  ['an end of connection before the last chunk', ''],
  ['another request where a chunk should be', headWith('')],
])('%s: the upstream sees no whole request, the client no success', async (_, rest) => {
  const said = await sendsInTwo(headWith('Transfer-Encoding: chunked\r\n', PUT), '5\r\nhello\r\n', rest);
  expect(outcomes).toEqual(['cut']);
  expect(said).not.toContain('HTTP/1.1 2');
  if (said !== '') {
    expect(said).toMatch(/^HTTP\/1\.1 400 /);
    expect(said.toLowerCase()).toContain('x-residency-reason: request_malformed');
    expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  }
});

test('a body shorter than its length is cut too', async () => {
  const said = await sendsInTwo(headWith('Content-Length: 10\r\n', PUT), 'hello', '');
  expect(outcomes).toEqual(['cut']);
  expect(said).not.toContain('HTTP/1.1 2');
});

test('a signed chunk whose frame breaks is cut', async () => {
  const lines =
    'X-Amz-Content-Sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\nX-Amz-Decoded-Content-Length: 15\r\nContent-Encoding: aws-chunked\r\nContent-Length: 365\r\n';
  const chunk = `5;chunk-signature=${'0'.repeat(64)}\r\nhello\r\n`;
  const said = await sendsInTwo(headWith(lines, PUT), chunk + chunk, chunk.replace('hello', 'hello, world'));
  expect(outcomes).toEqual(['cut']);
  expect(said).not.toContain('HTTP/1.1 2');
});
