// PEERS, "Never build a hostname from a header value" (Next.js GHSA-p9j2-gv94-2wf4, server-side request forgery): a request names
// a host in every field that some proxy has ever believed. Where it goes is told by a closed table alone.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const home = { region: 'eu-west', reason: 'in_residency' } as const;

test.each([
  'X-Forwarded-Host',
  'X-Forwarded-Server',
  'X-Host',
  'X-Original-Host',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-Forwarded-Proto',
  'X-Forwarded-Prefix',
  'Forwarded',
  'X-Backend',
  'X-Upstream',
  'X-Target-URL',
  'X-Amz-Meta-Endpoint',
  'Destination',
  'Origin',
  'Referer',
])('%s with the address of another region leads nowhere', async (name) => {
  for (const service of ['storage', 'search'] as const) {
    const elsewhere = world.standIn('us-east', service).url;
    const value = name === 'Forwarded' ? `host="${new URL(elsewhere).host}";proto=http` : elsewhere;
    const target = service === 'storage' ? '/reports/key' : '/notes/_search';
    const { received } = await world.forwards({ service, target, headers: { [name]: value } }, home);
    expect(received.headers.host).toBe(new URL(world.standIn('eu-west', service).url).host);
    if (name.startsWith('X-F') || name === 'Forwarded') expect(received.headers[name.toLowerCase()]).toBeUndefined();
  }
});

test('a Host with the address of another region is not where it goes', async () => {
  const host = new URL(world.storage('us-east').url).host;
  const { received } = await world.forwards({ target: '/reports/key', host }, home);
  expect(received.headers.host).toBe(new URL(world.storage('eu-west').url).host);
});

test('a region is looked up in the catalogue, not made into a name', async () => {
  const { port } = world.storage('us-east');
  for (const region of [
    `127.0.0.1:${port}`,
    `us-east-1.evil.test`,
    '../us-east',
    'us-east-1#',
    'EU-WEST',
    '__proto__',
  ]) {
    await world.refuses(
      { target: '/reports/key', headers: { 'X-Requested-Region': region } },
      { reason: 'region_unknown' },
    );
  }
});
