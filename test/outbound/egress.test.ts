import { afterAll, beforeAll, expect, test } from 'vitest';
import { Networks } from '../../src/outbound/egress.ts';
import { startRig, type Rig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { startUpstream, type Upstream } from '../rig/upstream.ts';

let upstream: Upstream;
const rigs: Rig[] = [];

beforeAll(async () => {
  upstream = await startUpstream();
});

afterAll(async () => {
  await Promise.all(rigs.map((rig) => rig.stop()));
  await upstream.close();
});

async function ask(url: string, networks: readonly string[]): Promise<Response> {
  const rig = await startRig({
    regions: [regionAt('eu-west', { storage: url }, { networks })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: { credentials: SETTINGS_CREDENTIALS },
    env: ENV,
  });
  rigs.push(rig);
  return fetch(`${rig.storage}/bkt/k`, { headers: { 'x-tenant-id': 'acme', 'x-data-classification': 'content' } });
}

test('an endpoint inside the networks of its region is used', async () => {
  expect((await ask(upstream.url, ['127.0.0.0/8'])).headers.get('x-residency-reason')).toBe('in_residency');
});

test('an address outside them is refused as egress_outside_region, and nothing is sent', async () => {
  const before = upstream.requests.length;
  const response = await ask(upstream.url, ['10.0.0.0/8']);
  expect(response.status).toBe(403);
  expect(response.headers.get('x-residency-reason')).toBe('egress_outside_region');
  expect(upstream.requests).toHaveLength(before);
});

test('a name that resolves outside them is refused too', async () => {
  const before = upstream.requests.length;
  const response = await ask(upstream.url.replace('127.0.0.1', 'localhost'), ['10.0.0.0/8', '2001:db8::/32']);
  expect(response.headers.get('x-residency-reason')).toBe('egress_outside_region');
  expect(upstream.requests).toHaveLength(before);
});

test('an IPv4 address written as IPv6 counts as what it is, and what is no address lies outside', () => {
  const networks = new Networks(['10.0.0.0/8', '2001:db8::/32']);
  expect(networks.holds('::ffff:10.1.2.3')).toBe(true);
  expect(networks.holds('::ffff:11.1.2.3')).toBe(false);
  expect(networks.holds('2001:db8::1')).toBe(true);
  expect(networks.holds('nonsense')).toBe(false);
});
