import { describe, expect, test } from 'vitest';
import { call, dialect, head, place, refusal, upstream, verdict } from './fixture.ts';

const copy = (source: string): Record<string, string> => ({ 'x-amz-copy-source': source });

/** The rows of the leak table, by what a head can show. */
describe('a head that names another place is refused as a leak', () => {
  test.each<[string, string, string, Record<string, string>, string]>([
    [
      'copy from an access point',
      'PUT',
      '/invoices/a',
      copy('arn%3Aaws%3As3%3Aus-east-1%3A1%3Aaccesspoint%2Fx%2Fobject%2Fk'),
      'bucket_arn',
    ],
    ['copy from a bucket ARN', 'PUT', '/invoices/a', copy('arn:aws:s3:::other/k'), 'bucket_arn'],
    ['copy from an access point alias', 'PUT', '/invoices/a', copy('ap-xyz-s3alias/k'), 'access_point'],
    ['copy from a multi-region alias', 'PUT', '/invoices/a', copy('/mfzwi23gnjvgw.mrap/k'), 'multi_region'],
    [
      'copy from a directory bucket',
      'PUT',
      '/invoices/a?uploadId=u&partNumber=1',
      copy('b--use1-az4--x-s3/k'),
      's3_express',
    ],
    ['copy from an object lambda alias', 'PUT', '/invoices/a', copy('b--ol-s3/k'), 'object_lambda'],
    ['a bucket that is an ARN', 'GET', '/arn%3Aaws%3As3%3A%3A%3Aother/k', {}, 'bucket_arn'],
    ['an access point alias', 'GET', '/ap-xyz-s3alias/k', {}, 'access_point'],
    ['a multi-region alias', 'GET', '/mfzwi23gnjvgw.mrap/k', {}, 'multi_region'],
    ['a directory bucket', 'PUT', '/b--use1-az4--x-s3/k', {}, 's3_express'],
    ['an object lambda alias', 'GET', '/B--OL-S3/k', {}, 'object_lambda'],
    ['a rename', 'PUT', '/invoices/a', { 'x-amz-rename-source': 'b/k' }, 'rename'],
    [
      'a website redirect',
      'PUT',
      '/invoices/a',
      { 'x-amz-website-redirect-location': 'https://us' },
      'website_redirect',
    ],
    ['a region set', 'GET', '/invoices/a', { 'x-amz-region-set': '*' }, 'multi_region'],
    ['an object lambda route', 'GET', '/invoices/a', { 'x-amz-request-route': 'r' }, 'object_lambda'],
    ['an S3 Express session', 'GET', '/invoices/a', { 'x-amz-s3session-token': 't' }, 's3_express'],
    ['a control-plane account', 'GET', '/invoices/a', { 'x-amz-account-id': '1' }, 'control_plane'],
    ['a grant to another account', 'PUT', '/invoices/a', { 'x-amz-grant-read': 'id=1' }, 'acl_grant'],
    [
      'SigV4a in the header',
      'GET',
      '/invoices/a',
      { authorization: 'AWS4-ECDSA-P256-SHA256 Credential=x' },
      'multi_region',
    ],
    ['SigV4a in the query', 'GET', '/invoices/a?X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256', {}, 'multi_region'],
    ['a region set in the query', 'GET', '/invoices/a?X-Amz-Region-Set=us-east-1', {}, 'multi_region'],
    [
      'SigV4a chunks',
      'PUT',
      '/invoices/a',
      { 'content-length': '5', 'x-amz-content-sha256': 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' },
      'multi_region',
    ],
    [
      'a signed event stream',
      'POST',
      '/invoices/a?select&select-type=2',
      { 'content-length': '5', 'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-EVENTS' },
      'event_stream',
    ],
    [
      'a key of another region',
      'PUT',
      '/invoices/a',
      { 'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:us-east-1:1:key/k' },
      'kms_key',
    ],
    [
      'a key of another region in a multipart',
      'POST',
      '/invoices/a?uploads',
      { 'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:us-east-1:1:alias/k' },
      'kms_key',
    ],
    [
      'a key of another region in a copy',
      'PUT',
      '/invoices/a',
      { ...copy('b-b/k'), 'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:us-east-1:1:key/k' },
      'kms_key',
    ],
    [
      'a key that is some other ARN',
      'PUT',
      '/invoices/a',
      { 'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:s3:eu-west-1:1:key/k' },
      'kms_key',
    ],
  ])('%s', (_, method, target, headers, leak) => {
    expect(verdict(head(method, target, headers))).toBe(`leak_blocked:${leak}`);
  });

  test.each([
    ['invoices.s3-accelerate.amazonaws.com', 'acceleration'],
    ['x.mrap.accesspoint.s3-global.amazonaws.com', 'multi_region'],
    ['1.s3-control.us-east-1.amazonaws.com', 'control_plane'],
    ['x.s3-object-lambda.us-east-1.amazonaws.com', 'object_lambda'],
    ['B.S3Express-use1-az4.us-east-1.amazonaws.com', 's3_express'],
  ])('the host %s', (host, leak) => {
    expect(verdict({ method: 'GET', target: '/invoices/a', headers: ['host', host] })).toBe(`leak_blocked:${leak}`);
  });

  test('a tenant whose name makes a reserved bucket out of the template', () => {
    const at = place({ tenant: 'x--x-s3', endpoint: { bucket: '{bucket}-{tenant}' } });
    expect(verdict(head('GET', '/invoices/a'), at)).toBe('leak_blocked:s3_express');
    expect(verdict(head('GET', '/invoices/a'), place({ tenant: 'Acme_1', endpoint: { bucket: '{tenant}' } }))).toBe(
      'request_malformed',
    );
  });

  test('the message names no other region, the detail does', () => {
    const refused = refusal(
      head('PUT', '/invoices/a', { 'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:us-east-1:1:key/k' }),
    );
    expect(refused?.message).not.toContain('us-east-1');
    expect(refused?.detail).toContain('us-east-1');
  });
});

describe('a header of x-amz- that is not known, or has power', () => {
  test.each<[string, string]>([
    ['x-amz-acl', 'public-read'],
    ['x-amz-something-new', '1'],
    ['x-amz-write-offset-bytes', '1'],
    ['x-amz-bucket-namespace', 'account-regional'],
    ['x-amz-object-annotation-directive', 'COPY'],
    ['x-amz-fwd-status', '200'],
  ])('%s: %s is operation_not_permitted', (name, value) => {
    expect(verdict(head('PUT', '/invoices/a', { [name]: value }))).toBe('operation_not_permitted');
  });

  test.each<[string, string]>([
    ['x-amz-acl', 'private'],
    ['x-amz-acl', 'bucket-owner-full-control'],
    ['x-amz-expected-bucket-owner', '111122223333'],
    ['x-amz-meta-anything', 'v'],
    ['x-amz-server-side-encryption-aws-kms-key-id', 'arn:aws:kms:eu-west-1:1:key/k'],
    ['x-amz-server-side-encryption-aws-kms-key-id', 'alias/mine'],
    ['x-amz-server-side-encryption-customer-algorithm', 'AES256'],
  ])('%s: %s passes unchanged', (name, value) => {
    const of = head('PUT', '/invoices/a', { [name]: value });
    expect(verdict(of)).toBe('allowed');
    expect(upstream(of)).toHaveProperty(name, value);
  });

  test('headers of other protocols are left behind', () => {
    const of = head('PUT', '/invoices/a', {
      'x-copy-from': 'other/k',
      'x-goog-copy-source': 'other/k',
      'content-type': 'text/plain',
    });
    expect(upstream(of)).toEqual({ 'content-type': 'text/plain' });
  });

  test.each([
    'x-amz-content-sha256',
    'x-amz-copy-source',
    'content-encoding',
    'x-amz-server-side-encryption-aws-kms-key-id',
    'x-amz-trailer',
    'host',
  ])('%s sent twice, even with equal values, is request_malformed', (name) => {
    const value = name === 'x-amz-copy-source' ? 'source/k' : 'UNSIGNED-PAYLOAD';
    const of = { method: 'PUT', target: '/invoices/a', headers: [name, value, name, value] };
    expect(verdict(of)).toBe('request_malformed');
  });
});

describe('a copy source', () => {
  test('goes through the same template as the bucket, with its version', () => {
    const of = head('PUT', '/invoices/a', { 'x-amz-copy-source': '/archive/x%20y%2Fz%C3%A9%2B?versionId=3sL4kqtJ' });
    expect(call(of).resources).toEqual(['invoices/a', 'archive/x y/zé+']);
    expect(upstream(of)['x-amz-copy-source']).toBe('archive-eu-west-1/x%20y/z%C3%A9%2B?versionId=3sL4kqtJ');
  });

  test.each([
    '',
    'archive',
    'archive/',
    '//k',
    'archive/a/../b',
    'archive/%2e%2e/b',
    'archive/a+b',
    'archive/%ff',
    'archive/a%00',
    'archive/a?versionId=',
    'archive/a?versionId=x&acl',
    'archive/a?acl',
    'Archive_1/a',
    'archive/é',
  ])('%j is request_malformed', (source) => {
    expect(verdict(head('PUT', '/invoices/a', { 'x-amz-copy-source': source }))).toBe('request_malformed');
  });
});

test('the credential that came is neither looked at nor sent on', () => {
  const of = head('GET', '/invoices/a', {
    authorization: 'AWS AKIA:sig',
    'x-amz-date': '20200101T000000Z',
    'x-amz-security-token': 't',
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    date: 'x',
    range: 'bytes=0-1',
  });
  expect(upstream(of)).toEqual({ range: 'bytes=0-1' });
  expect(dialect.rewrite(of, call(of), place(), null).payloadHash).toMatch(/^e3b0c442/);
});
