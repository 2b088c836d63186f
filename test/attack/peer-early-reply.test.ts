// PEERS, "An early upstream reply on an unfinished request must close that HTTP/1 connection": where it is kept, the rest of the
// first request's body is read as the second request, by the upstream, by the proxy, or by both.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { Wire } from '../rig/upstream.ts';
import { headWith, startWorld } from './world.ts';

const seen: string[] = [];
const storage = await startStandIn((request, response) => {
  seen.push(`${request.method} ${request.url}`);
  // Answers at the head, and never reads on.
  response.writeHead(200, { 'content-length': '5' }).end('early');
});
const world = await startWorld({ replace: { 'eu-west': { storage } } });
const HIDDEN = headWith('', 'DELETE /secrets/key HTTP/1.1');

test.each([
  ['a length', `Content-Length: ${1000 + HIDDEN.length}\r\n`, 'x'.repeat(500), 'x'.repeat(500) + HIDDEN],
  [
    'chunks',
    'Transfer-Encoding: chunked\r\n',
    '5\r\nhello\r\n',
    `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n${HIDDEN}`,
  ],
])('the rest of a body told by %s is no request', async (_, lines, first, rest) => {
  seen.length = 0;
  const wire = await Wire.open(world.rig.storage);
  wire.write(headWith(lines, 'PUT /reports/key HTTP/1.1') + first);
  await wire.until(/early$/);
  wire.write(rest);
  const said = await wire.closed();
  expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(said.toLowerCase()).toContain('\r\nconnection: close\r\n');
  expect(said).toContain('in_residency');
  await world.rig.metrics();
  expect(seen).toEqual(['PUT /reports-eu-west-1/key']);

  // The next request has an upstream connection of its own, on which nothing of the old body is left.
  await world.forwards({ target: '/reports/next' }, { region: 'eu-west', reason: 'in_residency' });
  expect(seen).toEqual(['PUT /reports-eu-west-1/key', 'GET /reports-eu-west-1/next']);
});

test('a refusal that comes before the body ends the connection likewise', async () => {
  seen.length = 0;
  const wire = await Wire.open(world.rig.storage);
  wire.write(headWith('Content-Length: 9000000\r\n', 'PUT /reports?policy HTTP/1.1'));
  await wire.until(/operation_not_permitted/);
  wire.write(HIDDEN);
  const said = await wire.closed();
  expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(said.toLowerCase()).toContain('\r\nconnection: close\r\n');
  expect(seen).toEqual([]);
});
