import { describe, expect, test } from 'vitest';
import type { Head } from '../../../src/core/http.ts';
import { call, dialect, EMPTY_HASH, forwarded, head, place, upstream, verdict } from './fixture.ts';

const HEX = 'a'.repeat(64);
const put = (headers: Record<string, string>): Head => head('PUT', '/invoices/a', headers);
const hashOf = (of: Head): string | null => dialect.rewrite(forwarded(of), call(of), place(), null).payloadHash;
const chunked = (hash: string, more: Record<string, string> = {}): Head =>
  put({
    'x-amz-content-sha256': hash,
    'content-encoding': 'aws-chunked',
    'x-amz-decoded-content-length': '11',
    'content-length': '300',
    ...more,
  });
const TRAILER = { 'x-amz-trailer': 'x-amz-checksum-crc32' };

describe('the payload hash', () => {
  test.each<[string, Record<string, string>, string]>([
    ['hex is reused', { 'x-amz-content-sha256': HEX, 'content-length': '3' }, HEX],
    ['hex in upper case is the same hash', { 'x-amz-content-sha256': HEX.toUpperCase(), 'content-length': '3' }, HEX],
    [
      'UNSIGNED-PAYLOAD is kept',
      { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'content-length': '3' },
      'UNSIGNED-PAYLOAD',
    ],
    ['UNSIGNED-PAYLOAD without a body is the empty hash', { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }, EMPTY_HASH],
    ['none is UNSIGNED-PAYLOAD with a body', { 'content-length': '3' }, 'UNSIGNED-PAYLOAD'],
    ['none is UNSIGNED-PAYLOAD with a chunked body', { 'transfer-encoding': 'chunked' }, 'UNSIGNED-PAYLOAD'],
    ['none is the empty hash without a body', { 'content-length': '0' }, EMPTY_HASH],
  ])('%s', (_, headers, hash) => {
    expect(hashOf(put(headers))).toBe(hash);
  });

  test.each<[string, Record<string, string>]>([
    ['too short', { 'x-amz-content-sha256': HEX.slice(1) }],
    ['empty', { 'x-amz-content-sha256': '' }],
    ['unknown word', { 'x-amz-content-sha256': 'STREAMING-SOMETHING' }],
    ['aws-chunked without a sentinel', { 'x-amz-content-sha256': HEX, 'content-encoding': 'gzip, AWS-chunked' }],
    ['a decoded length without a sentinel', { 'x-amz-content-sha256': HEX, 'x-amz-decoded-content-length': '3' }],
    ['a trailer without a sentinel', { 'x-amz-content-sha256': HEX, 'x-amz-trailer': 'x-amz-checksum-crc32' }],
  ])('%s is request_malformed', (_, headers) => {
    expect(verdict(put({ 'content-length': '3', ...headers }))).toBe('request_malformed');
  });
});

