import { createHash, randomBytes } from 'node:crypto';
import {
  AccessDenied,
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  CreateMultipartUploadCommand,
  NoSuchKey,
  PutObjectCommand,
  UploadPartCommand,
  UploadPartCopyCommand,
  CompleteMultipartUploadCommand,
  type GetObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available } from '../servers/servers.ts';
import { FACTS, FOREIGN_FACTS, physical, SwiftRegions } from './swift-regions.ts';

const Bucket = 'docs';
const textOf = async (output: GetObjectCommandOutput) => (await output.Body?.transformToString()) ?? '';
const bytesOf = async (output: GetObjectCommandOutput) => Buffer.from(await output.Body!.transformToByteArray());

const get = (client: S3Client, key: string, bucket = Bucket) =>
  client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));

/** Every one is a different object, also where two spellings of a path look alike. */
const KEYS = [
  'a b',
  'a+b',
  'a%20b',
  'a%2Fb',
  'a/b',
  'a//b',
  '/a',
  'a/',
  'ü',
  'u\u0308',
  'what?',
  'what?versionId=1&acl',
  'h#sh',
  '🐘 emoji',
  'semi;colon=&amp;',
  `quotes'"<>&`,
  "sub-delims!$'()*,",
  'tilde~colon:at@',
  '%',
  '%25',
  'ключ/日本語',
  'back\\slash|pipe^`{}[]',
  'dots...and.more',
];

