// PROTOCOLS, leak table "S3", row "Website redirect": an object stored with `x-amz-website-redirect-location` sends whoever
// asks for it elsewhere, for as long as it lies there.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const write = { method: 'PUT', target: '/reports/key', body: 'bytes' };
const elsewhere = world.storage('us-east').url;

test('storing a redirect is refused', async () => {
  await world.refuses(
    { ...write, headers: { 'X-Amz-Website-Redirect-Location': `${elsewhere}/reports/key` } },
    { reason: 'leak_blocked', leak: 'website_redirect' },
  );
  await world.refuses(
    { method: 'POST', target: '/reports/key?uploads', headers: { 'x-amz-website-redirect-location': '/other' } },
    { reason: 'leak_blocked', leak: 'website_redirect' },
  );
});

test('hoisting it into the query, as a presigned URL does, is refused', async () => {
  const location = encodeURIComponent(elsewhere);
  await world.refuses(
    { ...write, target: `${write.target}?X-Amz-Website-Redirect-Location=${location}&X-Amz-Signature=0` },
    { reason: 'leak_blocked', leak: 'website_redirect' },
  );
});

test('metadata of that name is only metadata', async () => {
  const { received } = await world.forwards(
    { ...write, headers: { 'X-Amz-Meta-Website-Redirect-Location': elsewhere } },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.headers['x-amz-website-redirect-location']).toBeUndefined();
});
