// PEERS, "A repeated header matches an Envoy route if any of its values does, and the earliest route wins" (seen on 1.40): `acme` plus
// `globex` was served as `acme`. A repeat is refused, with equal values too, and with an alias.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();

test.each([
  ['another tenant', 'X-Tenant-ID: globex\r\n'],
  ['the same tenant', 'X-Tenant-ID: acme\r\n'],
  ['an empty tenant', 'X-Tenant-ID:\r\n'],
  ['a tenant in other letters', 'x-TENANT-id: acme\r\n'],
  ['another class', 'X-Data-Classification: content\r\n'],
  ['the same class', 'X-Data-Classification: identity\r\n'],
  ['two subjects', 'X-Subject-ID: a\r\nX-Subject-ID: b\r\n'],
  ['a subject and its alias', 'X-Subject-ID: a\r\nX-Learner-ID: a\r\n'],
  ['two aliases', 'X-Learner-ID: a\r\nX-Learner-ID: a\r\n'],
  ['two users', 'X-User-ID: a\r\nX-User-ID: a\r\n'],
  ['two regions wanted', 'X-Requested-Region: eu-west\r\nX-Requested-Region: us-east\r\n'],
  ['two regions of the caller, believed or not', 'X-Region: eu-west\r\nX-Region: eu-west\r\n'],
  ['two grants', 'X-Residency-Grant: a\r\nX-Residency-Grant: b\r\n'],
])('a head with %s is refused', async (_, lines) => {
  for (const service of ['storage', 'search'] as const) {
    const first = service === 'storage' ? 'GET /reports/key HTTP/1.1' : 'GET /notes/_search HTTP/1.1';
    await world.refusesBytes(service, headWith(`${lines}Connection: close\r\n`, first), { reason: 'header_conflict' });
  }
});

test('values joined by a comma are one value, and no tenant', async () => {
  await world.refuses({ target: '/reports/key', tenant: 'acme, globex' }, { reason: 'tenant_invalid' });
  await world.refuses(
    { target: '/reports/key', classification: 'identity, content' },
    { reason: 'classification_invalid' },
  );
});

test('a conflict is named before anything else that is wrong', async () => {
  const bytes = headWith('X-Tenant-ID: globex\r\nConnection: close\r\n').replace('identity', 'nothing');
  await world.refusesBytes('storage', bytes, { reason: 'header_conflict' });
});
