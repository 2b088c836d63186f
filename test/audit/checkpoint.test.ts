import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Checkpoint, formatCheckpoint, parseCheckpoint } from '../../src/audit/checkpoint.ts';
import { EMPTY_ROOT, leafHash } from '../../src/audit/hash.ts';
import { isSignedBy, noteSigner, parseNote, signNote } from '../../src/audit/note.ts';

const ROOT = leafHash(Buffer.from('entry'));
const root = ROOT.toString('base64');
const checkpoint: Checkpoint = { origin: 'domicile/eu-1/1', size: 20_852_163, root: ROOT, extensions: [] };

describe('a checkpoint', () => {
  test('is three lines, and back', () => {
    const text = formatCheckpoint(checkpoint);
    expect(text).toBe(`domicile/eu-1/1\n20852163\n${root}\n`);
    expect(parseCheckpoint(text)).toEqual(checkpoint);
  });

  test('keeps lines that others may add', () => {
    const more = { ...checkpoint, extensions: ['one', 'two words'] };
    expect(parseCheckpoint(formatCheckpoint(more))).toEqual(more);
  });

  test('may be of no entries, and of as many as a number holds exactly', () => {
    for (const size of [0, Number.MAX_SAFE_INTEGER]) {
      const other = { ...checkpoint, size, root: size === 0 ? EMPTY_ROOT : ROOT };
      expect(parseCheckpoint(formatCheckpoint(other))).toEqual(other);
    }
  });

  test("is the example of the specification's text", () => {
    const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n';
    const parsed = parseCheckpoint(text);
    expect(parsed.origin).toBe('example.com/behind-the-sofa');
    expect(parsed.size).toBe(20_852_163);
    expect(formatCheckpoint(parsed)).toBe(text);
  });

  test.each([
    ['nothing', '', 'at least three whole lines'],
    ['two lines', 'origin\n1\n', 'at least three whole lines'],
    ['no end of its last line', `origin\n1\n${root}`, 'at least three whole lines'],
    ['no origin', `\n1\n${root}\n`, 'its origin'],
    ['a carriage return', `origin\r\n1\n${root}\n`, 'its origin'],
    ['a leading zero', `origin\n01\n${root}\n`, 'its size'],
    ['a sign', `origin\n+1\n${root}\n`, 'its size'],
    ['a size below zero', `origin\n-1\n${root}\n`, 'its size'],
    ['a size in hex', `origin\n0x1\n${root}\n`, 'its size'],
    ['a size with a space', `origin\n1 \n${root}\n`, 'its size'],
    ['a size that cannot be held exactly', `origin\n9007199254740992\n${root}\n`, 'its size'],
    ['a root of 31 bytes', `origin\n1\n${ROOT.subarray(1).toString('base64')}\n`, 'its root'],
    ['a root without padding', `origin\n1\n${root.slice(0, -1)}\n`, 'its root'],
    ['a root in the alphabet of URLs', `origin\n1\n${'-'.repeat(43)}=\n`, 'its root'],
    ['a root whose last bits are not zero', `origin\n1\n${'A'.repeat(42)}B=\n`, 'its root'],
    ['a root of something at size 0', `origin\n0\n${root}\n`, 'the root of nothing'],
    ['an empty line more', `origin\n1\n${root}\n\n`, 'line 4 of a checkpoint'],
  ])('with %s is refused', (_, text, reason) => {
    expect(() => parseCheckpoint(text)).toThrow(reason);
  });

  test('that could not be read back is misuse', () => {
    for (const wrong of [
      { origin: 'a\nb' },
      { origin: '' },
      { size: 1.5 },
      { size: 1e21 },
      { root: Buffer.alloc(3) },
    ]) {
      expect(() => formatCheckpoint({ ...checkpoint, ...wrong })).toThrow(TypeError);
    }
    expect(() => formatCheckpoint({ ...checkpoint, extensions: [''] })).toThrow(TypeError);
  });
});

test('a signed checkpoint with any one bit another is refused or unsigned', () => {
  const signer = noteSigner(checkpoint.origin, generateKeyPairSync('ed25519').privateKey);
  const bytes = Buffer.from(signNote(formatCheckpoint(checkpoint), signer));
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = Buffer.from(bytes);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    let trusted = false;
    try {
      const note = parseNote(changed);
      trusted = isSignedBy(note, signer.verifier) && parseCheckpoint(note.text).origin === checkpoint.origin;
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
    if (trusted) expect.fail(`bit ${bit} may be another`);
  }
});
