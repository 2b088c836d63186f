// DESIGN 1.9, response smuggling: an upstream (or who speaks in its place) sends more than one answer, or one that ends at two places.
// What is left over must not be the answer to the next request, which may be another tenant's.
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import type { StandIn } from '../../src/standin/standin.ts';
import { fieldOf } from './answers.ts';
import { headWith, startWorld } from './world.ts';

let says = '';
let requests = 0;
const sockets = new Set<Socket>();
const server = createServer((socket) => {
  sockets.add(socket);
  socket.on('error', () => undefined); // resets are what is hoped for
  socket.on('data', (chunk) => {
    if (!chunk.includes('\r\n\r\n')) return;
    requests++;
    socket.write(says);
    if (says.endsWith('cut')) socket.end();
  });
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const { port } = server.address() as AddressInfo;
const standIn: StandIn = {
  url: `http://127.0.0.1:${port}`,
  port,
  get requests() {
    return requests;
  },
  bytes: 0,
  lastRequest: null,
  close: async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  },
};
const world = await startWorld({ replace: { 'eu-west': { storage: standIn } } });
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const EVIL = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil';

test.each([
  ['a second answer', OK + EVIL],
  ['an answer longer than its length', `${OK}evil`],
  ['an answer to HEAD with a body', OK],
])('%s is not given to the next request', async (what, bytes) => {
  says = bytes;
  const method = what.includes('HEAD') ? 'HEAD' : 'GET';
  const first = await world.send({ method, target: '/reports/1' });
  expect([200, 502]).toContain(first.status);
  expect(first.body).not.toContain('evil');
  says = OK;
  for (let i = 0; i < 3; i++) {
    const next = await world.send({ target: `/reports/${i}` });
    expect([next.status, next.body]).toEqual([200, 'ok']);
  }
});

test.each([
  ['both a length and chunks', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two lengths', `HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok`],
  ['a field that is folded', 'HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok'],
  ['a NUL in a field', 'HTTP/1.1 200 OK\r\nX-A: b\0c\r\nContent-Length: 2\r\n\r\nok'],
  ['a space before a colon', 'HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok'],
  ['lines that end in LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok'],
  ['no status', 'HTTP/1.1 OK\r\n\r\n'],
  ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
  ['a change of protocol', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
])('an answer with %s is not passed on', async (_, bytes) => {
  says = bytes;
  const before = requests;
  const answer = await world.send({ target: '/reports/key' });
  expect([answer.status, fieldOf(answer, 'x-residency-reason')]).toEqual([502, 'upstream_reset']);
  expect(answer.body).toContain('<Reason>upstream_reset</Reason>');
  expect(requests, 'tried once').toBe(before + 1);
});

test('an answer that breaks off does not look whole', async () => {
  says = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut';
  await expect(world.sendBytes('storage', headWith(''))).rejects.toThrow(/cut short|ECONNRESET/);
});
