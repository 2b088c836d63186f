import { createHash } from 'node:crypto';
import type { HashReader } from '../../src/audit/tree.ts';

/** The definitions of RFC 6962, section 2.1, as they stand there: recursive, over all leaves. The oracle for `tree.ts`. */

export function naiveLeaf(entry: Uint8Array): Buffer {
  return createHash('sha256').update(Buffer.of(0)).update(entry).digest();
}

export function naiveNode(left: Uint8Array, right: Uint8Array): Buffer {
  return createHash('sha256').update(Buffer.of(1)).update(left).update(right).digest();
}

/** By first leaf (the object, which is of one list) and number. */
const known = new WeakMap<Buffer, Map<number, Buffer>>();

/** MTH(D[n]), of leaf hashes. */
export function naiveRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return createHash('sha256').digest();
  const first = leaves[0]!;
  if (leaves.length === 1) return first;
  let roots = known.get(first);
  if (roots === undefined) known.set(first, (roots = new Map()));
  let root = roots.get(leaves.length);
  if (root === undefined) {
    const k = splitOf(leaves.length);
    roots.set(leaves.length, (root = naiveNode(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)))));
  }
  return root;
}

/** PATH(m, D[n]). */
export function naivePath(m: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length === 1) return [];
  const k = splitOf(leaves.length);
  return m < k
    ? [...naivePath(m, leaves.slice(0, k)), naiveRoot(leaves.slice(k))]
    : [...naivePath(m - k, leaves.slice(k)), naiveRoot(leaves.slice(0, k))];
}

/** SUBPROOF(m, D[n], b); PROOF(m, D[n]) is that with `b` true. */
export function naiveSubproof(m: number, leaves: readonly Buffer[], b: boolean): Buffer[] {
  if (m === leaves.length) return b ? [] : [naiveRoot(leaves)];
  const k = splitOf(leaves.length);
  return m <= k
    ? [...naiveSubproof(m, leaves.slice(0, k), b), naiveRoot(leaves.slice(k))]
    : [...naiveSubproof(m - k, leaves.slice(k), false), naiveRoot(leaves.slice(0, k))];
}

function splitOf(n: number): number {
  return 2 ** Math.ceil(Math.log2(n) - 1);
}

/** Every complete subtree of some leaves, level by level. What is not there throws, as a missing tile does. */
export function levelsOf(leaves: readonly Buffer[]): HashReader {
  const levels: Buffer[][] = [];
  for (let level = [...leaves]; level.length > 0;) {
    levels.push(level);
    const below = level;
    level = Array.from({ length: Math.floor(below.length / 2) }, (_, i) => naiveNode(below[2 * i]!, below[2 * i + 1]!));
  }
  return {
    hash(level, index) {
      const found = levels[level]?.[index];
      if (found === undefined) throw new Error(`no complete subtree ${index} on level ${level}`);
      return found;
    },
  };
}

/** `count` leaf hashes of entries that differ. */
export function leavesOf(count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => naiveLeaf(Buffer.from(`entry ${i}`)));
}
