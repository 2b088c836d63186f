// DESIGN 1.3: identity may stand in headers and in the path, and where two sources disagree one of them was put there by somebody
// else. With headers alone as the source the path is a path, and with the path alone a header can agree, not stand in.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const both = await startWorld({ settings: { identity: { sources: ['headers', 'path'] } } });
const pathOnly = await startWorld({ settings: { identity: { sources: ['path'] } } });
const headersOnly = await startWorld();
const nobody = { tenant: null, classification: null };

test.each([
  ['another tenant', { target: '/t/globex/identity/reports/key' }],
  ['another class', { target: '/t/acme/content/reports/key' }],
  ['both other', { target: '/t/globex/content/reports/key' }],
  ['a tenant that is encoded', { target: '/t/%67lobex/identity/reports/key' }],
  ['a tenant in other letters', { target: '/t/ACME/identity/reports/key' }],
  ['a class that is none', { target: '/t/acme/nothing/reports/key' }],
])('%s in the path than in the headers is refused', async (_, attack) => {
  await both.refuses(attack, { reason: 'header_conflict' });
  await pathOnly.refuses(attack, { reason: 'header_conflict' });
});

test('where they agree, by an alias too, the request is served', async () => {
  for (const target of ['/t/acme/identity/reports/key', '/t/acme/educational/reports/key']) {
    const { received } = await both.forwards({ target }, { region: 'eu-west', reason: 'in_residency' });
    expect(received.target).toBe('/reports-eu-west-1/key');
  }
});

test('with the path as the only source headers alone are nobody', async () => {
  await pathOnly.refuses({ target: '/reports/key' }, { reason: 'tenant_missing' });
  await pathOnly.refuses({ target: '/reports/t/acme/identity/key' }, { reason: 'tenant_missing' });
  await pathOnly.forwards(
    { target: '/t/acme/identity/reports/key', ...nobody },
    { region: 'eu-west', reason: 'in_residency' },
  );
});

test('with headers as the only source a path is a path', async () => {
  await headersOnly.refuses({ target: '/t/acme/identity/reports/key', ...nobody }, { reason: 'tenant_missing' });
  const { received } = await headersOnly.forwards(
    { target: '/t/globex/content/reports/key' },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.target).toBe('/t-eu-west-1/globex/content/reports/key');
});
