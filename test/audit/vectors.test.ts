import { describe, expect, test } from 'vitest';
import { EMPTY_ROOT, leafHash } from '../../src/audit/hash.ts';
import { isSignedBy, parseNote, parseVerifier } from '../../src/audit/note.ts';
import { consistencyProof, Frontier, inclusionProof, rootAt } from '../../src/audit/tree.ts';
import { levelsOf } from './naive.ts';

/** The test tree of certificate-transparency's reference implementation, with the roots and proofs published there. */
const ENTRIES = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const INCLUSION = [
  {
    index: 0,
    size: 8,
    proof: [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  },
  {
    index: 5,
    size: 8,
    proof: [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
  { index: 2, size: 3, proof: ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125'] },
];
const CONSISTENCY = [
  { from: 1, to: 1, proof: [] },
  { from: 1, to: 8, proof: INCLUSION[0]!.proof },
  {
    from: 6,
    to: 8,
    proof: [
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  },
  {
    from: 2,
    to: 5,
    proof: [
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  },
];

const leaves = ENTRIES.map((entry) => leafHash(Buffer.from(entry, 'hex')));
const tree = levelsOf(leaves);
const hex = (hashes: readonly Buffer[]) => hashes.map((hash) => hash.toString('hex'));

describe("certificate-transparency's test tree", () => {
  test('has the published root at every size', () => {
    const frontier = Frontier.empty();
    const grown = [frontier.root()];
    for (const leaf of leaves) {
      frontier.append(leaf);
      grown.push(frontier.root());
    }
    expect(hex(grown)).toEqual(ROOTS);
    expect(hex(ROOTS.map((_, size) => rootAt(size, tree)))).toEqual(ROOTS);
    expect(EMPTY_ROOT.toString('hex')).toBe(ROOTS[0]);
  });

  test.each(INCLUSION)('proves entry $index at size $size as published', ({ index, size, proof }) => {
    expect(hex(inclusionProof(index, size, tree))).toEqual(proof);
  });

  test.each(CONSISTENCY)('proves that size $to begins with size $from as published', ({ from, to, proof }) => {
    expect(hex(consistencyProof(from, to, tree))).toEqual(proof);
  });
});

describe("the signed note of Go's documentation", () => {
  const verifier = parseVerifier('PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW');
  const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const line =
    '\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=';

  test('is signed by its key', () => {
    const note = parseNote(Buffer.from(`${text}\n${line}\n`));
    expect(note.text).toBe(text);
    expect(note.signatures[0]!.line).toBe(line);
    expect(isSignedBy(note, verifier)).toBe(true);
  });

  test('is not when a word of it is another', () => {
    const note = parseNote(Buffer.from(`${text.replace('answer', 'problem')}\n${line}\n`));
    expect(isSignedBy(note, verifier)).toBe(false);
  });
});
