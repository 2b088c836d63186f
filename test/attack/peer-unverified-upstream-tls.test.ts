// PEERS, "Upstream TLS not verified by default" (CVE-2026-107318): whoever stands in the way of the upstream is the upstream, in
// whatever region. Here it presents a certificate of its own making.
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import type { StandIn } from '../../src/standin/standin.ts';
import { selfSigned } from './certificate.ts';
import { startWorld } from './world.ts';

let served = 0;
let decrypted = 0;
let offered = 0;
const impostor = createServer({ ...selfSigned('127.0.0.1') }, (_, response) => {
  served++;
  response.end('the data');
});
impostor.on('connection', () => offered++);
impostor.on('secureConnection', (socket) => socket.on('data', (chunk: Buffer) => (decrypted += chunk.length)));
impostor.on('tlsClientError', () => undefined); // what is hoped for
impostor.listen(0, '127.0.0.1');
await once(impostor, 'listening');
const { port } = impostor.address() as AddressInfo;
const standIn: StandIn = {
  url: `https://127.0.0.1:${port}`,
  port,
  get requests() {
    return served;
  },
  bytes: 0,
  lastRequest: null,
  close: async () => {
    impostor.closeAllConnections();
    await new Promise((resolve) => impostor.close(resolve));
  },
};
const world = await startWorld({ replace: { 'eu-west': { storage: standIn, search: standIn } } });

test.each([
  ['storage', 'PUT', '/reports/key', {}],
  ['search', 'PUT', '/notes/_doc/1', { 'Content-Type': 'application/json' }],
] as const)(
  'nothing of a request to %s is told to a server that vouches for itself',
  async (service, method, target, headers) => {
    const before = offered;
    const answer = await world.send({ service, method, target, headers, body: '{"name":"secret"}' });
    expect(answer.status).toBe(502);
    expect(answer.body).toContain('upstream_connect_failed');
    expect(answer.body).not.toMatch(/self|certificate|127\.0\.0\.1/i);
    expect(offered).toBeGreaterThan(before);
    expect({ served, decrypted }).toEqual({ served: 0, decrypted: 0 });
  },
);

test('nor does it make another region stand in', async () => {
  const bytes = world.bytes(['eu-central', 'us-east']);
  const answer = await world.send({ target: '/reports/key' });
  expect([502, 503]).toContain(answer.status);
  expect(world.bytes(['eu-central', 'us-east'])).toBe(bytes);
  expect({ served, decrypted }).toEqual({ served: 0, decrypted: 0 });
});
