// DESIGN 1.3 and 1.9: with the path among the sources, `/t/{tenant}/{classification}/…` is taken off before anything else is read, and
// a first segment `t` is always identity: never a bucket, never an index, in whatever spelling it comes.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld({ settings: { identity: { sources: ['headers', 'path'] } } });
const nobody = { tenant: null, classification: null };

test.each([
  ['/t', 'tenant_missing'],
  ['/t/', 'tenant_missing'],
  ['/t?x', 'tenant_missing'],
  ['/t//identity/reports/key', 'tenant_missing'],
  ['/t/acme', 'classification_missing'],
  ['/t/acme/', 'classification_missing'],
  ['/t/acme//reports/key', 'classification_missing'],
  ['/t/acme?x=/identity/reports/key', 'classification_missing'],
  ['/t/acme/reports/key', 'classification_invalid'],
  ['/t/acme%2Fidentity/identity/reports/key', 'tenant_invalid'],
  ['/t/..%2facme/identity/reports/key', 'tenant_invalid'],
  ['/t/../identity/reports/key', 'tenant_invalid'],
  ['/t/%61cme%20/identity/reports/key', 'tenant_invalid'],
  ['/t/acme/identity%2Freports/key', 'classification_invalid'],
  ['/t/acme/identity', 'operation_not_permitted'],
  ['/t/acme/identity/', 'operation_not_permitted'],
  ['/t/nobody/identity/reports/key', 'no_policy'],
  ['/t/globex/identity/reports/key', 'cross_border_restricted'],
  // Spellings that are no prefix name nobody.
  ['/%74/acme/identity/reports/key', 'tenant_missing'],
  ['/T/acme/identity/reports/key', 'tenant_missing'],
  ['//t/acme/identity/reports/key', 'tenant_missing'],
  ['/./t/acme/identity/reports/key', 'tenant_missing'],
  ['/x/../t/acme/identity/reports/key', 'tenant_missing'],
] as const)('%s is refused: %s', async (target, reason) => {
  await world.refuses({ target, ...nobody }, { reason });
});

test('a prefix within the prefix is part of the path', async () => {
  const { received } = await world.forwards(
    { target: '/t/acme/identity/t/globex/content/reports/key', ...nobody },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.target).toBe('/t-eu-west-1/globex/content/reports/key');
});

test('class and region of the path decide as those of headers do, and no trace of it travels', async () => {
  for (const service of ['storage', 'search'] as const) {
    const path = service === 'storage' ? '/reports/key?versionId=1' : '/notes/_search?q=a';
    const { received } = await world.forwards(
      { service, target: `/t/acme/identity${path}`, ...nobody },
      { region: 'eu-west', reason: 'in_residency' },
    );
    expect(received.target).toBe(service === 'storage' ? '/reports-eu-west-1/key?versionId=1' : path);
    expect(JSON.stringify(received)).not.toContain('acme');
  }
});
