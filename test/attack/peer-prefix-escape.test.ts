// PEERS, "Prefix escape with `%2E%2E`" (GHSA-2q7r-29rg-6m5h): a request climbs out of the path that the endpoint is bound to, or of
// the identity in front of its own path, because somebody decodes dots after somebody has looked for them.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { startWorld } from './world.ts';

const standIn = await startStandIn((request, response) => {
  request.resume();
  response.end('{}');
});
Object.defineProperty(standIn, 'url', { value: `${standIn.url}/tenants/eu` });
const world = await startWorld({
  replace: { 'eu-west': { storage: standIn, search: standIn } },
  settings: { identity: { sources: ['headers', 'path'] } },
});

test.each([
  '/..',
  '/../secrets/key',
  '/reports/..',
  '/reports/../../secrets/key',
  '/reports/%2E%2E/secrets',
  '/reports/%2e%2e/secrets',
  '/reports/%2e./secrets',
  '/reports/.%2E/secrets',
  '/reports/a/..%2fsecrets',
  '/reports/a%2f..%2f..%2fsecrets',
  '/reports/a/%2e%2e%2f%2e%2e%2fsecrets',
  '/reports/./key',
  '/reports/%2E',
  '/%2E%2E/secrets',
  '/..%2fsecrets/key',
])('storage refuses %s', async (target) => {
  await world.refuses({ target }, { reason: 'request_malformed' });
});

test.each([
  '/../secrets/_search',
  '/notes/../secrets/_search',
  '/notes/%2E%2E/secrets/_search',
  '/notes/_doc/..',
  '/notes/_doc/%2e%2e',
  '/notes/_doc/%2E',
  '/notes/_doc/..%2f..%2fsecrets%2f_doc%2f1',
  '/notes/_doc/a%2f..%2f..',
  '/..%2fsecrets/_search',
  '/%2e%2e%2fsecrets/_search',
])('search refuses %s', async (target) => {
  await world.refuses({ service: 'search', target }, { reason: 'request_malformed' });
});

test.each([
  '/t/acme/identity/../../globex/content/reports/key',
  '/t/acme/identity/..%2f..%2fglobex/content/reports/key',
])('an identity cannot be climbed out of: %s', async (target) => {
  await world.refuses({ target, tenant: null, classification: null }, { reason: 'request_malformed' });
});

test('what is encoded twice is a name, and stays beneath', async () => {
  const { received } = await world.forwards(
    { target: '/reports/%252e%252e/key' },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.target).toBe('/tenants/eu/reports-eu-west-1/%252e%252e/key');
});

test('dots that are no segment of their own are a name', async () => {
  for (const key of ['...', 'a..b', '..a', '.a']) {
    const { received } = await world.forwards(
      { target: `/reports/${key}` },
      { region: 'eu-west', reason: 'in_residency' },
    );
    expect(received.target).toBe(`/tenants/eu/reports-eu-west-1/${key}`);
  }
});
