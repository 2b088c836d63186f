// One cluster, one store, and a template that puts the tenant before or behind the name: `{tenant}-{bucket}` makes `a-b-c` of tenant
// `a` with `b-c`, and of tenant `a-b` with `c`. A wildcard is worse: `a-*` holds all that tenant `a-b` has.
import { describe, expect, test } from 'vitest';
import { checkTemplate } from '../../src/region/endpoint.ts';
import { startWorld, type Attack } from './world.ts';

const policies = ['a', 'a-b', 'b', 'a--b'].map((tenant) => ({
  id: `policy-of-${tenant}`,
  tenant_id: tenant,
  mode: 'client-owned',
  primary_region: 'eu-west',
}));

describe.each([
  ['before', '{tenant}-{bucket}', '{tenant}-{index}'],
  ['behind', '{bucket}-{tenant}', '{index}-{tenant}'],
])('with the tenant %s the name', async (_, bucket, index) => {
  const world = await startWorld({ policies, endpoints: { storage: { bucket }, search: { index } } });

  const REQUESTS: readonly Attack[] = [
    { target: '/c/key' },
    { method: 'PUT', target: '/c/key', body: 'x' },
    { method: 'PUT', target: '/c/key', headers: { 'X-Amz-Copy-Source': '/c/other' } },
    { service: 'search', target: '/c/_doc/1' },
    { service: 'search', target: '/*/_search' },
    { service: 'search', method: 'DELETE', target: '/c' },
    {
      service: 'search',
      method: 'POST',
      target: '/_bulk',
      headers: { 'Content-Type': 'application/x-ndjson' },
      body: '{"delete":{"_index":"c","_id":"1"}}\n',
    },
  ];
  test.each(REQUESTS)('a tenant whose id holds what parts it is refused: $method $target', async (attack) => {
    await world.refuses({ ...attack, tenant: 'a-b' }, { reason: 'leak_blocked', leak: 'tenant_template' });
  });

  test('other tenants are served, under names that are theirs alone', async () => {
    const to = { region: 'eu-west', reason: 'in_residency' } as const;
    const stored = await world.forwards({ method: 'PUT', target: '/b-c/key', body: 'x', tenant: 'a' }, to);
    expect(stored.received.target).toBe(bucket === '{tenant}-{bucket}' ? '/a-b-c/key' : '/b-c-a/key');
    await world.forwards({ service: 'search', target: '/b-c/_doc/1', tenant: 'a' }, to);
    await world.forwards({ service: 'search', target: '/', tenant: 'a-b' }, to);
  });
});

describe('with a longer text between the two', async () => {
  const world = await startWorld({
    policies,
    endpoints: { storage: { bucket: '{tenant}--{bucket}' }, search: { index: '{tenant}--{index}' } },
  });

  test('a tenant that does not hold it is served', async () => {
    const to = { region: 'eu-west', reason: 'in_residency' } as const;
    const { received } = await world.forwards({ method: 'PUT', target: '/c/key', body: 'x', tenant: 'a-b' }, to);
    expect(received.target).toBe('/a-b--c/key');
  });

  test('one that does is refused', async () => {
    const refused = { reason: 'leak_blocked', leak: 'tenant_template' } as const;
    await world.refuses({ target: '/c/key', tenant: 'a--b' }, refused);
    await world.refuses({ service: 'search', target: '/c/_doc/1', tenant: 'a--b' }, refused);
  });
});

test.each(['{tenant}{bucket}', '{bucket}{tenant}', '{tenant}{cloud_region}-{bucket}'])(
  '%s, which nothing parts, is refused at load',
  (bucket) => {
    expect(checkTemplate(bucket, 'bucket')).toMatchObject([{ code: 'template_ambiguous' }]);
  },
);
