import { describe, expect, test } from 'vitest';
import { s3 } from '../../../src/dialect/s3/s3.ts';
import { Refusal } from '../../../src/core/refusal.ts';
import { call, dialect, forwarded, head, place, verdict } from './fixture.ts';

const sent = (target: string, host = '127.0.0.1:9100'): string => {
  const of = { method: 'GET', target, headers: ['host', host] };
  const { path, query } = dialect.rewrite(forwarded(of), call(of), place(), null);
  return query === '' ? path : `${path}?${query}`;
};

describe('a path', () => {
  test.each([
    ['/invoices/a/b', '/invoices-eu-west-1/a/b'],
    ['/invoices//a///b/', '/invoices-eu-west-1//a///b/'],
    ['/invoices/a%20b%C3%A9', '/invoices-eu-west-1/a%20b%C3%A9'],
    ['/invoices/a+b', '/invoices-eu-west-1/a%2Bb'],
    ['/invoices/...', '/invoices-eu-west-1/...'],
    ['/invoices/.a/..b/c.', '/invoices-eu-west-1/.a/..b/c.'],
    ['/invoices?list-type=2&prefix=a%3bacl%2F', '/invoices-eu-west-1?list-type=2&prefix=a%3Bacl%2F'],
    ['/invoices/a?x-id=GetObject', '/invoices-eu-west-1/a'],
    ['/invoices/a?tagging', '/invoices-eu-west-1/a?tagging'],
  ])('%s goes upstream as %s', (target, path) => {
    expect(sent(target)).toBe(path);
  });

  test.each([
    '/invoices/../us/k',
    '/invoices/./k',
    '/invoices/a/..',
    '/invoices/%2e%2E/us/k',
    '/invoices/a%2F..%2Fb',
    '/invoices/.%2e',
    '/invoices/%ff',
    '/invoices/%c0%ae%c0%ae/k',
    '/invoices/%ed%a0%80',
    '/invoices/a%00b',
    '/invoices/%zz',
    '/Invoices/k',
    '/in_voices/k',

    '/192.168.0.1/k',
    '/-invoices/k',
    '/in..voices/k',
    '/invoices%2Fa/k',
  ])('%s is request_malformed', (target) => {
    expect(verdict(head('GET', target))).toBe('request_malformed');
  });

  test('an empty bucket is no operation', () => {
    expect(verdict(head('GET', '//invoices/k'))).toBe('operation_not_permitted');
  });
});

describe('a virtual host', () => {
  test.each([
    ['invoices.s3.local', '/a/b', '/invoices-eu-west-1/a/b'],
    ['INVOICES.S3.Local:9100', '/a', '/invoices-eu-west-1/a'],
    ['in.voices.s3.local:80', '/', '/in.voices-eu-west-1'],
    ['s3.local', '/invoices/a', '/invoices-eu-west-1/a'],
    ['invoices.s3.elsewhere', '/archive/a', '/archive-eu-west-1/a'],
    ['[::1]:9100', '/archive/a', '/archive-eu-west-1/a'],
  ])('%s %s goes upstream in path style as %s', (host, target, path) => {
    expect(sent(target, host)).toBe(path);
  });

  test('is not one without a suffix', () => {
    const read = s3({ virtualHostSuffix: null }).read({
      method: 'GET',
      target: '/archive/a',
      headers: ['host', 'invoices.s3.local'],
    });
    expect(read instanceof Refusal ? read : read.bucket).toBe('archive');
  });

  test('that is reserved is a leak', () => {
    expect(verdict({ method: 'GET', target: '/a', headers: ['host', 'b--x-s3.s3.local'] })).toBe(
      'leak_blocked:s3_express',
    );
  });
});
