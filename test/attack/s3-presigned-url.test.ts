// PROTOCOLS, leak table "S3", row "Presigned URL": whoever holds the credentials mints a URL for any region and bucket, and
// only `host` is signed in it. Nothing of it is believed: it is stripped, and the request signed anew for the region decided.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld({ settings: { identity: { sources: ['headers', 'path'] } } });
const signed = (region: string) =>
  `X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261101%2F${region}%2Fs3%2Faws4_request&X-Amz-Date=20261101T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host&X-Amz-Signature=${'0'.repeat(64)}`;

test('a URL minted for another region is served from the region of the tenant', async () => {
  const { received } = await world.forwards(
    { target: `/reports/key?${signed('us-east-1')}&x-id=GetObject`, host: 'reports.s3.us-east-1.amazonaws.com' },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.target).toBe('/reports-eu-west-1/key');
  expect(received.headers.authorization).toMatch(/Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/s3\/aws4_request/);
});

test('a URL without an identity is refused, and one may bring it in its path', async () => {
  const target = `/reports/key?${signed('eu-west-1')}`;
  await world.refuses({ target, tenant: null, classification: null }, { reason: 'tenant_missing' });
  const { received } = await world.forwards(
    { target: `/t/acme/identity${target}`, tenant: null, classification: null },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.target).toBe('/reports-eu-west-1/key');
});

test('an identity in the query is none', async () => {
  const target = `/reports/key?${signed('eu-west-1')}&X-Tenant-ID=acme&X-Data-Classification=identity`;
  await world.refuses({ target, tenant: null, classification: null }, { reason: 'tenant_missing' });
  await world.refuses({ target }, { reason: 'operation_not_permitted' });
});

test('headers that the URL carries are judged as headers are', async () => {
  const source = encodeURIComponent('arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/key');
  await world.refuses(
    { method: 'PUT', target: `/reports/key?${signed('eu-west-1')}&X-Amz-Copy-Source=${source}` },
    { reason: 'leak_blocked', leak: 'bucket_arn' },
  );
  await world.refuses(
    { method: 'PUT', target: `/reports/key?${signed('eu-west-1')}&X-Amz-Acl=public-read`, body: 'bytes' },
    { reason: 'operation_not_permitted' },
  );
});

test('a parameter of a URL cannot break out of its header', async () => {
  for (const value of ['a%0D%0AX-Amz-Copy-Source:%20other%2Fkey', 'a%00b', 'a%0Ab']) {
    await world.refuses(
      { method: 'PUT', target: `/reports/key?X-Amz-Storage-Class=${value}`, body: 'bytes' },
      { reason: 'request_malformed' },
    );
  }
});
