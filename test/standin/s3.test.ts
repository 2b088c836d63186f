import { Readable } from 'node:stream';
import { request } from 'node:http';
import {
  AbortMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
  type S3ClientConfig,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startS3StandIn, type S3StandIn, type S3StandInOptions } from '../../src/standin/s3.ts';

const OPTIONS: S3StandInOptions = {
  region: 'eu-west',
  cloudRegion: 'eu-west-1',
  accessKeyId: 'AKSTANDIN',
  secretAccessKey: 'secret',
};
const clients: S3Client[] = [];

function client(of: S3StandIn, more: S3ClientConfig = {}): S3Client {
  const made = new S3Client({
    endpoint: of.url,
    region: 'eu-west-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'AKSTANDIN', secretAccessKey: 'secret' },
    ...more,
  });
  clients.push(made);
  return made;
}

let standIn: S3StandIn;
let s3: S3Client;
beforeAll(async () => {
  standIn = await startS3StandIn(OPTIONS);
  s3 = client(standIn);
});
afterAll(async () => {
  for (const made of clients) made.destroy();
  await standIn.close();
});

const text = async (Key: string, Range?: string): Promise<string> => {
  const answer = await s3.send(
    new GetObjectCommand({ Bucket: 'invoices', Key, ...(Range !== undefined && { Range }) }),
  );
  return (await answer.Body?.transformToString()) ?? '';
};

