import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Head } from '../../../src/core/http.ts';
import { Refusal } from '../../../src/core/refusal.ts';
import type { Place } from '../../../src/dialect/dialect.ts';
import { Signer } from '../../../src/sigv4/sign.ts';
import { hashHex } from '../../../src/sigv4/payload.ts';
import { startS3StandIn, type S3StandIn } from '../../../src/standin/s3.ts';
import { dialect, forwarded, place } from './fixture.ts';

const KEYS = { accessKeyId: 'AKREGION', secretAccessKey: 'regional' };
const signer = new Signer();

/** The steps of the dialect over node:http, with nothing else of Domicile: is what comes out what S3 accepts? */
async function pass(request: IncomingMessage, response: ServerResponse, at: Place): Promise<void> {
  const headers: string[] = [];
  for (let i = 0; i < request.rawHeaders.length; i += 2)
    headers.push(request.rawHeaders[i]!.toLowerCase(), request.rawHeaders[i + 1]!);
  const head: Head = { method: request.method ?? '', target: request.url ?? '', headers };
  const refuse = (refusal: Refusal): void => {
    const answer = dialect.refuse(head, refusal.reason, refusal.status, refusal.message, 'r-1');
    response.writeHead(answer.status, [...answer.headers]).end(answer.body);
  };
  const call = dialect.read(head);
  if (call instanceof Refusal) return refuse(call);
  const fault = dialect.guardHead(head, call, at);
  if (fault !== null) return refuse(fault);
  let inspection = null;
  if (call.body === 'inspect') {
    const found = dialect.guardBody(head, call, at, Buffer.concat(await request.toArray()), 65_536);
    if (found instanceof Refusal) return refuse(found);
    inspection = found;
  }
  const out = dialect.rewrite(forwarded(head), call, at, inspection);
  const { host } = at.endpoint;
  const payloadHash = out.payloadHash ?? hashHex(inspection!.body);
  signer.sign({ ...out, host, payloadHash }, { ...KEYS, sessionToken: null }, at.region.cloudRegion, 's3', Date.now());
  const path = out.query === '' ? out.path : `${out.path}?${out.query}`;
  const [name, port] = host.split(':');
  const asked = httpRequest({
    host: name,
    port,
    method: out.method,
    path,
    setHost: false,
    headers: ['host', host, ...out.headers],
  });
  asked.on(
    'response',
    (answer) => response.writeHead(answer.statusCode ?? 0, answer.rawHeaders) && pipeline(answer, response, () => {}),
  );
  asked.on('error', () => response.destroy());
  if (inspection !== null) asked.end(inspection.body);
  else if (out.filter !== null) pipeline(request, out.filter, asked, (error) => error && asked.destroy());
  else pipeline(request, asked, () => {});
}

let standIn: S3StandIn;
let proxy: Server;
let s3: S3Client;
let url: string;
let at: Place;

