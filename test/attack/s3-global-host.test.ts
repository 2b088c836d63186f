// PROTOCOLS, leak table "S3", row "Global host": `s3.amazonaws.com` is us-east-1, and a signer that leaves the region out of
// the host for it sends every tenant's first request there.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld({ silent: ['eu-central'] });

test.each([
  's3.amazonaws.com',
  'reports.s3.amazonaws.com',
  's3-external-1.amazonaws.com',
  's3.us-east-1.amazonaws.com',
])('a request under Host %s goes to the endpoint of its tenant, under its name and region', async (host) => {
  const { received } = await world.forwards(
    { target: '/reports/key', host },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.headers.host).toBe(new URL(world.storage('eu-west').url).host);
  expect(received.headers.authorization).toMatch(/\/eu-west-1\/s3\/aws4_request, /);
  expect(received.target).toBe('/reports-eu-west-1/key');
});

test('us-east-1 is named like any other region', async () => {
  const { received } = await world.forwards(
    { method: 'PUT', target: '/reports/key', tenant: 'globex', body: 'bytes', host: 's3.amazonaws.com' },
    { region: 'us-east', reason: 'in_residency' },
  );
  expect(received.headers.authorization).toMatch(/\/us-east-1\/s3\/aws4_request, /);
  expect(received.target).toBe('/reports-us-east-1/key');
});
