import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { isSignedBy, noteSigner, parseNote, parseVerifier, signNote, verifierOf } from '../../src/audit/note.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer = noteSigner('domicile/eu-1/1', privateKey);
const TEXT = 'domicile/eu-1/1\nsecond line\n';
const signed = signNote(TEXT, signer);

describe('a signed note', () => {
  test('is read back, with its text and signature, and checks with the key', () => {
    const note = parseNote(Buffer.from(signed));
    expect(note.text).toBe(TEXT);
    expect(note.signatures.map(({ name, id }) => ({ name, id }))).toEqual([
      { name: 'domicile/eu-1/1', id: signer.verifier.id },
    ]);
    expect(isSignedBy(note, parseVerifier(signer.verifier.text))).toBe(true);
  });

  test('may have blank lines in its text: the last one divides', () => {
    const note = parseNote(Buffer.from(signNote('a\n\nb\n', signer)));
    expect(note.text).toBe('a\n\nb\n');
    expect(isSignedBy(note, signer.verifier)).toBe(true);
  });

  test('is not signed by another key of the same name, nor by the same key of another name', () => {
    const note = parseNote(Buffer.from(signed));
    const other = generateKeyPairSync('ed25519').publicKey;
    expect(isSignedBy(note, verifierOf('domicile/eu-1/1', other))).toBe(false);
    expect(isSignedBy(note, verifierOf('domicile/eu-1/2', publicKey))).toBe(false);
  });

  test('is refused or unsigned when any one byte is another', () => {
    const bytes = Buffer.from(signed);
    for (let at = 0; at < bytes.length; at++) {
      for (let value = 0; value < 256; value++) {
        if (value === bytes[at]) continue;
        const changed = Buffer.from(bytes);
        changed[at] = value;
        if (isAccepted(changed)) expect.fail(`byte ${at} may be ${value}`);
      }
    }
  });

  test('is refused or unsigned when a byte is missing or one too many', () => {
    const bytes = Buffer.from(signed);
    for (let at = 0; at <= bytes.length; at++) {
      const without = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
      if (at < bytes.length && isAccepted(without)) expect.fail(`byte ${at} may be missing`);
      for (const value of [0x00, 0x09, 0x0a, 0x0d, 0x20, 0x41, 0x7f, 0xff]) {
        const more = Buffer.concat([bytes.subarray(0, at), Buffer.of(value), bytes.subarray(at)]);
        if (isAccepted(more)) expect.fail(`${value} may be put in at ${at}`);
      }
    }
  });

  test('keeps the cosignatures of others byte for byte, but none in the name of its own key', () => {
    const witness =
      '\u2014 witness.example/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZ';
    const once = parseNote(Buffer.from(`${signed}${witness}\n`));
    const again = signNote(TEXT, signer, once.signatures);
    expect(again).toBe(`${signed}${witness}\n`);
    expect(isSignedBy(parseNote(Buffer.from(again)), signer.verifier)).toBe(true);
  });

  test('counts as unsigned when one of two signatures of the key is wrong', () => {
    const wrong = signNote('something else\n', signer).split('\n').at(-2)!;
    expect(isSignedBy(parseNote(Buffer.from(`${signed}${wrong}\n`)), signer.verifier)).toBe(false);
  });

  function isAccepted(bytes: Buffer): boolean {
    try {
      return isSignedBy(parseNote(bytes), signer.verifier);
    } catch {
      return false;
    }
  }
});

const line = signed.slice(TEXT.length + 1);

