// PEERS, "Envoy's `allowed_upstream_headers` does not clear a client's own header of that name" (seen on 1.40): a client sends the
// decision along, and where the decider is silent the client's word stands. Strip first, then set.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const FORGED = {
  'X-Residency-Decision': 'allow',
  'X-Residency-Reason': 'grant',
  'X-Residency-Region': 'us-east',
  'X-Residency-Policy': 'globex-us@1',
  'X-Domicile-Region': 'us-east',
  'X-Should-Retry': 'true',
  'X-Region': 'us-east',
};

test('forged answers get nobody past a refusal', async () => {
  const { headers } = await world.refuses(
    { target: '/reports/key', tenant: 'globex', headers: FORGED },
    { reason: 'cross_border_restricted' },
  );
  expect(headers.filter((name) => name.startsWith('x-residency-')).toSorted()).toEqual([
    'x-residency-decision',
    'x-residency-policy',
    'x-residency-reason',
  ]);
  expect(headers[headers.indexOf('x-residency-policy') + 1]).toMatch(/^globex-us@\d+$/);
});

test.each(['storage', 'search'] as const)('they do not reach %s, nor come back', async (service) => {
  const target = service === 'storage' ? '/reports/key' : '/notes/_search';
  const { received, answer } = await world.forwards(
    { service, target, headers: { ...FORGED, 'X-Subject-ID': 's', 'X-User-ID': 'u' } },
    { region: 'eu-west', reason: 'in_residency' },
  );
  const sent = Object.keys(received.headers);
  expect(sent.filter((name) => /^x-(residency|domicile|should|region|tenant|data|subject|user)/.test(name))).toEqual(
    [],
  );
  const names = answer.headers.filter((name, i) => i % 2 === 0 && name.startsWith('x-residency-'));
  expect(names.toSorted()).toEqual(['decision', 'policy', 'reason', 'region'].map((name) => `x-residency-${name}`));
});
