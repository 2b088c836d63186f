// PROTOCOLS, leak table "Bedrock": "s3Location.uri on image/document/video/audio, and outputDataConfig…s3Uri, can name any
// bucket". A prompt is then read from, or an answer written to, a bucket of another region or another tenant while the
// request itself stays at home. Every such name is a logical one: it goes through the map of the tenant's own buckets.
import { expect, test } from 'vitest';
import { modelTarget, NOVA } from './inference-asks.ts';
import { startInferenceWorld, type InferenceAttack } from './inference-world.ts';

const world = await startInferenceWorld({
  policies: [
    {
      id: 'acme',
      tenant_id: 'acme',
      mode: 'client-owned',
      primary_region: 'eu-west',
      resources: { storage: ['acme-*'] },
    },
  ],
});
const KINDS = ['image', 'document', 'video', 'audio'];

const converse = (kind: string, s3Location: unknown): InferenceAttack => ({
  dialect: 'bedrock',
  target: modelTarget(NOVA, 'converse'),
  body: { messages: [{ role: 'user', content: [{ [kind]: { format: 'x', name: 'x', source: { s3Location } } }] }] },
});
const invoke = (body: unknown): InferenceAttack => ({
  dialect: 'bedrock',
  target: modelTarget('twelvelabs.pegasus-1-2-v1:0', 'invoke'),
  body,
});
const output = (s3OutputDataConfig: unknown): InferenceAttack => ({
  dialect: 'bedrock',
  target: '/async-invoke',
  body: { modelId: 'amazon.nova-reel-v1:1', modelInput: {}, outputDataConfig: { s3OutputDataConfig } },
});
/** Everywhere that a location can stand. */
const everywhere = (uri: unknown): InferenceAttack[] => [
  ...KINDS.map((kind) => converse(kind, { uri })),
  invoke({ mediaSource: { s3Location: { uri } } }),
  invoke({ media_source: { s3_uri: uri } }),
  output({ s3Uri: uri }),
];

test.each([
  'https://acme-media.s3.us-east-1.amazonaws.com/x',
  's3://arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/y',
  's3://arn:aws:s3::123456789012:accesspoint/x.mrap/y',
  's3://mfzwi23gnjvgw.mrap/y',
  's3://acme-media-s3alias/y',
  's3://acme-media--use1-az4--x-s3/y',
  's3://acme-media--ol-s3/y',
  'S3://acme-media/y',
  's3://ACME-media/y',
  's3:acme-media/y',
  's3://acme-media@other/y',
  's3:///y',
  '',
  ['s3://acme-media/y'],
  { bucket: 'acme-media' },
])('%j is no location of the tenant’s', async (uri) => {
  for (const attack of everywhere(uri)) await world.refuses(attack, { reason: 'leak_blocked', leak: 's3_uri' });
});

test('a bucket that the policy does not list is refused', async () => {
  for (const attack of everywhere('s3://globex-media/y'))
    await world.refuses(attack, { reason: 'resource_not_permitted' });
});

test('another account’s bucket is refused by its owner’s number', async () => {
  for (const kind of KINDS) {
    const attack = converse(kind, { uri: 's3://acme-media/y', bucketOwner: '210987654321' });
    await world.refuses(attack, { reason: 'leak_blocked', leak: 'bucket_owner' });
  }
  await world.refuses(output({ s3Uri: 's3://acme-media/y', bucketOwner: '210987654321' }), {
    reason: 'leak_blocked',
    leak: 'bucket_owner',
  });
});

test('an output encrypted with a key of another region is refused', async () => {
  const kmsKeyId = 'arn:aws:kms:us-east-1:123456789012:key/1234';
  await world.refuses(output({ s3Uri: 's3://acme-media/y', kmsKeyId }), { reason: 'leak_blocked', leak: 'kms_key' });
});

test('an output that is to go anywhere but to a bucket is refused', async () => {
  for (const config of [null, {}, { uri: null }, { s3Uri: null }])
    await world.refuses(output(config), { reason: 'leak_blocked', leak: 's3_uri' });
});

test('an address in a field that nobody knows is refused', async () => {
  for (const body of [
    { image: 's3://us-media/y' },
    { images: [['s3://us-media/y']] },
    { from: 'arn:aws:s3:::us-media' },
  ])
    await world.refuses(invoke(body), { reason: 'leak_blocked', leak: 'address' });
});

test('a location that is written with escapes, or in another case, is found and mapped like any other', async () => {
  const bodies = [
    '{"mediaSource":{"s3Location":{"\\u0075ri":"s3:\\/\\/acme-media\\/y"}}}',
    '{"mediaSource":{"S3_LOCATION":{"uri":"\\u00733://acme-media/y"}}}',
  ];
  for (const body of bodies)
    expect((await world.forwards(invoke(body))).body).toContain('"s3://acme-media-eu-west-1/y"');
});

test('the physical name of the bucket of another region is no way there', async () => {
  for (const attack of everywhere('s3://acme-media-us-east-1/y')) {
    const { body } = await world.forwards(attack);
    expect(body).toContain('"s3://acme-media-us-east-1-eu-west-1/y"');
    expect(body).not.toContain('"s3://acme-media-us-east-1/y"');
  }
});
