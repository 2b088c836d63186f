import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { startRig } from './domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from './regions.ts';

test('a request goes to its tenant and is told so', async () => {
  const upstream = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const rig = await startRig({
    regions: [regionAt('eu-west', { storage: url })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: { credentials: SETTINGS_CREDENTIALS },
    env: ENV,
  });
  const response = await fetch(`${rig.storage}/bucket/key`, {
    headers: { 'x-tenant-id': 'acme', 'x-data-classification': 'identity' },
  });
  expect(await response.text()).toBe('hello');
  expect(response.headers.get('x-residency-reason')).toBe('in_residency');
  expect(response.headers.get('x-residency-policy')).toMatch(/^acme-eu@\d+$/);
  await rig.stop();
  upstream.close();
});
