// PROTOCOLS, leak table "S3", row "S3 Express / Object Lambda": a directory bucket lives in a zone that its name picks; an
// object lambda hands the object to code that may run and send anywhere.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld({
  policies: [
    { id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' },
    { id: 'reserved', tenant_id: 'use1-az4--x-s3', mode: 'client-owned', primary_region: 'eu-west' },
  ],
});
const templated = await startWorld({
  policies: [{ id: 'reserved', tenant_id: 'use1-az4--x-s3', mode: 'client-owned', primary_region: 'eu-west' }],
  endpoints: { storage: { bucket: '{bucket}-{tenant}' } },
});

test.each([
  ['/reports--use1-az4--x-s3/key', 's3_express'],
  ['/reports--use1-az4%2D%2Dx-s3/key', 's3_express'],
  ['/reports--use1-az4--X-S3/key', 's3_express'],
  ['/reports-abcdefgh--ol-s3/key', 'object_lambda'],
  ['/arn%3Aaws%3As3-object-lambda%3Aus-east-1%3A123456789012%3Aaccesspoint%2Fx/key', 'bucket_arn'],
])('%s is refused', async (target, leak) => {
  await world.refuses({ target }, { reason: 'leak_blocked', leak });
});

test.each([
  ['reports--use1-az4--x-s3.s3express-use1-az4.us-east-1.amazonaws.com', 's3_express'],
  ['ap-123456789012.s3-object-lambda.us-east-1.amazonaws.com', 'object_lambda'],
])('Host %s is refused', async (host, leak) => {
  await world.refuses({ target: '/reports/key', host }, { reason: 'leak_blocked', leak });
});

test('opening a session is refused', async () => {
  await world.refuses({ target: '/reports?session' }, { reason: 'operation_not_permitted' });
  for (const name of ['X-Amz-Create-Session-Mode', 'x-amz-s3session-token']) {
    await world.refuses(
      { target: '/reports/key', headers: { [name]: 'ReadWrite' } },
      { reason: 'leak_blocked', leak: 's3_express' },
    );
  }
});

test('an answer to an object lambda is refused', async () => {
  for (const name of ['X-Amz-Request-Route', 'x-amz-request-token']) {
    await world.refuses(
      { method: 'PUT', target: '/reports/key', headers: { [name]: 'io-use1-001' }, body: 'bytes' },
      { reason: 'leak_blocked', leak: 'object_lambda' },
    );
  }
});

test('a reserved name that only the template makes is refused', async () => {
  await templated.refuses(
    { target: '/reports/key', tenant: 'use1-az4--x-s3' },
    { reason: 'leak_blocked', leak: 's3_express' },
  );
  await world.forwards(
    { target: '/reports/key', tenant: 'use1-az4--x-s3' },
    { region: 'eu-west', reason: 'in_residency' },
  );
});