describe('an unsigned body', () => {
  const open = place({ endpoint: { secure: false } });
  test.each<[string, Head]>([
    ['UNSIGNED-PAYLOAD', put({ 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD', 'content-length': '3' })],
    ['no hash', put({ 'content-length': '3' })],
    ['an unsigned trailer', chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER', TRAILER)],
    ['signed chunks, which lose their signatures', chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD')],
    ['signed chunks with a trailer', chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', TRAILER)],
  ])('(%s) needs a secure endpoint, else encryption_required', (_, of) => {
    expect(verdict(of)).toBe('allowed');
    expect(verdict(of, open)).toBe('encryption_required');
  });

  test('that is hashed, or empty, or inspected, does not', () => {
    expect(verdict(put({ 'x-amz-content-sha256': HEX, 'content-length': '3' }), open)).toBe('allowed');
    expect(verdict(head('GET', '/invoices/a', { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }), open)).toBe('allowed');
    expect(verdict(head('POST', '/invoices/a?restore', { 'content-length': '3' }), open)).toBe('allowed');
  });
});

describe('aws-chunked', () => {
  test('with an unsigned trailer passes byte for byte with its headers', () => {
    const of = chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER', TRAILER);
    const out = dialect.rewrite(forwarded(of), call(of), place(), null);
    expect([out.payloadHash, out.filter]).toEqual(['STREAMING-UNSIGNED-PAYLOAD-TRAILER', null]);
    expect(upstream(of)).toEqual({
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '11',
      'content-length': '300',
      ...TRAILER,
    });
  });

  test('with signed chunks becomes a plain body of the decoded length', () => {
    const of = chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { 'content-encoding': 'aws-chunked,gzip' });
    const out = dialect.rewrite(forwarded(of), call(of), place(), null);
    expect(out.payloadHash).toBe('UNSIGNED-PAYLOAD');
    expect(out.filter).not.toBeNull();
    expect(upstream(of)).toEqual({ 'content-encoding': 'gzip', 'content-length': '11' });
    expect(upstream(chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD'))).toEqual({ 'content-length': '11' });
  });

  test('with signed chunks and a trailer becomes an unsigned trailer of unknown length', () => {
    const of = chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', TRAILER);
    const out = dialect.rewrite(forwarded(of), call(of), place(), null);
    expect(out.payloadHash).toBe('STREAMING-UNSIGNED-PAYLOAD-TRAILER');
    expect(out.filter).not.toBeNull();
    expect(upstream(of)).toEqual({
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '11',
      ...TRAILER,
    });
  });

  test.each<[string, Head]>([
    [
      'no decoded length',
      put({ 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'content-length': '3', ...TRAILER }),
    ],
    [
      'a decoded length that is none',
      chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { 'x-amz-decoded-content-length': '1e3' }),
    ],
    [
      'a negative decoded length',
      chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', { 'x-amz-decoded-content-length': '-1' }),
    ],
    ['no trailer', chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER')],
    ['a trailer where none belongs', chunked('STREAMING-AWS4-HMAC-SHA256-PAYLOAD', TRAILER)],
    [
      'a trailer that is no checksum',
      chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER', { 'x-amz-trailer': 'x-amz-copy-source' }),
    ],
    [
      'a trailer twice',
      chunked('STREAMING-UNSIGNED-PAYLOAD-TRAILER', { 'x-amz-trailer': 'x-amz-checksum-crc32,x-amz-checksum-crc32' }),
    ],
    [
      'no body',
      put({ 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'x-amz-decoded-content-length': '0' }),
    ],
    [
      'a body that is inspected',
      head('POST', '/invoices/a?restore', {
        'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
        'x-amz-decoded-content-length': '3',
        'content-length': '99',
      }),
    ],
  ])('with %s is request_malformed', (_, of) => {
    expect(verdict(of)).toBe('request_malformed');
  });
});

describe('a presigned URL', () => {
  const SIGNED =
    'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AK%2F20200101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20200101T000000Z&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=abc&X-Amz-Security-Token=t+t';

  test('loses its credential, its expiry with it', () => {
    const of = head('GET', `/invoices/a?${SIGNED}&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD&x-id=GetObject&versionId=1`);
    expect(verdict(of)).toBe('allowed');
    expect(dialect.rewrite(forwarded(of), call(of), place(), null).query).toBe('versionId=1');
  });

  test('of SigV2 likewise', () => {
    const of = head('GET', '/invoices/a?AWSAccessKeyId=AK&Signature=a%2Bb&Expires=1');
    expect(dialect.rewrite(forwarded(of), call(of), place(), null).query).toBe('');
  });

  test('has its hoisted headers sent as headers, under the rules of headers', () => {
    const of = head('PUT', `/invoices/a?${SIGNED}&x-amz-meta-case=4711&x-amz-checksum-crc32=NSRBwg==`, {
      'content-length': '3',
    });
    expect(upstream(of)).toEqual({
      'content-length': '3',
      'x-amz-meta-case': '4711',
      'x-amz-checksum-crc32': 'NSRBwg==',
    });
    expect(verdict(head('PUT', `/invoices/a?${SIGNED}&x-amz-acl=public-read`))).toBe('operation_not_permitted');
    expect(verdict(head('PUT', `/invoices/a?${SIGNED}&X-Amz-Copy-Source=arn%3Aaws%3As3`))).toBe(
      'leak_blocked:bucket_arn',
    );
    expect(verdict(head('PUT', `/invoices/a?${SIGNED}&x-amz-meta-a=b%0Ac`))).toBe('request_malformed');
  });

  test('that contradicts a header is request_malformed', () => {
    const of = head('PUT', `/invoices/a?${SIGNED}&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD`, {
      'x-amz-content-sha256': HEX,
    });
    expect(verdict(of)).toBe('request_malformed');
  });

  test('loses the checksum of an empty body when there is a body, and only then', () => {
    const target = `/invoices/a?${SIGNED}&x-amz-checksum-crc32=AAAAAA%3D%3D&x-amz-sdk-checksum-algorithm=CRC32`;
    expect(upstream(head('PUT', target, { 'content-length': '3' }))).toEqual({ 'content-length': '3' });
    expect(upstream(head('PUT', target, { 'content-length': '0' }))).toEqual({
      'content-length': '0',
      'x-amz-checksum-crc32': 'AAAAAA==',
      'x-amz-sdk-checksum-algorithm': 'CRC32',
    });
  });
});
