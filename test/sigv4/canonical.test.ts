import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CanonicalHeaders, canonicalPath, canonicalQuery, canonicalS3Path } from '../../src/sigv4/canonical.ts';

describe('an S3 path', () => {
  it.each([
    ['/', '/', 'the root'],
    ['/bucket/a/b.txt', '/bucket/a/b.txt', 'nothing to encode'],
    ['/bucket//a///b/', '/bucket//a///b/', 'S3 keys may hold double slashes'],
    ['/bucket/./a/../b', '/bucket/./a/../b', 'S3 keys may hold dot segments'],
    ['/bucket/a%2Fb%2fc', '/bucket/a/b/c', 'an encoded slash names the same key'],
    ['/bucket/%c3%a9%e2%82%ac', '/bucket/%C3%A9%E2%82%AC', 'hex digits become upper case'],
    ['/bucket/%41%7e%2D', '/bucket/A~-', 'unreserved characters are not encoded'],
    ['/bucket/a=b:c@d,e;f&g$h', '/bucket/a%3Db%3Ac%40d%2Ce%3Bf%26g%24h', 'all others are'],
    ["/bucket/!'()*", '/bucket/%21%27%28%29%2A', 'also those that encodeURIComponent leaves'],
    ['/bucket/a+b%2Bc%20d', '/bucket/a%2Bb%2Bc%20d', 'a plus in a path is a plus'],
    ['/bucket/%252F', '/bucket/%252F', 'an encoded percent sign stays one'],
    ['/bucket/%00%ff', '/bucket/%00%FF', 'bytes that are no UTF-8 are kept'],
  ])('%s is sent and signed as %s: %s', (raw, canonical) => {
    expect(canonicalS3Path(raw)).toBe(canonical);
  });

  it('is its own canonical form once it is canonical, and as ECMAScript would decode and encode it', () => {
    fc.assert(
      fc.property(fc.array(pathPiece), (pieces) => {
        const raw = `/${pieces.join('')}`;
        const canonical = canonicalS3Path(raw);
        expect(canonical).toBe(strictEncode(decodeURIComponent(raw)).replaceAll('%2F', '/'));
        expect(canonicalS3Path(canonical)).toBe(canonical);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(['', 'bucket/key', '*', '/a b', '/a\nb', '/é', '/%', '/%4', '/%g1', '/%1g', '/% 1', '/a\x7f'])(
    '%j is refused as misuse: it cannot be a target as it was sent',
    (raw) => {
      expect(() => canonicalS3Path(raw)).toThrow(TypeError);
    },
  );
});

describe('a path of any other service', () => {
  it.each([
    ['/', '/'],
    ['//', '/'],
    ['/example/..', '/'],
    ['/example1/example2/../..', '/'],
    ['/../../a', '/a'],
    ['/./', '/'],
    ['/./example', '/example'],
    ['//example//', '/example/'],
    ['/a/.', '/a'],
    ['/a/./', '/a/'],
    ['/.well-known/..x/.y.', '/.well-known/..x/.y.'],
    ['/a//b/../c', '/a/c'],
  ])('%s is normalised to %s', (raw, canonical) => {
    expect(canonicalPath(raw)).toBe(canonical);
  });

  it.each([
    ['/model/anthropic.claude-v2%3A1/invoke', '/model/anthropic.claude-v2%253A1/invoke', 'encoded a second time'],
    ['/model/anthropic.claude-v2:1/invoke', '/model/anthropic.claude-v2%3A1/invoke', 'what was not encoded is, once'],
    ['/a%2Fb', '/a%252Fb', 'an encoded slash is no separator'],
    ['/a/%2E%2E/b', '/a/%252E%252E/b', 'encoded dots are no dot segment'],
    ['/idx/_search/%zz', '/idx/_search/%25zz', 'nothing is decoded'],
  ])('%s is signed as %s: %s', (raw, canonical) => {
    expect(canonicalPath(raw)).toBe(canonical);
  });

  it.each(['', 'a', '*', '/a b', '/é', '/a\r\nb', '/é/..', 'a//b', 'a/../b', '../a'])(
    '%j is refused as misuse',
    (raw) => {
      expect(() => canonicalPath(raw)).toThrow(TypeError);
    },
  );
});

describe('a query', () => {
  it.each([
    ['', '', 'none'],
    ['lifecycle', 'lifecycle=', 'a name without = gets one'],
    ['a=&b', 'a=&b=', 'an empty value and none are the same'],
    ['b=2&a=1', 'a=1&b=2', 'sorted by name'],
    ['a=2&a=1&a', 'a=&a=1&a=2', 'repeated names by value'],
    ['a-b=1&a=2&a.b=3&a1=4', 'a=2&a-b=1&a.b=3&a1=4', 'by the whole name: = sorts after -, . and digits'],
    ['B=1&a=2&A=3', 'A=3&B=1&a=2', 'by code point, upper case first'],
    ['%C3%A9=1&z=2&%7E=3', '%C3%A9=1&z=2&~=3', 'by the encoded name'],
    ['p=a%2fb&q=%41', 'p=a%2Fb&q=A', 'decoded and encoded anew'],
    ['p=a/b:c?d@e', 'p=a%2Fb%3Ac%3Fd%40e', 'reserved characters are encoded'],
    ['p=a=b==', 'p=a%3Db%3D%3D', 'only the first = separates'],
    ['p=a+b&q=a%2Bb', 'p=a%20b&q=a%2Bb', 'a plus is a space, an encoded plus a plus'],
    ['&&a=1&&', 'a=1', 'empty pairs are left out'],
    ['=v&a=1', '=v&a=1', 'an empty name is a name'],
    ['=', '=', 'also without a value'],
    ['a!b=1&a=!', 'a=%21&a%21b=1', 'the exclamation mark is encoded, and no separator of ours'],
    ['x=%00%ff', 'x=%00%FF', 'bytes that are no UTF-8 are kept'],
  ])('%s is signed as %s: %s', (raw, canonical) => {
    expect(canonicalQuery(raw)).toBe(canonical);
  });

  it.each(['a=%', 'a=%4', 'a=%zz', 'a=b c', 'é=1', 'a=1\n'])('%j is refused as misuse', (raw) => {
    expect(() => canonicalQuery(raw)).toThrow(TypeError);
  });

  it('of ten thousand names is sorted in well under a second', () => {
    const names = Array.from({ length: 10_000 }, (_, i) => `k${(i * 7919) % 10_000}`);
    const start = process.cpuUsage();
    const canonical = canonicalQuery(names.join('&'));
    expect(process.cpuUsage(start).user).toBeLessThan(1_000_000);
    expect(canonical).toBe(`${names.sort().join('=&')}=`);
  });
});

describe('canonical headers', () => {
  it('are sorted by name, whatever the order in which they come', () => {
    const headers = headersOf(
      'x-amz-meta-b',
      '1',
      'host',
      'h',
      'x-amz-meta',
      '2',
      'content-type',
      't',
      'x-amz-meta-a',
      '3',
    );
    expect(headers.names()).toBe('content-type;host;x-amz-meta;x-amz-meta-a;x-amz-meta-b');
    expect(headers.lines()).toBe('content-type:t\nhost:h\nx-amz-meta:2\nx-amz-meta-a:3\nx-amz-meta-b:1\n');
  });

  it('join the values of one name by commas, in wire order', () => {
    const headers = headersOf('x-amz-a', 'z', 'host', 'h', 'x-amz-a', ' a ', 'x-amz-a', '', 'x-amz-a', 'm');
    expect(headers.lines()).toBe('host:h\nx-amz-a:z,a,,m\n');
  });

  it.each([
    ['plain', 'plain'],
    ['one space', 'one space'],
    ['  outer \t', 'outer'],
    ['a   b \t c', 'a b c'],
    ['a\tb', 'a b'],
    ['"a   b"', '"a b"'],
    ['   ', ''],
    ['', ''],
    ['\xa0caf\xc3\xa9', '\xa0caf\xc3\xa9'],
  ])('fold the white space of %j to %j', (value, folded) => {
    expect(headersOf('x-amz-a', value).lines()).toBe(`x-amz-a:${folded}\n`);
  });

  it.each(['a\r\nb', 'a\nb', '\0', '\x7f', '€'])('refuse %j as misuse: no such value can be sent', (value) => {
    expect(() => headersOf('x-amz-a', value)).toThrow(TypeError);
  });

  it('start afresh after a reset', () => {
    const headers = headersOf('host', 'h', 'x-amz-a', '\xe9');
    expect(headers.ascii).toBe(false);
    headers.reset();
    headers.add('host', 'i');
    expect([headers.names(), headers.lines(), headers.ascii]).toEqual(['host', 'host:i\n', true]);
  });
});

const pathPiece = fc.oneof(
  fc.constantFrom(
    '/',
    '//',
    '.',
    '..',
    '%2F',
    '%2f',
    '%2e',
    '%25',
    '%20',
    '+',
    '%2B',
    '~',
    '%7E',
    '!',
    "'",
    '(',
    ')',
    '*',
  ),
  fc.string({ unit: 'grapheme', maxLength: 4 }).map(encodeURIComponent),
  fc.constantFrom('%c3%a9', '=', ':', '@', ',', ';', '&', '$', 'key', 'A1-_.'),
);

function strictEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function headersOf(...flat: string[]): CanonicalHeaders {
  const headers = new CanonicalHeaders();
  for (let i = 0; i < flat.length; i += 2) headers.add(flat[i]!, flat[i + 1]!);
  return headers;
}