describe('the AWS SDK against the stand-in', () => {
  test('puts, gets, heads, ranges and deletes an object', async () => {
    const Key = 'a b//é+%2F';
    await s3.send(
      new PutObjectCommand({
        Bucket: 'invoices',
        Key,
        Body: 'hello world',
        ContentType: 'text/plain',
        Metadata: { case: '4711' },
      }),
    );
    expect(await text(Key)).toBe('hello world');
    expect(await text(Key, 'bytes=6-')).toBe('world');
    expect(await text(Key, 'bytes=-3')).toBe('rld');
    const info = await s3.send(new HeadObjectCommand({ Bucket: 'invoices', Key }));
    expect(info).toMatchObject({ ContentLength: 11, ContentType: 'text/plain', Metadata: { case: '4711' } });
    expect(standIn.object('invoices', Key)?.body.toString()).toBe('hello world');
    await s3.send(new DeleteObjectCommand({ Bucket: 'invoices', Key }));
    await expect(text(Key)).rejects.toMatchObject({ name: 'NoSuchKey', $metadata: { httpStatusCode: 404 } });
  });

  test('streams with an unsigned trailer, whose checksum is verified', async () => {
    const body = Buffer.alloc(200_000, 'x');
    await s3.send(
      new PutObjectCommand({
        Bucket: 'invoices',
        Key: 'stream',
        Body: Readable.from([body.subarray(0, 70_000), body.subarray(70_000)]),
        ContentLength: body.length,
      }),
    );
    expect(standIn.lastRequest?.headers['x-amz-content-sha256']).toBe('STREAMING-UNSIGNED-PAYLOAD-TRAILER');
    expect(standIn.object('invoices', 'stream')?.body.equals(body)).toBe(true);
    expect(standIn.object('invoices', 'stream')?.headers).not.toHaveProperty('content-encoding');
  });

  test('sends a large buffer behind Expect: 100-continue', async () => {
    const Body = Buffer.alloc(3_000_000, 'y');
    await s3.send(new PutObjectCommand({ Bucket: 'invoices', Key: 'large', Body }));
    expect(standIn.lastRequest?.headers.expect).toBe('100-continue');
    expect(standIn.object('invoices', 'large')?.body.length).toBe(Body.length);
  });

  test('uploads in parts, lists them, copies into one, aborts', async () => {
    const where = { Bucket: 'invoices', Key: 'parts' };
    const { UploadId } = await s3.send(new CreateMultipartUploadCommand(where));
    await s3.send(new UploadPartCommand({ ...where, UploadId, PartNumber: 1, Body: 'one' }));
    await s3.send(new PutObjectCommand({ Bucket: 'invoices', Key: 'source', Body: 'hello world' }));
    await s3.send(
      new UploadPartCopyCommand({
        ...where,
        UploadId,
        PartNumber: 2,
        CopySource: 'invoices/source',
        CopySourceRange: 'bytes=0-4',
      }),
    );
    const listed = await s3.send(new ListPartsCommand({ ...where, UploadId }));
    expect(listed.Parts?.map((part) => [part.PartNumber, part.Size])).toEqual([
      [1, 3],
      [2, 5],
    ]);
    await s3.send(new AbortMultipartUploadCommand({ ...where, UploadId }));
    await expect(s3.send(new ListPartsCommand({ ...where, UploadId }))).rejects.toMatchObject({ name: 'NoSuchUpload' });

    const Body = Buffer.alloc(6 * 1024 * 1024, 'z');
    const done = await new Upload({ client: s3, params: { ...where, Body } }).done();
    expect(done.ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
    expect(standIn.object('invoices', 'parts')?.body.equals(Body)).toBe(true);
  });

  test('copies with and without new metadata', async () => {
    const Bucket = 'invoices';
    await s3.send(new PutObjectCommand({ Bucket, Key: 'from', Body: 'x', Metadata: { a: '1' } }));
    await s3.send(new CopyObjectCommand({ Bucket: 'archive', Key: 'to', CopySource: 'invoices/from' }));
    expect(standIn.object('archive', 'to')?.headers).toMatchObject({ 'x-amz-meta-a': '1' });
    await s3.send(
      new CopyObjectCommand({
        Bucket: 'archive',
        Key: 'to',
        CopySource: '/invoices/from',
        MetadataDirective: 'REPLACE',
        Metadata: { b: '2' },
      }),
    );
    expect(standIn.object('archive', 'to')?.headers).not.toHaveProperty('x-amz-meta-a');
  });

  test('lists by prefix, delimiter and page, and deletes many', async () => {
    const Bucket = 'listing';
    const keys = ['a/1', 'a/2', 'b & <c>/1', 'd', 'e'];
    for (const Key of keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    const folders = await s3.send(new ListObjectsV2Command({ Bucket, Delimiter: '/' }));
    expect(folders.CommonPrefixes?.map((entry) => entry.Prefix)).toEqual(['a/', 'b & <c>/']);
    expect(folders.Contents?.map((entry) => entry.Key)).toEqual(['d', 'e']);
    const seen: (string | undefined)[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await s3.send(
        new ListObjectsV2Command({ Bucket, MaxKeys: 2, ...(ContinuationToken !== undefined && { ContinuationToken }) }),
      );
      seen.push(...(page.Contents ?? []).map((entry) => entry.Key));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    expect(seen).toEqual(keys);
    const first = await s3.send(new ListObjectsCommand({ Bucket, Prefix: 'a/' }));
    expect(first.Contents?.length).toBe(2);
    const Delete = { Objects: keys.map((Key) => ({ Key })) };
    const deleted = await s3.send(new DeleteObjectsCommand({ Bucket, Delete }));
    expect(deleted.Deleted?.map((entry) => entry.Key)).toEqual(keys);
    expect((await s3.send(new ListObjectsV2Command({ Bucket }))).KeyCount).toBe(0);
  });

  test('learns where a bucket is', async () => {
    expect((await s3.send(new HeadBucketCommand({ Bucket: 'invoices' }))).BucketRegion).toBe('eu-west-1');
    expect((await s3.send(new GetBucketLocationCommand({ Bucket: 'invoices' }))).LocationConstraint).toBe('eu-west-1');
  });

  test('follows a presigned GET and PUT', async () => {
    const where = { Bucket: 'invoices', Key: 'signed é' };
    const plain = client(standIn, { requestChecksumCalculation: 'WHEN_REQUIRED' });
    const put = await fetch(await getSignedUrl(plain, new PutObjectCommand(where)), { method: 'PUT', body: 'via url' });
    expect(put.status).toBe(200);
    const url = await getSignedUrl(s3, new GetObjectCommand(where));
    expect(await (await fetch(url)).text()).toBe('via url');
    const bent = await fetch(url.replace('signed', 'other'));
    expect([bent.status, await bent.text()]).toEqual([403, expect.stringContaining('SignatureDoesNotMatch')]);
  });
});

/** Sends what the SDK signed, after someone on the way has changed it. */
async function bent(
  change: (request: { headers: Record<string, string>; body: Buffer }) => void,
  stream = false,
): Promise<unknown> {
  const bending = client(standIn, { maxAttempts: 1 });
  bending.middlewareStack.add(
    (next) => async (args) => {
      const sent = args.request as { headers: Record<string, string>; body: unknown };
      const chunks: Buffer[] = [];
      if (sent.body instanceof Readable) for await (const chunk of sent.body) chunks.push(Buffer.from(chunk));
      else chunks.push(Buffer.from(sent.body as string));
      const held = { headers: sent.headers, body: Buffer.concat(chunks) };
      change(held);
      sent.body = held.body;
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low', name: 'bend' },
  );
  const Body = stream ? Readable.from([Buffer.from('hello')]) : 'hello';
  return bending
    .send(new PutObjectCommand({ Bucket: 'invoices', Key: 'bent', Body, ...(stream && { ContentLength: 5 }) }))
    .catch((error: unknown) => error);
}

const shorten = (sent: { body: Buffer }): void => {
  sent.body = Buffer.from(sent.body.toString('latin1').replace('5\r\nhello', '4\r\nhell'), 'latin1');
};

describe('the stand-in refuses', () => {
  test('another region with 400 AuthorizationHeaderMalformed that names its own', async () => {
    const other = client(standIn, { region: 'us-east-1' });
    await expect(other.send(new GetObjectCommand({ Bucket: 'invoices', Key: 'x' }))).rejects.toMatchObject({
      name: 'AuthorizationHeaderMalformed',
      Region: 'eu-west-1',
      $metadata: { httpStatusCode: 400, attempts: 1 },
    });
  });

  test.each([
    ['a wrong secret', { accessKeyId: 'AKSTANDIN', secretAccessKey: 'wrong' }, 'SignatureDoesNotMatch'],
    ['an unknown key', { accessKeyId: 'AKOTHER', secretAccessKey: 'secret' }, 'InvalidAccessKeyId'],
  ])('%s', async (_, credentials, name) => {
    const other = client(standIn, { credentials });
    await expect(other.send(new PutObjectCommand({ Bucket: 'invoices', Key: 'x', Body: 'y' }))).rejects.toMatchObject({
      name,
    });
    expect(standIn.object('invoices', 'x')).toBeNull();
  });

  test('no credentials at all', async () => {
    const answer = await fetch(`${standIn.url}/invoices/x`);
    expect([answer.status, await answer.text()]).toEqual([403, expect.stringContaining('<Code>AccessDenied</Code>')]);
  });

  test('a body unlike its hash', async () => {
    expect(await bent((sent) => (sent.body = Buffer.from('HELLO')))).toMatchObject({
      name: 'XAmzContentSHA256Mismatch',
    });
  });

  test('a trailer unlike its body', async () => {
    expect(
      await bent(
        (sent) => (sent.body = Buffer.from(sent.body.toString('latin1').replace('hello', 'HELLO'), 'latin1')),
        true,
      ),
    ).toMatchObject({ name: 'BadDigest' });
  });

  test('a body shorter than its decoded length', async () => {
    expect(await bent(shorten, true)).toMatchObject({ name: 'IncompleteBody' });
  });

  test('an x-amz- header that was added behind the signature', async () => {
    expect(await bent((sent) => (sent.headers['x-amz-meta-added'] = '1'))).toMatchObject({ name: 'AccessDenied' });
    expect(standIn.object('invoices', 'bent')).toBeNull();
  });

  test('a bucket in another region, and one that was not made', async () => {
    const strict = await startS3StandIn({ ...OPTIONS, createBuckets: false });
    const of = client(strict);
    await expect(of.send(new HeadObjectCommand({ Bucket: 'none', Key: 'x' }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 404 },
    });
    const wrong = { LocationConstraint: 'us-east-2' as const };
    await expect(
      of.send(new CreateBucketCommand({ Bucket: 'mine', CreateBucketConfiguration: wrong })),
    ).rejects.toMatchObject({ name: 'IllegalLocationConstraintException' });
    await of.send(new CreateBucketCommand({ Bucket: 'mine' }));
    await of.send(new PutObjectCommand({ Bucket: 'mine', Key: 'x', Body: 'y' }));
    expect(strict.object('mine', 'x')?.body.toString()).toBe('y');
    await strict.close();
  });

  test('more than its memory holds', async () => {
    const small = await startS3StandIn({ ...OPTIONS, maxBytes: 10 });
    const of = client(small);
    await of.send(new PutObjectCommand({ Bucket: 'one', Key: 'x', Body: 'ten bytes!' }));
    await of.send(new PutObjectCommand({ Bucket: 'one', Key: 'x', Body: 'ten again!' }));
    await expect(of.send(new PutObjectCommand({ Bucket: 'one', Key: 'y', Body: '1' }))).rejects.toMatchObject({
      name: 'EntityTooLarge',
    });
    await small.close();
  });
});

test('it counts requests, and every byte on every connection', async () => {
  const own = await startS3StandIn(OPTIONS);
  expect([own.requests, own.bytes, own.lastRequest]).toEqual([0, 0, null]);
  const sent = 'GET /invoices/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n';
  await new Promise<void>((resolve, reject) => {
    const asked = request({
      port: own.port,
      host: '127.0.0.1',
      path: '/invoices/x',
      setHost: false,
      headers: { Host: 'h', Connection: 'close' },
    });
    asked
      .on('response', (answer) => answer.resume().on('close', resolve))
      .on('error', reject)
      .end();
  });
  expect([own.requests, own.bytes]).toEqual([1, sent.length]);
  expect(own.lastRequest).toMatchObject({ method: 'GET', target: '/invoices/x' });
  await own.close();
});
