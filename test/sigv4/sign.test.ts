import { createHash, createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  EMPTY_SHA256,
  hashHex,
  STREAMING_AWS4_HMAC_SHA256_PAYLOAD,
  STREAMING_UNSIGNED_PAYLOAD_TRAILER,
  UNSIGNED_PAYLOAD,
} from '../../src/sigv4/payload.ts';
import { Signer, type SigningCredentials, type SigningRequest } from '../../src/sigv4/sign.ts';

const S3_DOCS: SigningCredentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: null,
};
const IAM_DOCS: SigningCredentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: null,
};
const S3_DOCS_TIME = Date.UTC(2013, 4, 24);
const IAM_DOCS_TIME = Date.UTC(2015, 7, 30, 12, 36);

describe('signatures that AWS has published', () => {
  // S3 API, "Signature Calculations for the Authorization Header". Its other two examples sign `range` and `date`.
  it.each([
    ['lifecycle', 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543'],
    ['max-keys=2&prefix=J', '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7'],
  ])('are ours: S3 GET /?%s', (query, signature) => {
    const headers = sign({ query, host: 'examplebucket.s3.amazonaws.com' }, S3_DOCS, 'us-east-1', 's3', S3_DOCS_TIME);
    expect(valueOf(headers, 'authorization')).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, ' +
        `SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${signature}`,
    );
  });

  it('are ours: IAM ListUsers, from the general reference', () => {
    const request = {
      query: 'Action=ListUsers&Version=2010-05-08',
      host: 'iam.amazonaws.com',
      headers: ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
    };
    const headers = sign(request, IAM_DOCS, 'us-east-1', 'iam', IAM_DOCS_TIME);
    expect(valueOf(headers, 'authorization')).toBe(
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, ' +
        'SignedHeaders=content-type;host;x-amz-date, ' +
        'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    );
  });
});

describe('signing', () => {
  it('covers host, content-type, content-md5 and all of x-amz-, and nothing that a proxy on the way may change', () => {
    const headers = sign({
      headers: [
        ['user-agent', 'u', 'x-forwarded-for', '10.0.0.1', 'x-amzn-trace-id', 't', 'x-request-id', 'r'],
        ['traceparent', '00-0-0-00', 'expect', '100-continue', 'accept', '*/*', 'content-length', '3'],
        ['content-type', 'text/plain', 'range', 'bytes=0-1', 'x-amz-meta-a', '1', 'content-md5', 'm'],
        ['x-amz', 'no', 'content-encoding', 'aws-chunked', 'date', 'd', 'x-amz-acl', 'private'],
      ].flat(),
    });
    expect(signedNames(headers)).toBe(
      'content-md5;content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date;x-amz-meta-a',
    );
  });

  it('appends its own headers after those that were there, and leaves those alone', () => {
    const headers = sign({ headers: ['x-amz-meta-a', '  a   b '] }, { ...S3_DOCS, sessionToken: 'TOKEN' });
    expect(headers.filter((_, i) => i % 2 === 0)).toEqual([
      'x-amz-meta-a',
      'x-amz-date',
      'x-amz-content-sha256',
      'x-amz-security-token',
      'authorization',
    ]);
    expect(valueOf(headers, 'x-amz-meta-a')).toBe('  a   b ');
    expect(valueOf(headers, 'x-amz-date')).toBe('20130524T000000Z');
    expect(valueOf(headers, 'x-amz-security-token')).toBe('TOKEN');
    expect(signedNames(headers)).toContain('x-amz-security-token');
  });

  it.each([
    ['s3', EMPTY_SHA256, true, 'S3 asks for it'],
    ['aoss', EMPTY_SHA256, true, 'OpenSearch Serverless asks for it'],
    ['es', EMPTY_SHA256, false, 'the service hashes the body itself'],
    ['bedrock', EMPTY_SHA256, false, 'the service hashes the body itself'],
    ['es', UNSIGNED_PAYLOAD, true, 'a sentinel must be told'],
    ['s3', STREAMING_UNSIGNED_PAYLOAD_TRAILER, true, 'a sentinel must be told'],
  ])('for %s sends the payload hash %s: %s, for %s', (service, payloadHash, sent) => {
    const headers = sign({ payloadHash }, S3_DOCS, 'us-east-1', service);
    expect(valueOf(headers, 'x-amz-content-sha256')).toBe(sent ? payloadHash : null);
    expect(signedNames(headers).includes('x-amz-content-sha256')).toBe(sent);
  });

  it('changes with the second and with the day, not within a second', () => {
    const midnight = Date.UTC(2026, 10, 8);
    const signer = new Signer();
    const at = (now: number): string => signAt(signer, now);
    expect(at(midnight - 1)).toContain('20261107T235959Z AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261107/');
    expect(at(midnight)).toContain('20261108T000000Z AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261108/');
    expect(at(midnight + 999)).toBe(at(midnight));
    expect(at(midnight - 1)).toBe(signAt(new Signer(), midnight - 1));
  });

  it('covers the bytes of a header value as they are sent, also beyond ASCII', () => {
    const sent = Buffer.from('café €').toString('latin1');
    const headers = sign({ headers: ['x-amz-meta-a', sent] });
    const canonical = Buffer.from(
      `GET\n/\n\nhost:h\nx-amz-content-sha256:${EMPTY_SHA256}\nx-amz-date:20130524T000000Z\nx-amz-meta-a:café €\n\n` +
        `host;x-amz-content-sha256;x-amz-date;x-amz-meta-a\n${EMPTY_SHA256}`,
    );
    const text = `AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n${createHash('sha256').update(canonical).digest('hex')}`;
    let chain: string | Buffer = `AWS4${S3_DOCS.secretAccessKey}`;
    for (const part of ['20130524', 'us-east-1', 's3', 'aws4_request', text]) {
      chain = createHmac('sha256', chain).update(part).digest();
    }
    expect(valueOf(headers, 'authorization')).toMatch(new RegExp(`Signature=${(chain as Buffer).toString('hex')}$`));
  });

  it('leaves nothing of one request in the next', () => {
    const signer = new Signer();
    const first = signAt(signer, S3_DOCS_TIME);
    signer.sign(
      requestOf({ headers: ['x-amz-a', '\xe9', 'x-amz-b', '2'] }),
      { ...S3_DOCS, sessionToken: 'T' },
      'r',
      'es',
      0,
    );
    expect(() => signer.sign(requestOf({ headers: ['x-amz-c', '€'] }), S3_DOCS, 'r', 's3', 0)).toThrow(TypeError);
    expect(signAt(signer, S3_DOCS_TIME)).toBe(first);
  });
});

describe('misuse is a TypeError, and nothing is appended', () => {
  it.each(['host', 'authorization', 'x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token'])(
    'a header %s that is there already',
    (name) => {
      expectMisuse({ headers: ['accept', '*/*', name, 'x'] }, name);
    },
  );

  it.each([
    '',
    'unsigned-payload',
    EMPTY_SHA256.toUpperCase(),
    `${EMPTY_SHA256}\n`,
    STREAMING_AWS4_HMAC_SHA256_PAYLOAD,
  ])('the payload hash %j: it is none, or signs chunks one after the other', (payloadHash) => {
    expectMisuse({ payloadHash }, 'payload hash');
  });

  it.each([
    [{ path: 'a' }, 'path'],
    [{ path: '/%zz' }, 'path'],
    [{ query: 'a=%' }, 'query'],
    [{ query: 'a=é' }, 'query'],
    [{ host: 'h\r\nx: y' }, 'header value'],
    [{ headers: ['x-amz-meta-a', 'a\nb'] }, 'header value'],
  ])('a request with %j', (wrong, message) => {
    expectMisuse(wrong, message);
  });

  it.each([Number.NaN, -1, -1000, Infinity, 253_402_300_800_000])('the time %d', (now) => {
    expectMisuse({}, 'time', now);
  });

  it('a key cache without room', () => {
    expect(() => new Signer({ keyCacheSize: 0 })).toThrow(TypeError);
  });
});

describe('a payload', () => {
  it('is hashed to lower-case hex, a string as UTF-8', () => {
    expect(hashHex('')).toBe(EMPTY_SHA256);
    expect(hashHex(Buffer.alloc(0))).toBe(EMPTY_SHA256);
    expect(hashHex('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(hashHex('é')).toBe(hashHex(Buffer.from([0xc3, 0xa9])));
  });
});

function requestOf(parts: Partial<SigningRequest>): SigningRequest {
  return { method: 'GET', path: '/', query: '', host: 'h', headers: [], payloadHash: EMPTY_SHA256, ...parts };
}

function sign(
  parts: Partial<SigningRequest>,
  credentials = S3_DOCS,
  region = 'us-east-1',
  service = 's3',
  now = S3_DOCS_TIME,
): string[] {
  const request = requestOf({ ...parts, headers: [...(parts.headers ?? [])] });
  new Signer().sign(request, credentials, region, service, now);
  return request.headers;
}

function signAt(signer: Signer, now: number): string {
  const request = requestOf({ headers: [] });
  signer.sign(request, S3_DOCS, 'us-east-1', 's3', now);
  return `${valueOf(request.headers, 'x-amz-date')} ${valueOf(request.headers, 'authorization')}`;
}

function expectMisuse(parts: Partial<SigningRequest>, message: string, now = S3_DOCS_TIME): void {
  const request = requestOf(parts);
  const before = [...request.headers];
  const act = (): void => new Signer().sign(request, S3_DOCS, 'us-east-1', 's3', now);
  expect(act).toThrow(TypeError);
  expect(act).toThrow(message);
  expect(request.headers).toEqual(before);
}

function valueOf(headers: readonly string[], name: string): string | null {
  const at = headers.findIndex((each, i) => i % 2 === 0 && each === name);
  return at < 0 ? null : headers[at + 1]!;
}

function signedNames(headers: readonly string[]): string {
  return /SignedHeaders=([^,]+)/.exec(valueOf(headers, 'authorization') ?? '')?.[1] ?? '';
}
