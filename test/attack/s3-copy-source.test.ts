// PROTOCOLS, leak table "S3", row "Copy / UploadPartCopy / Rename": the URL names a bucket in the tenant's region, and
// `x-amz-copy-source` names where the bytes really come from. S3 copies across regions and accounts.
import { expect, test } from 'vitest';
import { startWorld, type Attack } from './world.ts';

const world = await startWorld();
const copy = (source: string, target = '/reports/2026'): Attack => ({
  method: 'PUT',
  target,
  headers: { 'X-Amz-Copy-Source': source },
});

const ACCESS_POINT = 'arn:aws:s3:us-east-1:123456789012:accesspoint/reports/object/2026';

test.each([
  ['an access point of another region', ACCESS_POINT, 'bucket_arn'],
  ['the same, percent-encoded', encodeURIComponent(ACCESS_POINT), 'bucket_arn'],
  ['the same, behind a slash', `/${ACCESS_POINT}`, 'bucket_arn'],
  ['a bucket by its ARN', 'arn:aws:s3:::reports/2026', 'bucket_arn'],
  ['an alias of an access point', 'reports-abcdefgh-s3alias/2026', 'access_point'],
  ['an access point over several regions', 'mfzwi23gnjvgw.mrap/2026', 'multi_region'],
  ['a directory bucket', 'reports--use1-az4--x-s3/2026', 's3_express'],
])('a copy from %s is refused', async (_, source, leak) => {
  await world.refuses(copy(source), { reason: 'leak_blocked', leak });
});

test('a part copied from an access point of another region is refused', async () => {
  await world.refuses(copy(ACCESS_POINT, '/reports/2026?partNumber=1&uploadId=u'), {
    reason: 'leak_blocked',
    leak: 'bucket_arn',
  });
});

test('renaming from elsewhere is refused', async () => {
  await world.refuses(
    { method: 'PUT', target: '/reports/2026', headers: { 'X-Amz-Rename-Source': 'other/2026' } },
    { reason: 'leak_blocked', leak: 'rename' },
  );
});

test('a copy source that two servers could read in two ways is refused', async () => {
  for (const source of [
    'reports/../other/2026',
    'reports/%2e%2e/2026',
    'reports/a+b',
    'reports/2026?versionId=1&x=2',
  ]) {
    await world.refuses(copy(source), { reason: 'request_malformed' });
  }
});

test('two copy sources in one request are refused', async () => {
  const headers = { 'X-Amz-Copy-Source': 'reports/a', 'x-amz-copy-source': 'reports/b' };
  await world.refuses({ method: 'PUT', target: '/reports/2026', headers }, { reason: 'request_malformed' });
});

test('a copy source is a logical name: naming the bucket of another region finds only one of the own', async () => {
  await world.forwards(
    { method: 'PUT', target: '/reports/2025', body: 'bytes' },
    { region: 'eu-west', reason: 'in_residency' },
  );
  const honest = await world.forwards(copy('reports/2025'), { region: 'eu-west', reason: 'in_residency' });
  expect(honest.answer.status).toBe(200);
  expect(honest.received.headers['x-amz-copy-source']).toBe('reports-eu-west-1/2025');

  const physical = await world.forwards(copy('reports-us-east-1/2025'), { region: 'eu-west', reason: 'in_residency' });
  expect(physical.answer.status).toBe(404);
  expect(physical.received.headers['x-amz-copy-source']).toBe('reports-us-east-1-eu-west-1/2025');
});
