import { describe, expect, test } from 'vitest';
import type { Head } from '../../../src/core/http.ts';
import { head, place, upstream, verdict } from './fixture.ts';

const SSE = 'x-amz-server-side-encryption';
const writes: readonly [string, Head][] = [
  ['PutObject', head('PUT', '/invoices/a')],
  ['CopyObject', head('PUT', '/invoices/a', { 'x-amz-copy-source': 'invoices/b' })],
  ['CreateMultipartUpload', head('POST', '/invoices/a?uploads')],
];

describe('server-side encryption', () => {
  test.each(writes)('is stated on %s of identity and transactional data', (_, of) => {
    expect(upstream(of, place({ classification: 'identity' }))).toHaveProperty(SSE, 'AES256');
    const kms = place({ classification: 'transactional', endpoint: { serverSideEncryption: 'aws:kms' } });
    expect(upstream(of, kms)).toHaveProperty(SSE, 'aws:kms');
  });

  test.each(writes)('is left alone on %s of other data, and where the provider sees to it', (_, of) => {
    expect(upstream(of, place({ classification: 'operational' }))).not.toHaveProperty(SSE);
    const provider = place({ classification: 'identity', endpoint: { serverSideEncryption: 'provider' } });
    expect(upstream(of, provider)).not.toHaveProperty(SSE);
  });

  test('is not stated on a part, nor beside a key of the client', () => {
    const at = place({ classification: 'identity' });
    expect(upstream(head('PUT', '/invoices/a?uploadId=u&partNumber=1'), at)).not.toHaveProperty(SSE);
    const own = head('PUT', '/invoices/a', { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' });
    expect(upstream(own, at)).not.toHaveProperty(SSE);
  });

  test('that the client asks for stays if it is no weaker, else encryption_required', () => {
    const stronger = head('PUT', '/invoices/a', { [SSE]: 'aws:kms:dsse' });
    const weaker = head('PUT', '/invoices/a', { [SSE]: 'AES256' });
    const kms = place({ classification: 'identity', endpoint: { serverSideEncryption: 'aws:kms' } });
    expect(verdict(stronger, kms)).toBe('allowed');
    expect(upstream(stronger, kms)).toHaveProperty(SSE, 'aws:kms:dsse');
    expect(verdict(weaker, kms)).toBe('encryption_required');
    expect(verdict(weaker, place({ endpoint: { serverSideEncryption: 'aws:kms' } }))).toBe('allowed');
    expect(verdict(head('PUT', '/invoices/a', { [SSE]: 'rot13' }))).toBe('request_malformed');
  });
});

test('a header that Connection would have dropped cannot stand in for the encryption that is owed', () => {
  const connection = `keep-alive, ${SSE.toUpperCase()}`;
  expect(verdict(head('PUT', '/invoices/a', { connection, [SSE]: 'AES256' }))).toBe('request_malformed');
  expect(verdict(head('PUT', '/invoices/a', { connection: 'Keep-Alive, x-trace' }))).toBe('allowed');
});

describe('the retention tag', () => {
  const at = place({ retentionDays: 90 });
  test('is written on PutObject and CreateMultipartUpload, over the client’s own', () => {
    const own = { 'x-amz-meta-retention-days': '1' };
    expect(upstream(head('PUT', '/invoices/a', own), at)).toEqual({ 'x-amz-meta-retention-days': '90' });
    expect(upstream(head('PUT', '/invoices/a?x-amz-meta-retention-days=1'), at)).toEqual({
      'x-amz-meta-retention-days': '90',
    });
    expect(upstream(head('POST', '/invoices/a?uploads'), at)).toEqual({ 'x-amz-meta-retention-days': '90' });
  });

  test('is not written elsewhere, nor without a policy that wants it', () => {
    expect(upstream(head('PUT', '/invoices/a?uploadId=u&partNumber=1'), at)).toEqual({});
    expect(upstream(head('PUT', '/invoices/a', { 'x-amz-meta-retention-days': '1' }))).toEqual({
      'x-amz-meta-retention-days': '1',
    });
  });
});
