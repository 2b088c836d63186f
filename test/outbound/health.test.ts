import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { selfSigned } from '../attack/certificate.ts';
import { startRig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';

test('an endpoint whose certificate is not trusted is out after five failures, and a bare connection does not put it back', async () => {
  let served = 0;
  const upstream = createServer(selfSigned('127.0.0.1'), (_, response) => {
    served++;
    response.end('never');
  }).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const rig = await startRig({
    regions: [regionAt('eu-west', { storage: `https://127.0.0.1:${(upstream.address() as AddressInfo).port}` })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: { credentials: SETTINGS_CREDENTIALS },
    env: ENV,
  });
  const reasons: (string | null)[] = [];
  for (let i = 0; i < 7; i++) {
    const response = await fetch(`${rig.storage}/bkt/k`, {
      headers: { 'x-tenant-id': 'acme', 'x-data-classification': 'content' },
    });
    reasons.push(response.headers.get('x-residency-reason'));
  }
  expect(reasons).toEqual([
    ...Array<string>(5).fill('upstream_connect_failed'),
    'no_compliant_region',
    'no_compliant_region',
  ]);
  expect(rig.log.filter(({ message }) => String(message).startsWith('endpoint is'))).toHaveLength(1);
  expect(served).toBe(0);
  await rig.stop();
  upstream.closeAllConnections();
  upstream.close();
});
