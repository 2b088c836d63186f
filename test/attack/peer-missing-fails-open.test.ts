// PEERS, "Missing key satisfies `not equal` rules, bad metadata becomes `{}`, no match falls to a default target" (Portkey): three
// ways to be let through by what is not there.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startRig } from '../rig/domicile.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { POLICIES, startWorld } from './world.ts';

const world = await startWorld({
  policies: [
    ...POLICIES,
    {
      id: 'initech',
      tenant_id: 'initech',
      mode: 'client-owned',
      primary_region: 'eu-west',
      classifications: ['content'],
    },
    { id: 'umbrella', tenant_id: 'umbrella', mode: 'client-owned', primary_region: 'eu-west', enabled: false },
    { id: 'hooli', tenant_id: 'hooli', subject_id: 's1', mode: 'client-owned', primary_region: 'eu-west' },
    { id: 'any', mode: 'client-owned', primary_region: 'us-east' },
    {
      id: 'acme-content',
      tenant_id: 'acme',
      mode: 'client-owned',
      primary_region: 'eu-west',
      classifications: ['content'],
      resources: { storage: ['reports'] },
    },
  ],
});
const target = '/reports/key';

test('a key that is missing matches nothing', async () => {
  await world.refuses({ target, tenant: null }, { reason: 'tenant_missing' });
  await world.refuses({ target, classification: null }, { reason: 'classification_missing' });
  await world.refuses({ target, tenant: '' }, { reason: 'tenant_missing' });
  await world.refuses({ target, classification: '' }, { reason: 'classification_missing' });
  await world.refuses({ target, tenant: 'hooli' }, { reason: 'no_policy' });
  await world.refuses({ target, tenant: 'hooli', headers: { 'X-Subject-ID': 's2' } }, { reason: 'no_policy' });
});

test('a value that is none is not an empty one', async () => {
  for (const classification of ['Identity', 'identity,content', 'identity;', 'null', '*', 'undefined', '{}', '0']) {
    await world.refuses({ target, classification }, { reason: 'classification_invalid' });
  }
  for (const tenant of [
    '*',
    '{}',
    '[]',
    '-acme',
    '.acme',
    'acme/globex',
    'acme globex',
    'acme,globex',
    'a'.repeat(129),
  ]) {
    await world.refuses({ target, tenant }, { reason: 'tenant_invalid' });
  }
});

test('no match is a refusal, not the first region, nor the default that nobody put in force', async () => {
  for (const tenant of ['nobody', 'ACME', 'acme.', 'null', 'undefined', 'constructor', 'toString', 'hasOwnProperty']) {
    await world.refuses({ target, tenant }, { reason: 'no_policy' });
    await world.refuses({ service: 'search', target: '/notes/_search', tenant }, { reason: 'no_policy' });
  }
  await world.refuses({ target, tenant: 'umbrella' }, { reason: 'no_policy' });
});

test('a class that the policies of a tenant leave out is refused', async () => {
  await world.refuses({ target, tenant: 'initech' }, { reason: 'no_policy' });
  const content = { target, tenant: 'initech', classification: 'content' };
  await world.forwards(content, { region: 'eu-west', reason: 'in_residency' });
});

test('a resource that is not named is not one of the list', async () => {
  const of = (path: string) => ({ target: path, classification: 'content' });
  await world.refuses(of('/others/key'), { reason: 'resource_not_permitted' });
  await world.refuses(of('/reports2/key'), { reason: 'resource_not_permitted' });
  await world.forwards(of('/reports/key'), { region: 'eu-west', reason: 'in_residency' });
});

test('a policy file that does not parse does not become an empty one', async () => {
  const before = world.rig.domicile.plane.proxy.snapshot;
  writeFileSync(join(world.rig.folder, 'policies', 'policies.yaml'), '{"policies": [{"id": "acme-eu", "tenant_id": ');
  expect(await world.rig.domicile.reload('test')).toBe(false);
  expect(world.rig.domicile.plane.proxy.snapshot).toBe(before);
  await world.forwards({ target }, { region: 'eu-west', reason: 'in_residency' });
  await world.refuses({ target, tenant: 'nobody' }, { reason: 'no_policy' });
});

test.each([
  ['a region that is unknown', { primary_region: 'eu-south' }, /eu-south/],
  ['a region of no name', { primary_region: '' }, /primary_region/],
  ['a key that nobody knows', { primary_region: 'eu-west', prohibited_region: ['us-east'] }, /prohibited_region/],
  ['a mode that nobody knows', { primary_region: 'eu-west', mode: 'anywhere' }, /mode/],
  ['metadata of another type', { primary_region: 'eu-west', allowed_regions: 'eu-central' }, /allowed_regions/],
  ['no region', {}, /primary_region/],
])('Domicile does not start on a policy with %s', async (_, policy, named) => {
  const url = world.storage('eu-west').url;
  await expect(
    startRig({
      regions: [regionAt('eu-west', { storage: url }), regionAt('eu-central', { storage: url })],
      policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', ...policy }],
      settings: { credentials: SETTINGS_CREDENTIALS },
      env: ENV,
    }),
  ).rejects.toThrow(named);
});
