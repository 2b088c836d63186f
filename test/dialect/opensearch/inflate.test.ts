import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/core/refusal.ts';
import { inflateBody } from '../../../src/dialect/inflate.ts';

const outcome = (body: Buffer, encoding: string | null, limit = 1 << 20) => {
  const result = inflateBody(body, encoding, limit);
  return result instanceof Refusal ? result.reason : result.toString('latin1');
};

describe('inflateBody', () => {
  it('gives plain bodies back as they are, up to the limit', () => {
    const body = Buffer.from('x'.repeat(10));
    expect(inflateBody(body, null, 10)).toBe(body);
    expect(inflateBody(body, 'Identity', 10)).toBe(body);
    expect(outcome(body, null, 9)).toBe('body_too_large_to_inspect');
  });

  it('inflates one gzip member, up to the limit', () => {
    const zipped = gzipSync('y'.repeat(1000));
    expect(outcome(zipped, 'gzip', 1000)).toBe('y'.repeat(1000));
    expect(outcome(zipped, 'GZIP', 1000)).toBe('y'.repeat(1000));
    expect(outcome(zipped, 'gzip', 999)).toBe('body_too_large_to_inspect');
  });

  it('does not inflate a bomb past the limit', () => {
    const bomb = gzipSync(Buffer.alloc(32 << 20));
    expect(bomb.length).toBeLessThan(1 << 20);
    const before = process.memoryUsage().arrayBuffers;
    expect(outcome(bomb, 'gzip')).toBe('body_too_large_to_inspect');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 << 20);
  });

  it('reads headers with a name, a comment, extra fields and a checksum, and refuses reserved flags', () => {
    const zipped = gzipSync('abc');
    const withHeader = (flags: number, fields: Buffer) => {
      const head = Buffer.from(zipped.subarray(0, 10));
      head[3] = flags;
      return Buffer.concat([head, fields, zipped.subarray(10)]);
    };
    expect(outcome(withHeader(8, Buffer.from('name\0')), 'gzip')).toBe('abc');
    expect(outcome(withHeader(16, Buffer.from('comment\0')), 'gzip')).toBe('abc');
    expect(outcome(withHeader(4, Buffer.from([2, 0, 1, 2])), 'gzip')).toBe('abc');
    expect(outcome(withHeader(2, Buffer.from([0, 0])), 'gzip')).toBe('request_malformed');
    expect(outcome(withHeader(0x20, Buffer.alloc(0)), 'gzip')).toBe('request_malformed');
    expect(outcome(Buffer.from([0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0, 255, 255]), 'gzip')).toBe('request_malformed');
    expect(outcome(Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0, 65]), 'gzip')).toBe('request_malformed');
  });

  it('refuses what is not exactly one whole member', () => {
    const zipped = gzipSync('abc');
    const cases: Buffer[] = [
      Buffer.alloc(0),
      Buffer.from('{"a":1}'),
      Buffer.concat([zipped, zipped]),
      Buffer.concat([zipped, Buffer.from('x')]),
      Buffer.concat([zipped, Buffer.alloc(4)]),
    ];
    for (let length = 1; length < zipped.length; length++) cases.push(zipped.subarray(0, length));
    for (const body of cases) expect(outcome(body, 'gzip')).toBe('request_malformed');
  });

  it('refuses other and stacked encodings', () => {
    for (const encoding of ['', 'deflate', 'br', 'zstd', 'x-gzip', 'gzip, gzip', 'identity, gzip', 'gzip,']) {
      expect([encoding, outcome(gzipSync('abc'), encoding)]).toEqual([encoding, 'request_malformed']);
    }
  });

  it('inflates what gzip made of any bytes, and refuses any other content under its checksum', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 500 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (bytes, at, change) => {
          const zipped = gzipSync(bytes);
          expect(inflateBody(zipped, 'gzip', 1000)).toEqual(Buffer.from(bytes));
          const broken = Buffer.from(zipped);
          // Past the first ten bytes, where only time and system stand free.
          broken[10 + (at % (zipped.length - 10))]! ^= change;
          const result = inflateBody(broken, 'gzip', 1000);
          if (!(result instanceof Refusal)) expect(result).toEqual(Buffer.from(bytes));
        },
      ),
      { numRuns: 500 },
    );
  });
});
