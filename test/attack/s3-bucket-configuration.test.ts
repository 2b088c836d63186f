// PROTOCOLS, leak table "S3", row "Bucket config": one request that configures a bucket (replication, inventory, logging,
// metadata tables, notifications, …) makes S3 itself carry the data elsewhere from then on, past every proxy.
import { expect, test } from 'vitest';
import { fieldOf } from './answers.ts';
import { startWorld } from './world.ts';

const world = await startWorld();

const REPLICATION =
  '<ReplicationConfiguration><Rule><Destination><Bucket>arn:aws:s3:::copies-us-east-1</Bucket></Destination></Rule></ReplicationConfiguration>';

test.each([
  'replication',
  'logging',
  'inventory',
  'inventory&id=1',
  'analytics&id=1',
  'metrics&id=1',
  'metadataConfiguration',
  'metadataTable',
  'notification',
  'accelerate',
  'website',
  'policy',
  'acl',
  'cors',
  'lifecycle',
  'encryption',
  'intelligent-tiering&id=1',
  'ownershipControls',
  'publicAccessBlock',
  'requestPayment',
  'tagging',
  'versioning',
  'object-lock',
])('PUT and POST ?%s are refused', async (parameter) => {
  for (const method of ['PUT', 'POST']) {
    await world.refuses(
      { method, target: `/reports?${parameter}`, body: REPLICATION },
      { reason: 'operation_not_permitted' },
    );
  }
});

test('a parameter spelled in other letters, or encoded, is refused too', async () => {
  for (const parameter of ['Replication', 'REPLICATION', '%72eplication', 'replication=']) {
    await world.refuses(
      { method: 'PUT', target: `/reports?${parameter}`, body: REPLICATION },
      { reason: 'operation_not_permitted' },
    );
  }
});

test('a configuration cannot hide behind an operation that is served', async () => {
  for (const target of ['/reports?list-type=2&policy', '/reports/key?acl', '/reports/key?replication']) {
    await world.refuses({ target }, { reason: 'operation_not_permitted' });
  }
  await world.refuses({ target: '/reports?versions&uploads' }, { reason: 'request_malformed' });
});

test('an object may be written, but not given to everyone', async () => {
  const write = { method: 'PUT', target: '/reports/key', body: 'bytes' };
  const { answer } = await world.forwards(write, { region: 'eu-west', reason: 'in_residency' });
  expect(fieldOf(answer, 'x-residency-policy')).toMatch(/^acme-eu@/);

  await world.refuses({ ...write, headers: { 'X-Amz-Acl': 'public-read' } }, { reason: 'operation_not_permitted' });
  await world.refuses(
    { ...write, headers: { 'X-Amz-Grant-Read': 'uri="http://acs.amazonaws.com/groups/global/AllUsers"' } },
    { reason: 'leak_blocked', leak: 'acl_grant' },
  );
});
