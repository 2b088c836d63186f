// A region answers before the request is whole and keeps the connection: on it the rest of the body would be the next
// request, to the region as to us (RFC 9112 §9.3). Neither connection may be used again.
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Wire } from '../rig/upstream.ts';
import { ALONE, HIDDEN, startSmuggling } from './smuggling.ts';
import { headWith } from './world.ts';

const smuggling = await startSmuggling();
const PUT = 'PUT /reports/key HTTP/1.1';
const CHUNK = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n`;

beforeAll(() => {
  smuggling.storage.early = true;
});
afterAll(() => {
  smuggling.storage.early = false;
});

test.each([
  ['a length', `Content-Length: ${10 + HIDDEN.length}\r\n`, 'x'.repeat(10), HIDDEN],
  ['a length, and requests behind it', `Content-Length: ${10 + HIDDEN.length}\r\n`, 'x'.repeat(10), HIDDEN.repeat(3)],
  ['a great length', `Content-Length: 10000000\r\n`, 'x'.repeat(10), HIDDEN.repeat(100)],
  ['a length, nothing of which has come', `Content-Length: ${HIDDEN.length}\r\n`, '', HIDDEN],
  ['chunks', 'Transfer-Encoding: chunked\r\n', '2\r\nab\r\n', `${CHUNK}0\r\n\r\n${HIDDEN}`],
  [
    'chunks, within one',
    'Transfer-Encoding: chunked\r\n',
    `${(HIDDEN.length + 2).toString(16)}\r\nab`,
    `${HIDDEN}\r\n0\r\n\r\n`,
  ],
  ['chunks, none of which has come', 'Transfer-Encoding: chunked\r\n', '', `${CHUNK}0\r\n\r\n${HIDDEN}`],
  ['chunks that break', 'Transfer-Encoding: chunked\r\n', '2\r\nab\r\n', `zz\r\n${HIDDEN}`],
])('the rest of a body told by %s is no request', async (_, lines, first, rest) => {
  smuggling.variants++;
  const connections = smuggling.storage.connections.length;
  const wire = await Wire.open(smuggling.world.rig.storage);
  wire.write(headWith(lines, PUT) + first);
  await wire.until(/answer to \/reports-eu-west-1\/key$/);
  wire.write(rest);
  const said = await wire.closed();
  expect(said.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(said.toLowerCase()).toContain('\r\nconnection: close\r\n');
  // The region's connection was of no use to anybody else: it ended.
  expect(smuggling.storage.connections.length).toBe(connections + 1);
  const used = smuggling.storage.connections.at(-1)!;
  if (!used.over) await once(used.socket, 'close');
  await turn();
  expect(used.bytes).not.toContain('GET ');
});

test('requests on other connections meanwhile get their own answers', async () => {
  const wires = await Promise.all(Array.from({ length: 8 }, () => Wire.open(smuggling.world.rig.storage)));
  smuggling.variants += wires.length;
  for (const [i, wire] of wires.entries()) {
    wire.write(headWith('Content-Length: 1000\r\n', `PUT /reports/early${i} HTTP/1.1`) + 'ab');
  }
  await Promise.all(wires.map((wire, i) => wire.until(new RegExp(`answer to /reports-eu-west-1/early${i}$`))));
  for (const wire of wires) wire.write(HIDDEN);
  for (const wire of wires) expect((await wire.closed()).match(/HTTP\/1\.1 /g)).toHaveLength(1);
  smuggling.storage.early = false;
  await smuggling.expects(headWith('') + HIDDEN, ALONE);
});