test.each([
  ['no blank line', `${TEXT}${line}`, 'a blank line between its text and its signatures'],
  ['no signature', `${TEXT}\n`, 'no signature, as it should, at offset 29'],
  ['no end of the last line', signed.slice(0, -1), `ends with a line's end, not so at offset ${bytes(signed) - 1}`],
  ['a carriage return', `${TEXT}\r\n${line}`, 'no control characters, but one at offset 28'],
  ['a tab after a letter of two bytes', `\u00e9\t\n\n${line}`, 'no control characters, but one at offset 2'],
  ['a hyphen for the dash', `${TEXT}\n-${line.slice(1)}`, 'no signature, as it should, at offset 29'],
  ['two spaces', `${TEXT}\n${line.replace(' ', '  ')}`, 'no signature, as it should, at offset 29'],
  ['a plus in the name', `${TEXT}\n${line.replace('eu-1', 'eu+1')}`, 'no signature'],
  ["Unicode's spaces in the name", `${TEXT}\n${line.replace('eu-1', 'eu\u00851')}`, 'no signature'],
  ['base64 that is not canonical', `${TEXT}\n${line.replace(/.=\n$/, '9=\n')}`, 'no signature'],
  ['base64 without its padding', `${TEXT}\n${line.replace(/=+\n$/, '\n')}`, 'no signature'],
  ['a signature of an id alone', `${TEXT}\n\u2014 name AAAAAA==\n`, 'no signature'],
  ['words after the signatures', `${signed}more\n`, `no signature, as it should, at offset ${bytes(signed)}`],
  ['too many signatures', `${TEXT}\n${line.repeat(101)}`, 'more than 100 signatures'],
  ['too many bytes', `${'a'.repeat(1_000_000)}\n\n${line}`, 'is more than 1000000'],
])('a note with %s is refused', (_, text, reason) => {
  expect(() => parseNote(Buffer.from(text))).toThrow(reason);
});

test('a note that is not UTF-8 is refused, with the place', () => {
  const broken = Buffer.concat([Buffer.from('\u00e9\ufffd'), Buffer.of(0xc3, 0x28), Buffer.from(`\n\n${line}`)]);
  expect(() => parseNote(broken)).toThrow('UTF-8, which it is not at offset 5');
  expect(() => parseNote(Buffer.concat([Buffer.from(signed), Buffer.of(0xe2, 0x80)]))).toThrow('UTF-8');
});

test('a text that no note can have is not signed', () => {
  for (const text of ['no end', 'a\rb\n', 'a\u0000\n', 'half a pair: \ud800\n', '']) {
    expect(() => signNote(text, signer)).toThrow(TypeError);
  }
});

describe('a verifier key', () => {
  test('is of a name and a public key, and back', () => {
    const verifier = verifierOf('domicile/eu-1/1', publicKey);
    expect(verifier.text).toMatch(/^domicile\/eu-1\/1\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/);
    const parsed = parseVerifier(verifier.text);
    expect({ ...parsed, publicKey: null }).toEqual({ ...verifier, publicKey: null });
    expect(parsed.publicKey.equals(createPublicKey(privateKey))).toBe(true);
  });

  test('with any one character another is refused', () => {
    const { text } = signer.verifier;
    for (let at = 0; at < text.length; at++) {
      for (const character of ['A', 'a', '0', '1', '+', '/', ' ', '=', 'f', '\n']) {
        if (character === text[at]) continue;
        expect(() => parseVerifier(`${text.slice(0, at)}${character}${text.slice(at + 1)}`)).toThrow(Error);
      }
    }
  });

  test.each([
    ['a name that is empty', '+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'is NAME+8 hex digits+base64'],
    [
      'capitals in its id',
      'PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
      'is NAME+8 hex digits',
    ],
    [
      'another id',
      'PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
      'does not hash to its id c74f20a4',
    ],
    ['another kind', 'PeterNeumann+c74f20a3+BBpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW', 'is not of Ed25519'],
    ['too few bytes', 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=', 'is not of Ed25519'],
    [
      'a line end',
      'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n',
      'is NAME+8 hex digits+base64',
    ],
  ])('with %s is refused', (_, text, reason) => {
    expect(() => parseVerifier(text)).toThrow(reason);
  });

  test('of another kind of key, or of a name that a note cannot have, is misuse', () => {
    const other = generateKeyPairSync('x25519').publicKey;
    expect(() => verifierOf('name', other)).toThrow(TypeError);
    for (const name of ['', 'a b', 'a+b', 'a\u00a0b', 'a\nb'])
      expect(() => verifierOf(name, publicKey)).toThrow(TypeError);
  });
});

function bytes(text: string): number {
  return Buffer.byteLength(text);
}