beforeAll(async () => {
  standIn = await startS3StandIn({ region: 'eu-west', cloudRegion: 'eu-west-1', ...KEYS });
  at = place({ classification: 'identity', endpoint: { host: `127.0.0.1:${standIn.port}`, createBucket: true } });
  proxy = createServer((request, response) => void pass(request, response, at));
  proxy.on('checkContinue', (request, response) => {
    response.writeContinue();
    void pass(request, response, at);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  // The wrong region and a worthless credential: neither matters here.
  s3 = new S3Client({
    endpoint: url,
    region: 'us-west-2',
    forcePathStyle: true,
    credentials: { accessKeyId: 'x', secretAccessKey: 'y' },
  });
});
afterAll(async () => {
  s3.destroy();
  proxy.closeAllConnections();
  await new Promise((resolve) => proxy.close(resolve));
  await standIn.close();
});

const body = async (Key: string): Promise<string> =>
  (await (await s3.send(new GetObjectCommand({ Bucket: 'invoices', Key }))).Body?.transformToString()) ?? '';

describe('a request of the AWS SDK, rewritten and signed anew, is accepted by the region', () => {
  test.each(['plain', 'a b//é+%2F', "!'()*;:@&=$,[]~"])('under the key %j', async (Key) => {
    await s3.send(new PutObjectCommand({ Bucket: 'invoices', Key, Body: 'hello' }));
    expect(await body(Key)).toBe('hello');
    expect(standIn.object('invoices-eu-west-1', Key)?.headers['x-amz-server-side-encryption']).toBe('AES256');
  });

  test('as a stream with a trailer, and as a large buffer', async () => {
    await s3.send(
      new PutObjectCommand({
        Bucket: 'invoices',
        Key: 's',
        Body: Readable.from([Buffer.from('stre'), Buffer.from('am')]),
        ContentLength: 6,
      }),
    );
    expect(standIn.lastRequest?.headers['x-amz-content-sha256']).toBe('STREAMING-UNSIGNED-PAYLOAD-TRAILER');
    expect(await body('s')).toBe('stream');
    await s3.send(new PutObjectCommand({ Bucket: 'invoices', Key: 'l', Body: Buffer.alloc(3_000_000) }));
    expect(standIn.object('invoices-eu-west-1', 'l')?.body.length).toBe(3_000_000);
  });

  test('in parts, by copy, by listing and by deleting many', async () => {
    const large = Buffer.alloc(6 * 1024 * 1024, 'p');
    await new Upload({ client: s3, params: { Bucket: 'invoices', Key: 'parts', Body: large } }).done();
    await s3.send(new CopyObjectCommand({ Bucket: 'archive', Key: 'é', CopySource: 'invoices/parts' }));
    expect(standIn.object('archive-eu-west-1', 'é')?.body.equals(large)).toBe(true);
    const listed = await s3.send(new ListObjectsV2Command({ Bucket: 'archive', Prefix: 'é', Delimiter: '/' }));
    expect(listed.Contents?.map((entry) => entry.Key)).toEqual(['é']);
    await s3.send(new DeleteObjectsCommand({ Bucket: 'archive', Delete: { Objects: [{ Key: 'é' }] } }));
    expect(standIn.object('archive-eu-west-1', 'é')).toBeNull();
  });

  test('as a presigned URL, with the checksum that the SDK put there for no body', async () => {
    const where = { Bucket: 'invoices', Key: 'presigned' };
    const put = await getSignedUrl(s3, new PutObjectCommand(where));
    expect(put).toContain('x-amz-checksum-crc32=AAAAAA');
    expect((await fetch(put, { method: 'PUT', body: 'by url' })).status).toBe(200);
    expect(await (await fetch(await getSignedUrl(s3, new GetObjectCommand(where)))).text()).toBe('by url');
  });

  test('and a new bucket is made in the target region whatever the SDK fills in', async () => {
    await s3.send(new CreateBucketCommand({ Bucket: 'fresh' }));
    expect(standIn.lastRequest).toMatchObject({ method: 'PUT', target: '/fresh-eu-west-1' });
  });
});

describe('a refusal reaches the SDK as its own typed error, in one attempt', () => {
  test('AccessDenied with its reason for 403, InvalidRequest for 400', async () => {
    const before = standIn.bytes;
    await expect(s3.send(new ListBucketsCommand({}))).rejects.toMatchObject({
      name: 'AccessDenied',
      Reason: 'operation_not_permitted',
      $metadata: { httpStatusCode: 403, attempts: 1, requestId: 'r-1' },
    });
    const malformed = new GetObjectCommand({ Bucket: 'invoices', Key: 'a/../b' });
    await expect(s3.send(malformed)).rejects.toMatchObject({ name: 'InvalidRequest', $metadata: { attempts: 1 } });
    await expect(s3.send(new HeadObjectCommand({ Bucket: 'a--x-s3x', Key: 'a/../b' }))).rejects.toMatchObject({
      $metadata: { httpStatusCode: 400 },
    });
    expect(standIn.bytes).toBe(before);
  });
});

const SIGNATURE = 'ab'.repeat(32);
const send = async (sentinel: string, framed: string, more: Record<string, string>): Promise<number | string> => {
  const answer = await fetch(`${url}/invoices/chunked`, {
    method: 'PUT',
    body: framed,
    headers: {
      'x-amz-content-sha256': sentinel,
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '11',
      ...more,
    },
  }).catch(() => 'reset' as const);
  return typeof answer === 'string' ? answer : answer.status;
};
const chunks = `6;chunk-signature=${SIGNATURE}\r\nhello \r\n5;chunk-signature=${SIGNATURE}\r\nworld\r\n0;chunk-signature=${SIGNATURE}\r\n`;
const trailer = (value: string): string =>
  `${chunks}x-amz-checksum-crc32:${value}\r\nx-amz-trailer-signature:${SIGNATURE}\r\n\r\n`;

describe('signed chunks, as other clients send them', () => {
  test('arrive as the plain object', async () => {
    expect(await send('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', `${chunks}\r\n`, {})).toBe(200);
    expect(await body('chunked')).toBe('hello world');
    expect(standIn.object('invoices-eu-west-1', 'chunked')?.headers).not.toHaveProperty('content-encoding');
  });

  test('with a trailer arrive with their checksum, which the region verifies', async () => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32('hello world'));
    const named = { 'x-amz-trailer': 'x-amz-checksum-crc32' };
    expect(await send('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', trailer(sum.toString('base64')), named)).toBe(200);
    expect(await send('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', trailer('AAAAAA=='), named)).toBe(400);
  });

  test('that break off never become an object', async () => {
    const before = standIn.object('invoices-eu-west-1', 'chunked')?.lastModified;
    expect(await send('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', chunks, {})).toBe('reset');
    expect(standIn.object('invoices-eu-west-1', 'chunked')?.lastModified).toBe(before);
  });
});
