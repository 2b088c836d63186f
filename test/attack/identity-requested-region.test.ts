// DESIGN 1.5 step 5: `X-Requested-Region` is a wish. The policy says where the data may be, for every verb and in every spelling.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld({
  policies: [
    {
      id: 'acme-eu',
      tenant_id: 'acme',
      mode: 'client-owned',
      primary_region: 'eu-west',
      prohibited_regions: ['us-east'],
    },
    { id: 'initech-eu', tenant_id: 'initech', mode: 'client-owned', primary_region: 'eu-west' },
  ],
});

test.each(['us-east', 'us-east-1'])('acme asking for %s, which its policy prohibits, is refused', async (region) => {
  const headers = { 'X-Requested-Region': region, 'Content-Type': 'application/json' };
  for (const [service, method, target, body] of [
    ['storage', 'GET', '/reports/key', undefined],
    ['storage', 'HEAD', '/reports/key', undefined],
    ['storage', 'PUT', '/reports/key', 'bytes'],
    ['storage', 'DELETE', '/reports/key', undefined],
    ['search', 'POST', '/notes/_search', '{}'],
    ['search', 'PUT', '/notes/_doc/1', '{}'],
    ['search', 'DELETE', '/notes', undefined],
  ] as const) {
    const attack = { service, method, target, headers, ...(body === undefined ? {} : { body }) };
    await world.refuses(attack, { reason: 'region_prohibited' });
    await world.refuses({ ...attack, tenant: 'initech' }, { reason: 'region_not_allowed' });
  }
});

test('a class that may cross a border does not choose where it is read from', async () => {
  for (const classification of ['content', 'analytical', 'operational']) {
    await world.refuses(
      { target: '/reports/key', tenant: 'initech', classification, headers: { 'X-Requested-Region': 'eu-central' } },
      { reason: 'region_not_allowed' },
    );
  }
});

test('an empty wish is none, and the own region may be wished for', async () => {
  for (const region of ['', 'eu-west', 'eu-west-1']) {
    await world.forwards(
      { target: '/reports/key', headers: { 'X-Requested-Region': region } },
      { region: 'eu-west', reason: 'in_residency' },
    );
  }
});
