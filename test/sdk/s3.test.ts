import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  AccessDenied,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketAclCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  InvalidRequest,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  NoSuchKey,
  PutBucketReplicationCommand,
  PutObjectCommand,
  RestoreObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
  UploadPartCopyCommand,
  type GetObjectCommandOutput,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, describe, expect, test } from 'vitest';
import { Trial } from './trial.ts';
import { FACTS, FOREIGN_FACTS, INSPECTED, refusedFacts, RESTRICTED_FACTS, startWorld } from './world.ts';

const world = await startWorld();
const { rig, home } = world;
afterAll(() => world.stop());
const trial = new Trial('@aws-sdk/client-s3', world);
const clients: S3Client[] = [];
const Bucket = 'invoices';
const PHYSICAL = 'invoices-eu-west-1';

/** What the SDK does not show of an answer, seen by a middleware of its own. */
let answered: Readonly<Record<string, string>> = {};

function client(facts: Readonly<Record<string, string>>, more: S3ClientConfig = {}): S3Client {
  const made = new S3Client({
    endpoint: rig.storage,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'ignored', secretAccessKey: 'ignored' },
    ...more,
  });
  made.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: object }).headers, facts);
      return next(args);
    },
    { step: 'build', name: 'residency' },
  );
  made.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      answered = (result.response as { headers: Record<string, string> }).headers;
      return result;
    },
    // The last one before the wire: an answer that is an error does not get past the deserialiser.
    { step: 'deserialize', name: 'headers', priority: 'low' },
  );
  clients.push(made);
  return made;
}

const s3 = client(FACTS);
/** As command-line tools and presigned URLs say who they are. */
const prefixed = client({}, { endpoint: `${rig.storage}/t/acme/identity` });
afterAll(() => {
  for (const made of clients) made.destroy();
});

const put = (Key: string, Body: string | Buffer) => s3.send(new PutObjectCommand({ Bucket, Key, Body }));
const textOf = async (output: GetObjectCommandOutput) => (await output.Body?.transformToString()) ?? '';
const bytesOf = async (output: GetObjectCommandOutput) => Buffer.from(await output.Body!.transformToByteArray());
const list = (ContinuationToken?: string) =>
  s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'a/', MaxKeys: 1, ContinuationToken }));
const lies = (key: string) => home.storage.object(PHYSICAL, key);

/** By status: what the SDK makes of it, and how often it asks. */
const TYPED = {
  400: { class: InvalidRequest, name: 'InvalidRequest', attempts: 1 },
  403: { class: AccessDenied, name: 'AccessDenied', attempts: 1 },
  413: { class: S3ServiceException, name: 'EntityTooLarge', attempts: 1 },
  503: { class: S3ServiceException, name: 'ServiceUnavailable', attempts: 3 },
};

