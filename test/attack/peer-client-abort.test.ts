// PEERS, "Abort upstream when the client goes": an upload that its client gave up must not look whole upstream, where half an
// object would be stored as one, and a download that nobody reads any more must not go on crossing the wire.
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { Wire } from '../rig/upstream.ts';
import { headWith, startWorld } from './world.ts';

let begun = Promise.withResolvers<void>();
let ended = Promise.withResolvers<string>();
const storage = await startStandIn((request, response) => {
  const tell = () => ended.resolve(request.complete && response.writableFinished ? 'whole' : 'cut');
  response.once('close', tell);
  request.on('error', () => undefined); // the cut is what is waited for
  request.once('data', () => begun.resolve());
  if (request.method !== 'GET') return void request.on('end', () => response.end());
  response.writeHead(200, { 'content-length': String(1e12) });
  const more = () => {
    while (!response.destroyed && response.write('x'.repeat(65_536)));
  };
  response.on('drain', more);
  more();
  begun.resolve();
});
const world = await startWorld({ replace: { 'eu-west': { storage } } });

test.each([
  ['an upload told by a length', 'Content-Length: 10\r\n', 'PUT', 'hello'],
  ['an upload told by chunks', 'Transfer-Encoding: chunked\r\n', 'PUT', '5\r\nhello\r\n'],
  ['a download', '', 'GET', ''],
])('%s is cut upstream too', async (_, lines, method, body) => {
  for (const how of ['destroy', 'resetAndDestroy', 'end'] as const) {
    // A client that ends its own side of a download still waits for the answer.
    if (how === 'end' && method === 'GET') continue;
    begun = Promise.withResolvers();
    ended = Promise.withResolvers();
    const wire = await Wire.open(world.rig.storage);
    wire.write(headWith(lines, `${method} /reports/key HTTP/1.1`) + body);
    await begun.promise;
    const closed = once(wire.socket, 'close');
    wire.socket[how]();
    expect(await ended.promise).toBe('cut');
    if (how !== 'end') await closed;
    else await wire.closed();
  }
});

test('what comes after finds everything as it was', async () => {
  const { answer } = await world.forwards(
    { method: 'PUT', target: '/reports/next', body: 'bytes' },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(answer.status).toBe(200);
});
