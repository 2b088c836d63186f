// PROTOCOLS, leak table "S3", row "CreateBucket": its body names the region where the bucket is to be, and the SDK fills
// in the one that it believes to talk to.
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { startWorld } from './world.ts';

const created: string[] = [];
const storage = await startStandIn(async (request, response) => {
  created.push(await text(request));
  response.end();
});
const world = await startWorld({
  endpoints: { storage: { create_bucket: true } },
  replace: { 'eu-west': { storage } },
});
const closed = await startWorld();

const locatedIn = (region: string) =>
  `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${region}</LocationConstraint></CreateBucketConfiguration>`;

test('without leave of the configuration no bucket is created', async () => {
  await closed.refuses({ method: 'PUT', target: '/reports' }, { reason: 'operation_not_permitted' });
  await closed.refuses(
    { method: 'PUT', target: '/reports', body: locatedIn('eu-west-1') },
    { reason: 'operation_not_permitted' },
  );
});

test('a bucket asked for elsewhere is created in the region of its tenant', async () => {
  for (const body of [locatedIn('us-east-1'), locatedIn('EU'), '', undefined]) {
    created.length = 0;
    const { received } = await world.forwards(
      { method: 'PUT', target: '/reports', ...(body === undefined ? {} : { body }) },
      { region: 'eu-west', reason: 'in_residency' },
    );
    expect(received.target).toBe('/reports-eu-west-1');
    expect(created).toEqual([locatedIn('eu-west-1')]);
    expect(received.headers['content-length']).toBe(String(locatedIn('eu-west-1').length));
  }
});

test('a directory bucket, which lives in a zone of its own choosing, is refused', async () => {
  const body =
    '<CreateBucketConfiguration><Location><Type>AvailabilityZone</Type><Name>use1-az4</Name></Location></CreateBucketConfiguration>';
  await world.refuses({ method: 'PUT', target: '/reports', body }, { reason: 'leak_blocked', leak: 's3_express' });
});

test('a configuration that hides in a document type or in another encoding is refused', async () => {
  const bodies = [
    `<!DOCTYPE x [<!ENTITY r "us-east-1">]>${locatedIn('&r;')}`,
    Buffer.from(`\ufeff${locatedIn('us-east-1')}`, 'utf16le'),
  ];
  for (const body of bodies) {
    await world.refuses({ method: 'PUT', target: '/reports', body }, { reason: 'request_malformed' });
  }
});