describe('what the AWS SDK stores and reads in residency', () => {
  test('a buffer comes back as it was put, with the decision in the headers', async () => {
    const output = await trial.allows('PutObject', () =>
      s3.send(
        new PutObjectCommand({ Bucket, Key: 'a/1', Body: 'hello', ContentType: 'text/plain', Metadata: { case: '7' } }),
      ),
    );
    expect(output.ETag).toBe('"5d41402abc4b2a76b9719d911017c592"');
    expect(answered).toMatchObject({
      'x-residency-decision': 'allow',
      'x-residency-reason': 'in_residency',
      'x-residency-region': 'eu-west',
      'x-residency-policy': expect.stringMatching(/^acme-home@\d+$/),
      'x-request-id': expect.stringMatching(/./),
    });
    const read = await trial.allows('GetObject', () => s3.send(new GetObjectCommand({ Bucket, Key: 'a/1' })));
    expect(await textOf(read)).toBe('hello');
    expect(read).toMatchObject({ ContentType: 'text/plain', Metadata: { case: '7' } });
    expect(lies('a/1')).not.toBeNull();
  });

  test('3 MB wait for 100 Continue and arrive whole', async () => {
    const Body = randomBytes(3 * 1024 * 1024);
    await trial.allows('PutObject', () => put('large', Body));
    const read = await trial.allows('GetObject', () => s3.send(new GetObjectCommand({ Bucket, Key: 'large' })));
    expect((await bytesOf(read)).equals(Body)).toBe(true);
  });

  test('a stream, whose checksum is in a trailer, arrives whole and unframed', async () => {
    const parts = Array.from({ length: 5 }, () => randomBytes(50_000));
    await trial.allows('PutObject', () =>
      s3.send(new PutObjectCommand({ Bucket, Key: 'streamed', Body: Readable.from(parts), ContentLength: 250_000 })),
    );
    expect(home.storage.lastRequest?.headers).toMatchObject({
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-trailer': 'x-amz-checksum-crc32',
    });
    const read = await trial.allows('GetObject', () => s3.send(new GetObjectCommand({ Bucket, Key: 'streamed' })));
    expect((await bytesOf(read)).equals(Buffer.concat(parts))).toBe(true);
  });

  test('a range and a head tell of the object alone', async () => {
    const read = await trial.allows('GetObject', () =>
      s3.send(new GetObjectCommand({ Bucket, Key: 'a/1', Range: 'bytes=1-3' })),
    );
    expect([await textOf(read), read.ContentRange]).toEqual(['ell', 'bytes 1-3/5']);
    const head = await trial.allows('HeadObject', () => s3.send(new HeadObjectCommand({ Bucket, Key: 'a/1' })));
    expect(head).toMatchObject({ ContentLength: 5, ETag: '"5d41402abc4b2a76b9719d911017c592"' });
    expect(answered['x-residency-region']).toBe('eu-west');
  });

  test('lib-storage uploads in parts, and the object is their sum', async () => {
    const parts = [randomBytes(5 * 1024 * 1024), randomBytes(1024 * 1024)];
    const operations = ['CreateMultipartUpload', 'UploadPart', 'UploadPart', 'CompleteMultipartUpload'];
    await trial.allows(operations, () =>
      new Upload({ client: s3, params: { Bucket, Key: 'parts', Body: Readable.from(parts) } }).done(),
    );
    expect(lies('parts')?.body.equals(Buffer.concat(parts))).toBe(true);
  });

  test('a multipart upload by hand takes a copied part, lists its parts, and can be aborted', async () => {
    const upload = await trial.allows('CreateMultipartUpload', () =>
      s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'by-hand' })),
    );
    const part = { Bucket, Key: 'by-hand', UploadId: upload.UploadId };
    await trial.allows('UploadPart', () => s3.send(new UploadPartCommand({ ...part, PartNumber: 1, Body: 'one' })));
    await trial.allows('UploadPartCopy', () =>
      s3.send(new UploadPartCopyCommand({ ...part, PartNumber: 2, CopySource: `${Bucket}/a/1` })),
    );
    const listed = await trial.allows('ListParts', () => s3.send(new ListPartsCommand(part)));
    expect(listed.Parts?.map(({ PartNumber, Size }) => [PartNumber, Size])).toEqual([
      [1, 3],
      [2, 5],
    ]);
    await trial.allows('AbortMultipartUpload', () => s3.send(new AbortMultipartUploadCommand(part)));
    expect(lies('by-hand')).toBeNull();
  });

  test("a copy's source is the tenant's own bucket in the same region", async () => {
    await trial.allows('CopyObject', () =>
      s3.send(new CopyObjectCommand({ Bucket, Key: 'a/copy', CopySource: `${Bucket}/a/1` })),
    );
    expect(home.storage.lastRequest?.headers['x-amz-copy-source']).toBe(`${PHYSICAL}/a/1`);
    expect(lies('a/copy')?.body.toString()).toBe('hello');
  });

  test('a list names the keys under a prefix, page by page', async () => {
    const first = await trial.allows('ListObjectsV2', () => list());
    expect([first.IsTruncated, first.Contents?.map(({ Key }) => Key)]).toEqual([true, ['a/1']]);
    const second = await trial.allows('ListObjectsV2', () => list(first.NextContinuationToken));
    expect([second.IsTruncated, second.Contents?.map(({ Key }) => Key)]).toEqual([false, ['a/copy']]);
  });

  test('a bucket says where it is: in the region of the policy', async () => {
    await trial.allows('HeadBucket', () => s3.send(new HeadBucketCommand({ Bucket })));
    const where = await trial.allows('GetBucketLocation', () => s3.send(new GetBucketLocationCommand({ Bucket })));
    expect(where.LocationConstraint).toBe('eu-west-1');
  });

  test('what is deleted, one by one or in a batch, is gone', async () => {
    await trial.allows('DeleteObject', () => s3.send(new DeleteObjectCommand({ Bucket, Key: 'a/copy' })));
    expect(lies('a/copy')).toBeNull();
    await trial.allows(['PutObject', 'PutObject'], () => Promise.all([put('x/1', 'one'), put('x/2', 'two')]));
    const Delete = { Objects: [{ Key: 'x/1' }, { Key: 'x/2' }] };
    const batch = await trial.allows('DeleteObjects', () => s3.send(new DeleteObjectsCommand({ Bucket, Delete })));
    expect(batch.Deleted?.map(({ Key }) => Key)).toEqual(['x/1', 'x/2']);
    expect([lies('x/1'), lies('x/2')]).toEqual([null, null]);
    const gone = trial.allows('GetObject', () =>
      s3.send(new GetObjectCommand({ Bucket, Key: 'x/1' })).catch((error: unknown) => error),
    );
    expect(await gone).toBeInstanceOf(NoSuchKey);
  });
});

