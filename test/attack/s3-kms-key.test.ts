// PROTOCOLS, leak table "S3", row "KMS": the key that encrypts an object may be one of another region, where whoever runs
// that region can withdraw it or be ordered to use it.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const key = (arn: string, target = '/reports/key') => ({
  method: 'PUT',
  target,
  headers: { 'X-Amz-Server-Side-Encryption': 'aws:kms', 'X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id': arn },
  body: 'bytes',
});

test.each([
  'arn:aws:kms:us-east-1:123456789012:key/1234abcd',
  'arn:aws:kms:us-east-1:123456789012:alias/eu-west-1',
  'arn:aws:kms::123456789012:key/1234abcd',
  'arn:aws:kms:eu-west-1:123456789012:key/1:2',
  'arn:aws:s3:eu-west-1:123456789012:key/1234abcd',
  'ARN:aws:kms:eu-west-1:123456789012:key/1234abcd',
])('the key %s is refused', async (arn) => {
  await world.refuses(key(arn), { reason: 'leak_blocked', leak: 'kms_key' });
});

test('so it is where it comes in the query of a presigned URL, or at the start of an upload in parts', async () => {
  const arn = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd';
  const query = `X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id=${encodeURIComponent(arn)}`;
  await world.refuses(
    { method: 'PUT', target: `/reports/key?${query}`, body: 'bytes' },
    { reason: 'leak_blocked', leak: 'kms_key' },
  );
  await world.refuses(
    { ...key(arn, '/reports/key?uploads'), method: 'POST' },
    { reason: 'leak_blocked', leak: 'kms_key' },
  );
});

test('a header and a query that name a key each are refused', async () => {
  const query = 'X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id=1234abcd';
  await world.refuses(key('1234abcd', `/reports/key?${query}`), { reason: 'request_malformed' });
});

test('a key of the region, and one by its bare id, which S3 looks up in the region, go through', async () => {
  for (const arn of ['arn:aws:kms:eu-west-1:123456789012:key/1234abcd', '1234abcd', 'alias/reports']) {
    const { received } = await world.forwards(key(arn), { region: 'eu-west', reason: 'in_residency' });
    expect(received.headers['x-amz-server-side-encryption-aws-kms-key-id']).toBe(arn);
  }
});
