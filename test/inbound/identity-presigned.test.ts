import { expect, test } from 'vitest';
import { presignSignature } from '../../src/core/presign.ts';
import { Refusal } from '../../src/core/refusal.ts';
import { readPresigned } from '../../src/inbound/identity/presigned.ts';

const KEY = Buffer.alloc(32, 7);
const PATH = '/t/acme/identity/reports/a%20b';
const EXPIRES = 1_900_000_000;
const NOW = EXPIRES * 1000 - 1;

interface Given {
  method?: string;
  headers?: string[];
  key?: Buffer | null;
  now?: number;
  service?: 'storage' | 'search' | 'inference';
}

const signed = (method: string, path = PATH, expires = EXPIRES) =>
  `${path}?X-Domicile-Expires=${expires}&X-Domicile-Signature=${presignSignature(KEY, method, path, expires)}`;

function read(target: string, { method = 'GET', headers = [], key = KEY, now = NOW, service = 'storage' }: Given = {}) {
  const outcome = readPresigned({ method, target, headers }, service, key, now);
  return outcome instanceof Refusal ? `${outcome.status} ${outcome.reason}: ${outcome.detail}` : outcome;
}

const INVALID = '401 identity_unauthenticated: presigned URL not valid';

test('the signature is HMAC-SHA-256 over method, path and expiry', () => {
  // As `printf 'GET\n/t/a/b/c\n1' | openssl dgst -sha256 -mac HMAC -macopt hexkey:0707…` has it.
  expect(presignSignature(KEY, 'GET', '/t/a/b/c', 1)).toBe(
    '3d22ac0a05991533a122b6fad4b4fc3a65020a51211f64f37029cbdc05532ff7',
  );
});

test('what was signed is the target without its query, for HEAD as for GET', () => {
  expect(read(signed('GET'))).toBe(PATH);
  expect(read(signed('GET'), { method: 'HEAD' })).toBe(PATH);
  expect(read(signed('PUT'), { method: 'PUT' })).toBe(PATH);
});

test.each([
  '/t/acme/identity/reports/key',
  '/t/acme/identity/reports/?prefix=X-Domicile-Expires',
  '/b/k?a=x-domicile-',
])('%s is not presigned', (target) => {
  expect(read(target)).toBeNull();
  expect(read(target, { key: null })).toBeNull();
});

test('a signature of one method is none for another', () => {
  for (const method of ['PUT', 'DELETE', 'POST', 'get', 'OPTIONS'])
    expect(read(signed('GET'), { method })).toBe(INVALID);
  for (const method of ['GET', 'HEAD']) expect(read(signed('PUT'), { method })).toBe(INVALID);
  expect(read(signed('HEAD'), { method: 'HEAD' })).toBe(INVALID);
});

test('past its time it is refused, and nobody can put that off', () => {
  expect(read(signed('GET'), { now: EXPIRES * 1000 - 1 })).toBe(PATH);
  expect(read(signed('GET'), { now: EXPIRES * 1000 })).toBe('401 identity_unauthenticated: presigned URL expired');
  expect(read(signed('GET').replace(`${EXPIRES}`, `${EXPIRES + 1}`))).toBe(INVALID);
});

const [EXPIRY, SIGNATURE] = signed('GET').split('?')[1]!.split('&') as [string, string];
const withQuery = (query: string) => `${PATH}?${query}`;

test.each([
  ['without a signature', withQuery(EXPIRY)],
  ['without an expiry', withQuery(SIGNATURE)],
  ['with two expiries', withQuery(`${EXPIRY}&${EXPIRY}&${SIGNATURE}`)],
  ['with two signatures', withQuery(`${EXPIRY}&${SIGNATURE}&${SIGNATURE}`)],
  ['with a second one encoded', withQuery(`${EXPIRY}&${SIGNATURE}&X%2dDomicile%2DSignature=0`)],
  ['with names in small letters', withQuery(`${EXPIRY}&${SIGNATURE}`.toLowerCase())],
  ['with an encoded name', withQuery(`${EXPIRY}&${SIGNATURE}`.replace('X-Domicile-E', 'X-%44omicile-E'))],
  ['with a name of ours that is none', withQuery('X-Domicile-Tenant=acme')],
  ['with an operation', withQuery(`acl&${EXPIRY}&${SIGNATURE}`)],
  ['with another version', withQuery(`${EXPIRY}&${SIGNATURE}&versionId=1`)],
  ['with an empty parameter', withQuery(`${EXPIRY}&${SIGNATURE}&`)],
  ['with an expiry that is no number', withQuery(`X-Domicile-Expires=1e9&${SIGNATURE}`)],
  ['with an expiry that begins with 0', withQuery(`X-Domicile-Expires=0${EXPIRES}&${SIGNATURE}`)],
  ['with a signature in capitals', withQuery(`${EXPIRY}&${SIGNATURE.replace(/=.*/, (value) => value.toUpperCase())}`)],
  ['with a signature cut short', withQuery(`${EXPIRY}&${SIGNATURE.slice(0, -1)}`)],
  ['with an empty signature', withQuery(`${EXPIRY}&X-Domicile-Signature=`)],
  [
    'with another key’s signature',
    withQuery(`${EXPIRY}&X-Domicile-Signature=${presignSignature(Buffer.alloc(32, 8), 'GET', PATH, EXPIRES)}`),
  ],
  ['of another tenant', signed('GET').replace('acme', 'globex')],
  ['of another class', signed('GET').replace('identity', 'content')],
  ['of another key', signed('GET').replace('reports', 'secrets')],
  ['that is spelled otherwise', signed('GET').replace('a%20b', '%61%20b')],
  ['with a longer path', signed('GET').replace('a%20b', 'a%20b/c')],
])('one %s is refused', (_, target) => {
  expect(read(target)).toBe(INVALID);
});

test('without a key any is refused', () => {
  expect(read(signed('GET'), { key: null })).toBe(INVALID);
});

test('a URL of the store opens nothing on another port', () => {
  const path = '/t/acme/identity/notes/_search';
  for (const service of ['search', 'inference'] as const) expect(read(signed('GET', path), { service })).toBe(INVALID);
  expect(read(signed('GET', path))).toBe(path);
});

test('headers cannot make another operation of it', () => {
  const put = signed('PUT');
  const headers = (...flat: string[]) => read(put, { method: 'PUT', headers: flat });
  expect(headers('x-amz-copy-source', '/secrets/key')).toBe(INVALID);
  expect(headers('x-amz-tagging', 'a=b')).toBe(INVALID);
  expect(headers('x-amz-acl', 'private')).toBe(INVALID);
  expect(headers('x-amz-meta-a', 'b')).toBe(INVALID);
  expect(headers('content-type', 'text/plain', 'x-amz-content-sha256', 'UNSIGNED-PAYLOAD', 'x-amz-date', 'd')).toBe(
    PATH,
  );
  expect(headers('x-amz-sdk-checksum-algorithm', 'CRC32', 'x-amz-checksum-crc32', 'AAAAAA==')).toBe(PATH);
});