describe('a client that says who it is in the path of its endpoint', () => {
  test('works as one that says it in headers', async () => {
    await trial.allows('PutObject', () => prefixed.send(new PutObjectCommand({ Bucket, Key: 'p', Body: 'prefixed' })));
    const read = await trial.allows('GetObject', () => prefixed.send(new GetObjectCommand({ Bucket, Key: 'p' })));
    expect(await textOf(read)).toBe('prefixed');
  });

  test('presigns URLs that anyone can put to and get from', async () => {
    const upload = await getSignedUrl(prefixed, new PutObjectCommand({ Bucket, Key: 'signed' }));
    expect(new URL(upload).pathname).toBe('/t/acme/identity/invoices/signed');
    const stored = await trial.allows('PutObject', () => fetch(upload, { method: 'PUT', body: 'by URL' }));
    expect(stored.status).toBe(200);
    const download = await getSignedUrl(prefixed, new GetObjectCommand({ Bucket, Key: 'signed' }));
    const read = await trial.allows('GetObject', async () => {
      const response = await fetch(download);
      return { text: await response.text(), region: response.headers.get('x-residency-region') };
    });
    expect(read).toEqual({ text: 'by URL', region: 'eu-west' });
  });
});

describe('what the AWS SDK is refused', () => {
  for (const { title, facts, reason, status } of refusedFacts(world.abroadId)) {
    const { class: type, name, attempts } = TYPED[status];
    test(`${title}: ${name}, ${attempts === 1 ? 'once' : `${attempts} times`}`, async () => {
      const refused = client(facts);
      for (const [operation, command] of [
        ['PutObject', new PutObjectCommand({ Bucket, Key: 'no', Body: 'no' })],
        ['GetObject', new GetObjectCommand({ Bucket, Key: 'a/1' })],
      ] as const) {
        const error = await trial.denies(operation, { reason, attempts }, () => refused.send(command as never));
        expect(error).toBeInstanceOf(type);
        expect(error).toMatchObject({ name, Reason: reason, $metadata: { httpStatusCode: status, attempts } });
        expect(answered).toMatchObject({ 'x-residency-decision': 'deny', 'x-residency-reason': reason });
        expect((error as S3ServiceException).$metadata.requestId).toBe(answered['x-request-id']);
      }
    });
  }

  test('data that must not come back over the border is AccessDenied, once', async () => {
    const error = await trial.denies('GetObject', { reason: 'cross_border_restricted' }, () =>
      client(RESTRICTED_FACTS).send(new GetObjectCommand({ Bucket, Key: 'a/1' })),
    );
    expect(error).toBeInstanceOf(AccessDenied);
    expect(error).toMatchObject({ $metadata: { httpStatusCode: 403, attempts: 1 } });
  });

  test('a stream is refused before its end, once', async () => {
    const Body = Readable.from(Array.from({ length: 100 }, () => randomBytes(60_000)));
    const refused = client({ ...FACTS, 'x-requested-region': 'us-east' });
    const error = await trial.denies('PutObject', { reason: 'region_not_allowed' }, () =>
      refused.send(new PutObjectCommand({ Bucket, Key: 'no', Body, ContentLength: 6_000_000 })),
    );
    expect(error).toBeInstanceOf(AccessDenied);
    expect((error as Error).message).toBe('The residency policy does not allow this region.');
  });

  test('a head has no body to say why: the status and the headers do', async () => {
    const refused = client({ ...FACTS, 'x-requested-region': 'us-east' });
    const error = await trial.denies('HeadObject', { reason: 'region_not_allowed' }, () =>
      refused.send(new HeadObjectCommand({ Bucket, Key: 'a/1' })),
    );
    expect(error).toMatchObject({ $metadata: { httpStatusCode: 403, attempts: 1 } });
    expect(answered['x-residency-reason']).toBe('region_not_allowed');
  });

  test('operations that are not served are AccessDenied, once', async () => {
    const Role = 'arn:aws:iam::123456789012:role/r';
    const Rules = [{ Status: 'Enabled' as const, Destination: { Bucket: 'arn:aws:s3:::elsewhere' } }];
    for (const [operation, act] of [
      ['ListBuckets', () => s3.send(new ListBucketsCommand({}))],
      ['GetBucketAcl', () => s3.send(new GetBucketAclCommand({ Bucket }))],
      [
        'PutBucketReplication',
        () => s3.send(new PutBucketReplicationCommand({ Bucket, ReplicationConfiguration: { Role, Rules } })),
      ],
      ['CreateBucket', () => s3.send(new CreateBucketCommand({ Bucket: 'another-one' }))],
    ] as const) {
      const error = await trial.denies(operation, { reason: 'operation_not_permitted' }, act);
      expect(error).toBeInstanceOf(AccessDenied);
      expect(error).toMatchObject({ $metadata: { httpStatusCode: 403, attempts: 1 } });
    }
  });

  test('a copy from an access point, and a key of another region, are AccessDenied, once', async () => {
    const CopySource = 'arn:aws:s3:us-east-1:123456789012:accesspoint/x/object/key';
    const SSEKMSKeyId = 'arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab';
    const copy = await trial.denies('CopyObject', { reason: 'leak_blocked' }, () =>
      s3.send(new CopyObjectCommand({ Bucket, Key: 'no', CopySource })),
    );
    const key = await trial.denies('PutObject', { reason: 'leak_blocked' }, () =>
      s3.send(new PutObjectCommand({ Bucket, Key: 'no', Body: 'x', ServerSideEncryption: 'aws:kms', SSEKMSKeyId })),
    );
    for (const error of [copy, key]) {
      expect(error).toBeInstanceOf(AccessDenied);
      expect(error).toMatchObject({ Reason: 'leak_blocked', $metadata: { httpStatusCode: 403, attempts: 1 } });
      expect((error as Error).message).not.toContain('us-east');
    }
  });

  test('a body that is too large to be looked into is EntityTooLarge, once', async () => {
    const RestoreRequest = { Days: 1, Description: 'x'.repeat(INSPECTED) };
    const error = await trial.denies('RestoreObject', { reason: 'body_too_large_to_inspect' }, () =>
      s3.send(new RestoreObjectCommand({ Bucket, Key: 'a/1', RestoreRequest })),
    );
    expect(error).toBeInstanceOf(S3ServiceException);
    expect(error).toMatchObject({ name: 'EntityTooLarge', $metadata: { httpStatusCode: 413, attempts: 1 } });
  });

  test('headers that contradict the path are InvalidRequest, once', async () => {
    const torn = client({ 'x-tenant-id': 'globex' }, { endpoint: `${rig.storage}/t/acme/identity` });
    const error = await trial.denies('GetObject', { reason: 'header_conflict' }, () =>
      torn.send(new GetObjectCommand({ Bucket, Key: 'a/1' })),
    );
    expect(error).toBeInstanceOf(InvalidRequest);
  });

  test('a presigned URL for a tenant without a policy is refused as the SDK would be', async () => {
    const stranger = client({}, { endpoint: `${rig.storage}/t/initech/identity` });
    const url = await getSignedUrl(stranger, new GetObjectCommand({ Bucket, Key: 'a/1' }));
    const error = await trial.denies('GetObject', { reason: 'no_policy' }, async () => {
      const response = await fetch(url);
      throw new Error(`${response.status} ${await response.text()}`);
    });
    expect((error as Error).message).toMatch(/^403 .*<Code>AccessDenied<\/Code>.*<Reason>no_policy<\/Reason>/s);
  });
});

test('a tenant of the other region is served from there, and the matrix of this client is told', async () => {
  const abroad = client(FOREIGN_FACTS);
  await trial.crosses('PutObject', () => abroad.send(new PutObjectCommand({ Bucket, Key: 'b/1', Body: 'hello' })));
  expect(world.abroad.storage.object('invoices-us-east-1', 'b/1')?.body.toString()).toBe('hello');
  console.log(trial.summary());
});