describe.skipIf(available('swift'))('two real S3 regions', () => {
  let regions: SwiftRegions;
  let s3: S3Client;
  let eu: S3Client;
  const put = (Key: string, Body: string | Buffer) => s3.send(new PutObjectCommand({ Bucket, Key, Body }));
  /** The object as it lies in the European store. */
  const lies = async (key: string) => textOf(await get(eu, key, physical(Bucket, regions.eu)));

  beforeAll(async () => {
    regions = await SwiftRegions.start();
    s3 = regions.through(FACTS);
    eu = regions.direct(regions.eu);
  });
  afterAll(() => regions.stop());

  test('an object is signed for the region of its tenant, whatever the client signed with', async () => {
    await regions.untouched(regions.us, async () => {
      await s3.send(
        new PutObjectCommand({ Bucket, Key: 'o/1', Body: 'hello', ContentType: 'text/x', Metadata: { case: '7' } }),
      );
      expect(await lies('o/1')).toBe('hello');
      const read = await get(s3, 'o/1');
      expect(await textOf(read)).toBe('hello');
      expect(read).toMatchObject({ ContentType: 'text/x', Metadata: { case: '7' }, ETag: `"${md5('hello')}"` });
      const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'o/1' }));
      expect(head).toMatchObject({ ContentLength: 5 });
      const part = await s3.send(new GetObjectCommand({ Bucket, Key: 'o/1', Range: 'bytes=-2' }));
      expect(await textOf(part)).toBe('lo');
    });
  });

  test('5 MB behind Expect: 100-continue arrive whole', async () => {
    const body = randomBytes(5 * 1024 * 1024);
    await put('o/large', body);
    expect((await bytesOf(await get(s3, 'o/large'))).equals(body)).toBe(true);
  });

  test('what a store answers to a condition or a missing key reaches the client as it is', async () => {
    await expect(get(s3, 'o/none')).rejects.toBeInstanceOf(NoSuchKey);
    const again = s3.send(new PutObjectCommand({ Bucket, Key: 'o/1', Body: 'again', IfNoneMatch: '*' }));
    await expect(again).rejects.toMatchObject({ name: 'PreconditionFailed', $metadata: { httpStatusCode: 412 } });
    const unknown = s3.send(new ListObjectsV2Command({ Bucket: 'no-such-bucket' }));
    await expect(unknown).rejects.toMatchObject({ name: 'NoSuchBucket' });
    const wrong = s3.send(new PutObjectCommand({ Bucket, Key: 'o/2', Body: 'x', ContentMD5: md5('y', 'base64') }));
    await expect(wrong).rejects.toMatchObject({ name: 'BadDigest' });
  });

  test('a multipart upload, with a part copied from an object, adds up', async () => {
    const bytes = [randomBytes(5 * 1024 * 1024), randomBytes(300_000)];
    await new Upload({ client: s3, params: { Bucket, Key: 'm/1', Body: Buffer.concat(bytes) } }).done();
    expect((await bytesOf(await get(s3, 'm/1'))).equals(Buffer.concat(bytes))).toBe(true);

    const to = { Bucket, Key: 'm/2' };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(to));
    const upload = { ...to, UploadId };
    const copied = await s3.send(
      new UploadPartCopyCommand({ ...upload, PartNumber: 1, CopySource: `${Bucket}/o/large` }),
    );
    const sent = await s3.send(new UploadPartCommand({ ...upload, PartNumber: 2, Body: 'tail' }));
    expect((await s3.send(new ListPartsCommand(upload))).Parts?.map(({ Size }) => Size)).toEqual([5 * 1024 * 1024, 4]);
    const Parts = [
      { PartNumber: 1, ETag: copied.CopyPartResult?.ETag },
      { PartNumber: 2, ETag: sent.ETag },
    ];
    await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
    const whole = await bytesOf(await get(s3, 'm/2'));
    expect([whole.length, whole.subarray(-4).toString()]).toEqual([5 * 1024 * 1024 + 4, 'tail']);
  });

  test('a copy goes from bucket to bucket inside the region', async () => {
    await regions.untouched(regions.us, () =>
      s3.send(new CopyObjectCommand({ Bucket: 'copies', Key: 'c/1', CopySource: `${Bucket}/o/1` })),
    );
    expect(await textOf(await get(eu, 'c/1', physical('copies', regions.eu)))).toBe('hello');
    const same = s3.send(new CopyObjectCommand({ Bucket: 'copies', Key: 'c/2', CopySource: 'no-such-bucket/o/1' }));
    await expect(same).rejects.toMatchObject({ name: 'NoSuchBucket' });
  });

  test.each(KEYS)('the key %j is the same object by every way to it', async (name) => {
    const key = `keys/${name}`;
    await put(key, name);
    const copy = async () => {
      const CopySource = `${Bucket}/${encodeURIComponent(key)}`;
      await s3.send(new CopyObjectCommand({ Bucket, Key: `copied/${name}`, CopySource }));
      return lies(`copied/${name}`);
    };
    const signed = async () => {
      const prefixed = regions.through({}, { endpoint: `${regions.rig.storage}/t/acme/identity` });
      return (await fetch(await getSignedUrl(prefixed, new GetObjectCommand({ Bucket, Key: key })))).text();
    };
    const ways = [lies(key), get(s3, key).then(textOf), copy(), signed()];
    expect(await Promise.all(ways)).toEqual([name, name, name, name]);
  });

  test('a list has all those keys, page by page and by prefix, and a batch deletes them', async () => {
    const keys: string[] = [];
    for (let ContinuationToken: string | undefined; ;) {
      const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'keys/', MaxKeys: 7, ContinuationToken }));
      for (const { Key } of page.Contents ?? []) keys.push(Key!);
      ContinuationToken = page.NextContinuationToken;
      if (ContinuationToken === undefined) break;
    }
    expect(keys.toSorted()).toEqual(KEYS.map((name) => `keys/${name}`).toSorted());
    const some = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'keys/a%2F' }));
    expect(some.Contents?.map(({ Key }) => Key)).toEqual(['keys/a%2Fb']);
    const Delete = { Objects: keys.map((Key) => ({ Key })) };
    const { Deleted, Errors } = await s3.send(new DeleteObjectsCommand({ Bucket, Delete }));
    expect([Deleted?.length, Errors]).toEqual([KEYS.length, undefined]);
    expect((await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'keys/' }))).KeyCount).toBe(0);
    await s3.send(new DeleteObjectCommand({ Bucket, Key: 'o/large' }));
    await expect(lies('o/large')).rejects.toBeInstanceOf(NoSuchKey);
  });

  test('presigned URLs put and get through the path prefix, and only in the region', async () => {
    const prefixed = regions.through({}, { endpoint: `${regions.rig.storage}/t/acme/identity` });
    await regions.untouched(regions.us, async () => {
      const upload = await getSignedUrl(prefixed, new PutObjectCommand({ Bucket, Key: 'p 1' }));
      const stored = await fetch(upload, { method: 'PUT', body: 'by URL' });
      expect([stored.status, stored.headers.get('x-residency-region')]).toEqual([200, 'eu-west']);
      const download = await getSignedUrl(prefixed, new GetObjectCommand({ Bucket, Key: 'p 1' }));
      expect(await (await fetch(download)).text()).toBe('by URL');
    });
    expect(await lies('p 1')).toBe('by URL');
  });

  test('a URL that was signed for the American store is served from the European one, signed anew', async () => {
    const bucket = physical(Bucket, regions.us);
    await regions
      .direct(regions.us)
      .send(new PutObjectCommand({ Bucket: bucket, Key: 'o/1', Body: 'from the other side' }));
    const signed = await getSignedUrl(regions.direct(regions.us), new GetObjectCommand({ Bucket: bucket, Key: 'o/1' }));
    expect(await (await fetch(signed)).text()).toBe('from the other side');
    const { search } = new URL(signed);
    await regions.untouched(regions.us, async () => {
      const served = await fetch(`${regions.rig.storage}/${Bucket}/o/1${search}`, { headers: FACTS });
      expect(await served.text()).toBe('hello');
      expect(served.headers.get('x-residency-region')).toBe('eu-west');
    });
  });

  test('no refusal leaves a line in the log of either store', async () => {
    const asking = (more: object) => regions.through({ ...FACTS, ...more });
    const there = asking({ 'x-requested-region': 'us-east' });
    const cloud = asking({ 'x-requested-region': 'us-east-1' });
    const stranger = asking({ 'x-tenant-id': 'initech' });
    const restricted = asking({ 'x-tenant-id': 'globex' });
    const CopySource = 'arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/key';
    const SSEKMSKeyId = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    const refusals: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['region_not_allowed', () => there.send(new PutObjectCommand({ Bucket, Key: 'r', Body: 'x' }))],
      ['region_not_allowed', () => there.send(new GetObjectCommand({ Bucket, Key: 'o/1' }))],
      ['region_not_allowed', () => there.send(new DeleteObjectCommand({ Bucket, Key: 'o/1' }))],
      ['region_not_allowed', () => cloud.send(new ListObjectsV2Command({ Bucket }))],
      ['no_policy', () => stranger.send(new PutObjectCommand({ Bucket, Key: 'r', Body: 'x' }))],
      ['cross_border_restricted', () => restricted.send(new GetObjectCommand({ Bucket, Key: 'o/1' }))],
      ['operation_not_permitted', () => s3.send(new ListBucketsCommand({}))],
      ['operation_not_permitted', () => s3.send(new GetBucketAclCommand({ Bucket }))],
      ['operation_not_permitted', () => s3.send(new CreateBucketCommand({ Bucket: 'another' }))],
      ['leak_blocked', () => s3.send(new CopyObjectCommand({ Bucket, Key: 'r', CopySource }))],
      [
        'leak_blocked',
        () =>
          s3.send(new PutObjectCommand({ Bucket, Key: 'r', Body: 'x', ServerSideEncryption: 'aws:kms', SSEKMSKeyId })),
      ],
    ];
    await regions.untouched(regions.us, () =>
      regions.untouched(regions.eu, async () => {
        for (const [reason, act] of refusals) {
          const error: unknown = await act().catch((caught: unknown) => caught);
          expect(error, reason).toBeInstanceOf(AccessDenied);
          expect(error).toMatchObject({ Reason: reason, $metadata: { httpStatusCode: 403, attempts: 1 } });
        }
      }),
    );
  });

  test("the other region's tenant is served from there alone, so that its silence means something", async () => {
    const globex = regions.through(FOREIGN_FACTS);
    await regions.untouched(regions.eu, () => globex.send(new PutObjectCommand({ Bucket, Key: 'g', Body: 'us' })));
    const stored = await get(regions.direct(regions.us), 'g', physical(Bucket, regions.us));
    expect(await textOf(stored)).toBe('us');
    await expect(lies('g')).rejects.toBeInstanceOf(NoSuchKey);
  });
});

function md5(text: string, encoding: 'hex' | 'base64' = 'hex'): string {
  return createHash('md5').update(text).digest(encoding);
}
