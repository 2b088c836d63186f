// PROTOCOLS, leak table "S3", row "MRAP": a multi-region access point answers from whichever region is nearest, under a
// signature (SigV4a) that is good for several regions at once.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld({
  settings: {
    listeners: {
      storage: { listen: '127.0.0.1:0', virtual_host_suffix: 's3.local' },
      search: { listen: '127.0.0.1:0' },
      inference: { listen: '127.0.0.1:0' },
    },
  },
});
const leak = (name: string) => ({ reason: 'leak_blocked', leak: name }) as const;

test('its alias as a bucket is refused', async () => {
  for (const target of ['/mfzwi23gnjvgw.mrap/key', '/mfzwi23gnjvgw.MRAP/key', '/mfzwi23gnjvgw%2Emrap/key']) {
    await world.refuses({ target }, leak('multi_region'));
  }
  await world.refuses({ target: '/key', host: 'mfzwi23gnjvgw.mrap.s3.local' }, leak('multi_region'));
});

test('its ARN as a bucket is refused', async () => {
  const arn = 'arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap';
  for (const bucket of [encodeURIComponent(arn), arn, arn.replace('arn', 'ARN')]) {
    await world.refuses({ target: `/${bucket}/key` }, leak('bucket_arn'));
  }
});

test('its host is refused', async () => {
  const host = 'mfzwi23gnjvgw.accesspoint.s3-global.amazonaws.com';
  await world.refuses({ target: '/key', host }, leak('multi_region'));
  await world.refuses({ target: '/key', host: 'm.mrap.accesspoint.s3-global.amazonaws.com.cn' }, leak('multi_region'));
});

test('a signature for a set of regions is refused, in headers and in the query', async () => {
  const authorization =
    'AWS4-ECDSA-P256-SHA256 Credential=AKID/20261101/s3/aws4_request, SignedHeaders=host, Signature=0';
  await world.refuses({ target: '/reports/key', headers: { Authorization: authorization } }, leak('multi_region'));
  await world.refuses({ target: '/reports/key', headers: { 'X-Amz-Region-Set': '*' } }, leak('multi_region'));
  await world.refuses({ target: '/reports/key?X-Amz-Region-Set=us-*' }, leak('multi_region'));
  await world.refuses({ target: '/reports/key?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256' }, leak('multi_region'));
  await world.refuses(
    {
      method: 'PUT',
      target: '/reports/key',
      headers: { 'X-Amz-Content-Sha256': 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' },
      body: '0\r\n\r\n',
    },
    leak('multi_region'),
  );
});

test('the same request for a plain bucket goes through', async () => {
  await world.forwards({ target: '/reports/key' }, { region: 'eu-west', reason: 'in_residency' });
});
