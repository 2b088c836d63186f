import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  consistencyProof,
  Frontier,
  type HashReader,
  inclusionProof,
  isConsistent,
  rootAt,
  rootOfInclusion,
} from '../../src/audit/tree.ts';
import { leavesOf, levelsOf, naiveLeaf, naiveNode, naivePath, naiveRoot, naiveSubproof } from './naive.ts';

const SMALL = 130;
const leaves = leavesOf(SMALL);
const tree = levelsOf(leaves);
const roots = Array.from({ length: SMALL + 1 }, (_, size) => naiveRoot(leaves.slice(0, size)));

/** A tree of any size whose leaves are all the same, so that a level's complete subtrees are too. */
const LEVELS: Buffer[] = [naiveLeaf(Buffer.alloc(0))];
for (let level = 1; level < 53; level++) LEVELS.push(naiveNode(LEVELS[level - 1]!, LEVELS[level - 1]!));
const uniform: HashReader = { hash: (level) => LEVELS[level]! };

describe(`every size up to ${SMALL}, against the definitions of RFC 6962`, () => {
  test('the root', () => {
    for (let size = 0; size <= SMALL; size++) {
      expect(rootAt(size, tree), `size ${size}`).toEqual(roots[size]);
      expect(Frontier.at(size, tree).root(), `size ${size}`).toEqual(roots[size]);
    }
  });

  test('every proof of inclusion is as defined, and leads to the root', () => {
    for (let size = 1; size <= SMALL; size++) {
      const those = leaves.slice(0, size);
      for (let index = 0; index < size; index++) {
        const proof = inclusionProof(index, size, tree);
        if (!equal(proof, naivePath(index, those))) expect.fail(`inclusion of ${index} in ${size}`);
        if (!rootOfInclusion(index, size, leaves[index]!, proof).equals(roots[size]!))
          expect.fail(`${index} of ${size}`);
      }
    }
  });

  test('every proof of consistency is as defined, and convinces', () => {
    for (let to = 0; to <= SMALL; to++) {
      const those = leaves.slice(0, to);
      for (let from = 0; from <= to; from++) {
        const proof = consistencyProof(from, to, tree);
        if (!equal(proof, from === 0 ? [] : naiveSubproof(from, those, true))) expect.fail(`from ${from} to ${to}`);
        if (!isConsistent(from, roots[from]!, to, roots[to]!, proof)) expect.fail(`from ${from} to ${to}`);
      }
    }
  });
});

describe('a proof that was tampered with', () => {
  test('of inclusion never leads to the root', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: SMALL }), fc.nat(), fc.nat(), fc.nat(), (size, a, b, c) => {
        const index = a % size;
        const proof = inclusionProof(index, size, tree).map((hash) => Buffer.from(hash));
        fc.pre(proof.length > 0);
        proof[b % proof.length]![c % 32]! ^= 1 << (c % 8);
        expect(rootOfInclusion(index, size, leaves[index]!, proof)).not.toEqual(roots[size]);
      }),
    );
  });

  test('of inclusion is refused when it is too short or too long', () => {
    const proof = inclusionProof(5, 8, tree);
    expect(() => rootOfInclusion(5, 8, leaves[5]!, proof.slice(1))).toThrow('2 hashes is too short');
    expect(() => rootOfInclusion(5, 8, leaves[5]!, [...proof, proof[0]!])).toThrow('4 hashes is too long');
    expect(() => rootOfInclusion(8, 8, leaves[5]!, proof)).toThrow('entry 8 is not in a tree of 8');
    expect(() => rootOfInclusion(5, 8, leaves[5]!, [...proof.slice(1), Buffer.alloc(31)])).toThrow('32 bytes');
  });

  test('of consistency convinces nobody: changed, cut, longer, or of other sizes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: SMALL }), fc.nat(), fc.nat(), fc.nat(), (to, a, b, c) => {
        const from = 1 + (a % (to - 1));
        const proof = consistencyProof(from, to, tree).map((hash) => Buffer.from(hash));
        const convinced = (hashes: Buffer[]) => isConsistent(from, roots[from]!, to, roots[to]!, hashes);
        expect(convinced(proof)).toBe(true);
        expect(convinced(proof.slice(1))).toBe(false);
        expect(convinced(proof.slice(0, -1))).toBe(false);
        expect(convinced([...proof, roots[1]!])).toBe(false);
        expect(convinced([...proof.slice(0, -1), Buffer.alloc(31)])).toBe(false);
        expect(isConsistent(from, roots[from - 1]!, to, roots[to]!, proof)).toBe(false);
        expect(isConsistent(to, roots[to]!, from, roots[from]!, proof)).toBe(false);
        proof[b % proof.length]![c % 32]! ^= 1 << (c % 8);
        expect(convinced(proof)).toBe(false);
      }),
    );
  });

  test('the empty tree has one root, and needs no proof', () => {
    expect(isConsistent(0, roots[0]!, 5, roots[5]!, [])).toBe(true);
    expect(isConsistent(0, roots[1]!, 5, roots[5]!, [])).toBe(false);
    expect(isConsistent(0, roots[1]!, 0, roots[1]!, [])).toBe(false);
    expect(isConsistent(0, roots[0]!, 5, roots[5]!, [roots[5]!])).toBe(false);
    expect(isConsistent(5, roots[5]!, 5, roots[4]!, [])).toBe(false);
  });
});

