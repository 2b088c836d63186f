// RFC 9112, section 4: a reason phrase may hold bytes beyond ASCII, and a careless upstream puts others into it. node:http throws on
// those; thrown in the middle of an answer, that would leave the client with a dead connection and no reason.
import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, test } from 'vitest';
import { startRig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';

let phrase = '';
const upstream = createServer((socket) => {
  socket.on('error', () => undefined); // the client of these tests may be gone first
  socket.on('data', () => socket.write(`HTTP/1.1 200 ${phrase}\r\nContent-Length: 2\r\n\r\nhi`, 'latin1'));
}).listen(0, '127.0.0.1');
await once(upstream, 'listening');
const rig = await startRig({
  regions: [regionAt('eu-west', { storage: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}` })],
  policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
  settings: { credentials: SETTINGS_CREDENTIALS },
  env: ENV,
});
afterAll(async () => {
  await rig.stop();
  upstream.close();
});

test.each([
  ['plain words are passed on', 'Very Well', 'Very Well'],
  ['a letter beyond ASCII is left out with the rest', 'Tr\xe8s bien', 'OK'],
  ['a control character is left out with the rest', 'O\x01K\x7f', 'OK'],
])('%s', async (_, sent, seen) => {
  phrase = sent;
  const answer = await fetch(`${rig.storage}/reports/key`, {
    headers: { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' },
  });
  expect({ status: answer.status, phrase: answer.statusText, body: await answer.text() }).toEqual({
    status: 200,
    phrase: seen,
    body: 'hi',
  });
});
