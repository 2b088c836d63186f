import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BundleHasher, HASH_BYTES, leafHash, nodeHash } from '../../src/audit/hash.ts';
import { naiveLeaf, naiveNode } from './naive.ts';

const hasher = new BundleHasher();

describe('one hash', () => {
  test('of an entry and of two nodes is that of RFC 6962', () => {
    const [a, b] = [leafHash(Buffer.from('a')), leafHash(Buffer.alloc(0))];
    expect(a).toEqual(naiveLeaf(Buffer.from('a')));
    expect(b).toEqual(naiveLeaf(Buffer.alloc(0)));
    expect(nodeHash(a, b)).toEqual(naiveNode(a, b));
    expect(() => nodeHash(a, b.subarray(1))).toThrow(TypeError);
  });
});

describe('the hashes of a bundle, against node:crypto', () => {
  test('with every length up to 300, alone, and by as many as there are lanes', () => {
    for (let length = 0; length <= 300; length++) {
      for (const count of [1, 2, 3, 4, 5])
        verify(Array.from({ length: count }, (_, i) => bytes(length, 31 * i + length)));
    }
  });

  test('with every length up to 300 in one bundle, upwards and downwards', () => {
    const entries = Array.from({ length: 301 }, (_, length) => bytes(length, length));
    verify(entries);
    verify(entries.toReversed());
  });

  test('with lengths at random, short beside long', () => {
    const length = fc.oneof(fc.nat(130), fc.integer({ min: 380, max: 520 }), fc.nat(1100), fc.nat(16_384));
    fc.assert(
      fc.property(fc.array(length, { maxLength: 40 }), fc.nat(255), (lengths, seed) => {
        verify(lengths.map((one, i) => bytes(one, seed + i)));
      }),
      { numRuns: 60 },
    );
  });

  test('with more bytes, and more entries, than are hashed at once', () => {
    verify(Array.from({ length: 20 }, (_, i) => bytes(16_384 + 1000 * i, i)));
    verify([bytes(10, 1), bytes(0xffff, 2), bytes(0xffff, 3), bytes(0xffff, 4), bytes(0xffff, 5), bytes(11, 6)]);
    verify(Array.from({ length: 2500 }, (_, i) => bytes(i % 3, i)));
  });

  test('that lies within more bytes, into a part of more bytes', () => {
    const entries = [bytes(5, 1), bytes(450, 2), bytes(64, 3), bytes(55, 4), bytes(56, 5)];
    const bundle = bundleOf(entries);
    const whole = Buffer.concat([bytes(7, 9), bundle, bytes(9, 9)]);
    const before = Buffer.from(whole);
    const out = Buffer.alloc(HASH_BYTES * 5 + 20, 0xaa);
    expect(hasher.leaves(whole, 7, 7 + bundle.length, out, 10)).toBe(5);
    expect(out.subarray(10, -10)).toEqual(Buffer.concat(entries.map(naiveLeaf)));
    expect([out.subarray(0, 10), out.subarray(-10)]).toEqual([Buffer.alloc(10, 0xaa), Buffer.alloc(10, 0xaa)]);
    expect(whole).toEqual(before);
  });

  test('that is broken, or has no room, are refused, and the next ones are right', () => {
    const bundle = bundleOf([bytes(5, 1), bytes(6, 2)]);
    const out = Buffer.alloc(HASH_BYTES);
    expect(() => hasher.leaves(bundle, 0, bundle.length - 1, Buffer.alloc(64), 0)).toThrow(
      'the entry at offset 7 goes past the end of its bundle (14 bytes)',
    );
    expect(() => hasher.leaves(bundle, 0, bundle.length, out, 0)).toThrow('no room for a hash at 32 of 32 bytes');
    verify([bytes(450, 1)]);
    verify([]);
  });
});

describe('the parents of hashes, against node:crypto', () => {
  test.each([0, 1, 2, 3, 4, 5, 7, 8, 127, 128, 511, 512, 513, 1500])('of %i pairs, apart and in place', (pairs) => {
    const hashes = bytes(2 * pairs * HASH_BYTES, pairs);
    const expected = Buffer.concat(
      Array.from({ length: pairs }, (_, i) =>
        naiveNode(hashes.subarray(64 * i, 64 * i + 32), hashes.subarray(64 * i + 32, 64 * i + 64)),
      ),
    );
    const out = Buffer.alloc(expected.length + 3);
    hasher.parents(hashes, 2 * pairs, out, 3);
    expect(out.subarray(3).equals(expected)).toBe(true);
    const shifted = Buffer.concat([Buffer.alloc(HASH_BYTES), hashes]);
    hasher.parents(shifted.subarray(HASH_BYTES), 2 * pairs, shifted, HASH_BYTES);
    expect(shifted.subarray(HASH_BYTES, HASH_BYTES + expected.length).equals(expected)).toBe(true);
    hasher.parents(hashes, 2 * pairs, hashes, 0);
    expect(hashes.subarray(0, expected.length).equals(expected)).toBe(true);
  });

  test('are of whole pairs that are there, with room for them', () => {
    expect(() => hasher.parents(Buffer.alloc(96), 3, Buffer.alloc(96), 0)).toThrow('whole pairs');
    expect(() => hasher.parents(Buffer.alloc(96), 4, Buffer.alloc(96), 0)).toThrow('whole pairs');
    expect(() => hasher.parents(Buffer.alloc(128), 4, Buffer.alloc(63), 0)).toThrow('no room for a hash at 32 of 63');
  });
});

function verify(entries: readonly Buffer[]): void {
  const bundle = bundleOf(entries);
  const out = Buffer.alloc(HASH_BYTES * entries.length);
  expect(hasher.leaves(bundle, 0, bundle.length, out, 0)).toBe(entries.length);
  for (const [i, entry] of entries.entries()) {
    const got = out.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
    if (!got.equals(naiveLeaf(entry))) expect.fail(`entry ${i} of ${entries.length}, ${entry.length} bytes`);
  }
}

function bundleOf(entries: readonly Buffer[]): Buffer {
  return Buffer.concat(entries.flatMap((entry) => [Buffer.of(entry.length >> 8, entry.length & 0xff), entry]));
}

/** Bytes that look like none before, the same for the same seed (a linear congruential generator). */
function bytes(length: number, seed: number): Buffer {
  const out = Buffer.alloc(length);
  for (let i = 0, state = seed + 1; i < length; i++)
    out[i] = (state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0) >>> 24;
  return out;
}