describe('a growing tree', () => {
  test('is the same whatever the batches it grows by, and from wherever it is taken up again', () => {
    fc.assert(
      fc.property(fc.nat(SMALL), fc.array(fc.nat(70), { maxLength: 8 }), (start, batches) => {
        const frontier = Frontier.at(start, tree);
        let size = start;
        for (const wanted of batches) {
          const batch = Math.min(wanted, SMALL - size);
          frontier.appendAll(Buffer.concat(leaves.slice(size, size + batch)), batch);
          size += batch;
          expect(frontier.size).toBe(size);
          expect(frontier.root()).toEqual(roots[size]);
        }
      }),
    );
  });

  test('across the borders of tiles has the same root, and tells of the hashes that tiles keep', () => {
    const many = leavesOf(66_000);
    const large = levelsOf(many);
    const all = Buffer.concat(many);
    const frontier = Frontier.empty();
    const stored: string[] = [];
    for (const size of [1, 255, 256, 257, 511, 3000, 65_535, 65_536, 65_537, 66_000]) {
      frontier.appendAll(all.subarray(frontier.size * 32), size - frontier.size, (level, index, hash) => {
        expect(hash).toEqual(large.hash(8 * level, index));
        stored.push(`${level}/${index}`);
      });
      expect(frontier.root(), `size ${size}`).toEqual(rootAt(size, large));
    }
    expect(stored.filter((name) => name.startsWith('1/'))).toEqual(Array.from({ length: 257 }, (_, i) => `1/${i}`));
    expect(stored.filter((name) => !name.startsWith('1/'))).toEqual(['2/0']);
    for (const [index, size] of [
      [0, 257],
      [256, 257],
      [65_535, 65_536],
      [65_536, 65_537],
      [300, 66_000],
    ] as const) {
      const root = rootOfInclusion(index, size, many[index]!, inclusionProof(index, size, large));
      expect(root).toEqual(rootAt(size, large));
    }
    for (const [from, to] of [
      [255, 256],
      [256, 257],
      [257, 65_536],
      [65_536, 65_537],
      [65_535, 66_000],
    ] as const) {
      const proof = consistencyProof(from, to, large);
      expect(isConsistent(from, rootAt(from, large), to, rootAt(to, large), proof)).toBe(true);
    }
  });

  test('may be larger than 32 bits can count', () => {
    const size = fc.integer({ min: 2 ** 31 - 2, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(size, size, fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (a, b, share) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const root = rootAt(to, uniform);
        expect(Frontier.at(to, uniform).root()).toEqual(root);
        const index = Math.floor(share * to);
        expect(rootOfInclusion(index, to, LEVELS[0]!, inclusionProof(index, to, uniform))).toEqual(root);
        expect(isConsistent(from, rootAt(from, uniform), to, root, consistencyProof(from, to, uniform))).toBe(true);
      }),
    );
    expect(() => rootAt(2 ** 53, uniform)).toThrow('no size of a tree');
    const full = Frontier.at(Number.MAX_SAFE_INTEGER, uniform);
    expect(() => full.append(LEVELS[0]!)).toThrow('no size of a tree');
  });
});

test('what is not in the tree cannot be proved', () => {
  expect(() => inclusionProof(8, 8, tree)).toThrow('entry 8 is not in a tree of 8');
  expect(() => inclusionProof(-1, 8, tree)).toThrow('-1 is no size');
  expect(() => consistencyProof(9, 8, tree)).toThrow('a tree of 8 does not have the 9 leaves');
  expect(() => rootAt(SMALL + 1, tree)).toThrow('no complete subtree');
});

function equal(a: readonly Buffer[], b: readonly Buffer[]): boolean {
  return a.length === b.length && a.every((hash, i) => hash.equals(b[i]!));
}
