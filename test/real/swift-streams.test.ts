import { randomBytes } from 'node:crypto';
import { request, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { crc32 } from 'node:zlib';
import { GetObjectCommand, NoSuchKey, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available } from '../servers/servers.ts';
import { signChunkedPut, type ChunkedOptions, type ChunkedPut, type Signatory } from './aws-chunked.ts';
import { FACTS, physical, SwiftRegions } from './swift-regions.ts';

const Bucket = 'docs';
/** What a client of Domicile signs with is of no matter. */
const STRANGER: Signatory = { accessKeyId: 'ignored', secretAccessKey: 'ignored', region: 'us-east-1' };

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** Sends a PUT as it is, `piece` bytes at a time. */
function send(url: string, { headers, body }: ChunkedPut, piece = body.length): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const put = request(url, { method: 'PUT', headers, agent: false }, (answer) => {
      const told = { status: answer.statusCode!, headers: answer.headers };
      text(answer).then((said) => resolve({ ...told, body: said }), reject);
    });
    put.on('error', reject);
    for (let at = 0; at < body.length; at += piece) put.write(body.subarray(at, at + piece));
    put.end();
  });
}

function checksum(bytes: Buffer): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
}

describe.skipIf(available('swift'))('streamed bodies before a real S3 region', () => {
  let regions: SwiftRegions;
  let eu: S3Client;
  const lies = async (Key: string) => {
    const { Body } = await eu.send(new GetObjectCommand({ Bucket: physical(Bucket, regions.eu), Key }));
    return Buffer.from(await Body!.transformToByteArray());
  };
  const absent = (key: string) => expect(lies(key)).rejects.toBeInstanceOf(NoSuchKey);
  const urlOf = (key: string) => `${regions.rig.storage}/${Bucket}/${key}`;
  const through = (key: string, more: Omit<ChunkedOptions, 'url' | 'signatory'>) =>
    signChunkedPut({ url: urlOf(key), signatory: STRANGER, ...more, headers: { ...FACTS, ...more.headers } });
  /** The same, signed for the store itself. */
  const direct = (key: string, more: Omit<ChunkedOptions, 'url' | 'signatory'>) => {
    const { region, access_key, secret_key } = regions.eu.fields as Record<string, string>;
    const signatory = { accessKeyId: access_key!, secretAccessKey: secret_key!, region: region! };
    return signChunkedPut({ url: directUrlOf(key), signatory, ...more });
  };
  const directUrlOf = (key: string) => `${regions.eu.url}/${physical(Bucket, regions.eu)}/${key}`;

  beforeAll(async () => {
    regions = await SwiftRegions.start();
    eu = regions.direct(regions.eu);
  });
  afterAll(() => regions.stop());

  describe('with a checksum in a trailer, and no signature over the body', () => {
    test('the SDK streams, and the store verifies the trailer that it sent', async () => {
      const parts = Array.from({ length: 12 }, () => randomBytes(40_000));
      await regions.through(FACTS).send(
        new PutObjectCommand({
          Bucket,
          Key: 'sdk',
          Body: Readable.from(parts),
          ContentLength: 480_000,
          ContentEncoding: 'gzip',
        }),
      );
      expect((await lies('sdk')).equals(Buffer.concat(parts))).toBe(true);
    });

    test.each([
      ['chunked transfer', {}],
      ['a length', { 'content-length': '46' }],
    ])('the framing passes byte for byte, by %s: a wrong checksum is the store to find', async (_, length) => {
      const put = (key: string, sum: string) => {
        const body = Buffer.from(`5\r\nhello\r\n0\r\nx-amz-checksum-crc32:${sum}\r\n\r\n`);
        const headers = {
          ...FACTS,
          ...length,
          'content-encoding': 'aws-chunked',
          'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          'x-amz-decoded-content-length': '5',
          'x-amz-trailer': 'x-amz-checksum-crc32',
        };
        expect(body.length).toBe(46);
        return send(urlOf(key), { headers, body });
      };
      const good = checksum(Buffer.from('hello'));
      expect(await put('trailer', good)).toMatchObject({ status: 200, headers: { 'x-residency-region': 'eu-west' } });
      expect((await lies('trailer')).toString()).toBe('hello');
      const bad = await put('bad-trailer', checksum(Buffer.from('other')));
      expect([bad.status, bad.body]).toEqual([400, expect.stringContaining('<Code>BadDigest</Code>')]);
      await absent('bad-trailer');
    });
  });

  describe('with a signature in each chunk', () => {
    const chunks = [randomBytes(64 * 1024), randomBytes(64 * 1024), Buffer.from('a short last one')];
    const whole = Buffer.concat(chunks);
    const trailer = ['x-amz-checksum-crc32', checksum(whole)] as const;

    test('the store itself takes what this test signs, and nothing that was changed afterwards', async () => {
      expect((await send(directUrlOf('direct'), await direct('direct', { chunks }))).status).toBe(200);
      expect((await lies('direct')).equals(whole)).toBe(true);
      const { headers, body } = await direct('changed', { chunks });
      body[100]! ^= 1;
      const answer = await send(directUrlOf('changed'), { headers, body });
      expect([answer.status, answer.body]).toEqual([403, expect.stringContaining('SignatureDoesNotMatch')]);
    });

    test('the chunks are decoded, and the object is their sum', async () => {
      const headers = { 'content-type': 'text/x', 'x-amz-meta-case': '7' };
      const answer = await regions.untouched(regions.us, async () =>
        send(urlOf('signed'), await through('signed', { chunks, headers })),
      );
      expect(answer).toMatchObject({ status: 200, headers: { 'x-residency-reason': 'in_residency' } });
      expect((await lies('signed')).equals(whole)).toBe(true);
      const stored = await eu.send(new GetObjectCommand({ Bucket: physical(Bucket, regions.eu), Key: 'signed' }));
      expect(stored).toMatchObject({ ContentType: 'text/x', Metadata: { case: '7' } });
      expect(stored.ContentEncoding ?? '').not.toContain('aws-chunked');
    });

    test('however the bytes are cut on the wire', async () => {
      const small = [Buffer.from('\r\n0;chunk-signature='), randomBytes(300), Buffer.from('\n')];
      for (const piece of [1, 7, 64]) {
        const key = `cut-${piece}`;
        const answer = await send(urlOf(key), await through(key, { chunks: small }), piece);
        expect(answer.status).toBe(200);
        expect((await lies(key)).equals(Buffer.concat(small))).toBe(true);
      }
    });

    test('an empty object is one too', async () => {
      expect((await send(urlOf('empty'), await through('empty', { chunks: [] }))).status).toBe(200);
      expect((await lies('empty')).length).toBe(0);
    });

    test('a signed trailer becomes an unsigned one, which the store verifies', async () => {
      const good = await through('signed-trailer', { chunks, trailer });
      expect((await send(urlOf('signed-trailer'), good)).status).toBe(200);
      expect((await lies('signed-trailer')).equals(whole)).toBe(true);
      const wrong = [trailer[0], checksum(Buffer.from('other'))] as const;
      const bad = await send(urlOf('wrong-trailer'), await through('wrong-trailer', { chunks, trailer: wrong }));
      expect([bad.status, bad.body]).toEqual([400, expect.stringContaining('<Code>BadDigest</Code>')]);
      await absent('wrong-trailer');
    });

    test.each([
      ['is shorter than it says', { chunks, decodedLength: whole.length + 1 }],
      ['is longer than it says', { chunks, decodedLength: whole.length - 1 }],
    ])('a stream that %s never becomes an object', async (title, options) => {
      const key = title.replaceAll(' ', '-');
      const answer = await send(urlOf(key), await through(key, options));
      expect(answer).toMatchObject({ status: 400, headers: { 'x-residency-reason': 'request_malformed' } });
      await absent(key);
    });

    test('a chunk that claims another size never becomes an object', async () => {
      const { headers, body } = await through('torn', { chunks });
      body[0]! ^= 1; // the first digit of the first size
      const answer = await send(urlOf('torn'), { headers, body });
      expect(answer).toMatchObject({ status: 400, headers: { 'x-residency-reason': 'request_malformed' } });
      await absent('torn');
    });

    test('one that belongs abroad is refused before its bytes are read', async () => {
      const headers = { 'x-requested-region': 'us-east' };
      const put = await through('abroad', { chunks, headers });
      const answer = await regions.untouched(regions.us, () =>
        regions.untouched(regions.eu, () => send(urlOf('abroad'), put)),
      );
      expect(answer).toMatchObject({ status: 403, headers: { 'x-residency-reason': 'region_not_allowed' } });
    });
  });
});
