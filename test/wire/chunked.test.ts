import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ChunkedDecoder } from '../../src/wire/chunked.ts';

interface Decoded {
  readonly body: string;
  readonly done: boolean;
  readonly trailers: readonly string[];
  readonly fault: string;
  /** Bytes that were not the body's. */
  readonly rest: number;
}

function decode(text: string, cuts: readonly number[] = []): Decoded {
  const bytes = Buffer.from(text, 'latin1');
  const decoder = new ChunkedDecoder(1024);
  let body = '';
  const sink = {
    chunkData(from: Buffer, at: number, to: number) {
      body += from.toString('latin1', at, to);
    },
  };
  let at = 0;
  for (const cut of [...cuts.toSorted((a, b) => a - b), bytes.length]) {
    while (at < cut && !decoder.done) {
      const next = decoder.decode(bytes, at, cut, sink);
      if (next < 0) return { body, done: false, trailers: [], fault: decoder.fault, rest: 0 };
      at = next;
    }
  }
  return { body, done: decoder.done, trailers: decoder.trailers, fault: '', rest: bytes.length - at };
}

test.each([
  ['a chunk', '3\r\nabc\r\n0\r\n\r\n', 'abc'],
  ['no chunk', '0\r\n\r\n', ''],
  ['leading zeros, and capitals', '00A\r\n0123456789\r\n000\r\n\r\n', '0123456789'],
  ['extensions', '3;a\r\nabc\r\n2;b=c;d=e\r\nde\r\n0;z=1\r\n\r\n', 'abcde'],
  ['chunks that hold what looks like framing', '7\r\n0\r\n\r\nGE\r\n0\r\n\r\n', '0\r\n\r\nGE'],
])('%s is decoded, wherever it is cut', (_, text, body) => {
  for (let cut = 0; cut <= text.length; cut++)
    expect(decode(text, [cut])).toMatchObject({ body, done: true, fault: '', rest: 0 });
});

test.each([
  ['no size', '\r\nabc', 'has no size'],
  ['a size that is none', 'x\r\n', 'has no size'],
  ['a sign', '+3\r\nabc', 'has no size'],
  ['0x', '0x3\r\nabc', 'not a number'],
  ['a space behind the size', '3 \r\nabc', 'not a number'],
  ['a space before the size', ' 3\r\nabc', 'has no size'],
  ['a size over what a double holds', '10000000000000\r\n', 'too large'],
  ['a size of many digits', `${'0'.repeat(14)}3\r\nabc\r\n`, 'too large'],
  ['a bare LF behind the size', '3\nabc', 'not a number'],
  ['a bare CR behind the size', '3\rabc', 'CRLF'],
  ['a bare LF in an extension', '3;a\nabc', 'malformed'],
  ['an empty extension', '3;\r\nabc', 'malformed'],
  ['a quoted extension', '3;a="\r\n"\r\nabc', 'malformed'],
  ['a space in an extension', '3; a=b\r\nabc', 'malformed'],
  ['an extension that is too long', `3;a=${'b'.repeat(300)}\r\nabc`, 'too long'],
  ['data longer than its size', '3\r\nabcd\r\n', 'longer than its size'],
  ['data that ends in a bare LF', '3\r\nabc\n0\r\n\r\n', 'longer than its size'],
  ['data that ends in a bare CR', '3\r\nabc\r0\r\n\r\n', 'CRLF'],
  ['a folded trailer', '0\r\na: b\r\n c\r\n\r\n', 'malformed'],
  ['a trailer with a space before its colon', '0\r\na : b\r\n\r\n', 'malformed'],
  ['a trailer that ends in a bare LF', '0\r\na: b\n\r\n', 'malformed'],
  ['a trailer that frames', '0\r\nContent-Length: 3\r\n\r\n', 'malformed'],
  ['a trailer that frames anew', '0\r\nTransfer-Encoding: chunked\r\n\r\n', 'malformed'],
  ['a trailer with a NUL', '0\r\na: b\0\r\n\r\n', 'malformed'],
  ['trailers over their bound', `0\r\na: ${'b'.repeat(2000)}\r\n\r\n`, 'too long'],
])('%s is refused, wherever it is cut', (_, text, fault) => {
  const padded = `${text}${text.endsWith('\r\n') ? '' : '\r\n\r\n'}`;
  for (let cut = 0; cut <= padded.length; cut++) expect(decode(padded, [cut]).fault).toContain(fault);
});

test('extensions of all chunks together are bounded', () => {
  const chunk = `1;${'a'.repeat(200)}\r\nx\r\n`;
  expect(decode(chunk.repeat(70)).fault).toBe('');
  expect(decode(chunk.repeat(100)).fault).toContain('too long');
});

test('a body of tiny chunks is told in few pieces, whatever it is cut into, and is the same', () => {
  const body = Array.from({ length: 20_000 }, (_, i) => String.fromCharCode(97 + (i % 26))).join('');
  const bytes = Buffer.from(`${[...body].map((c) => `1\r\n${c}\r\n`).join('')}0\r\n\r\n`, 'latin1');
  const pieces: string[] = [];
  const decoder = new ChunkedDecoder(1024);
  const sink = {
    chunkData: (from: Buffer, at: number, to: number) => void pieces.push(from.toString('latin1', at, to)),
  };
  for (let at = 0; at < bytes.length; at += 65_536)
    decoder.decode(bytes, at, Math.min(bytes.length, at + 65_536), sink);
  expect(decoder.done).toBe(true);
  expect(pieces.join('')).toBe(body);
  expect(pieces.length).toBeLessThanOrEqual(2);
});

test('large chunks are told as they lie, and small ones between them together', () => {
  const large = 'L'.repeat(5000);
  const text = `1388\r\n${large}\r\n1\r\na\r\n1\r\nb\r\n1388\r\n${large}\r\n0\r\n\r\n`;
  for (let cut = 0; cut < text.length; cut += 7) expect(decode(text, [cut]).body).toBe(`${large}ab${large}`);
});

test('trailers are told in lower case, and what follows them is not read', () => {
  const told = decode('0\r\nX-Sum:  abc \r\nOther:\r\n\r\nGET / HTTP/1.1\r\n');
  expect(told).toMatchObject({ done: true, trailers: ['x-sum', 'abc', 'other', ''], rest: 16 });
});

test('whatever is put into chunks comes out, wherever it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(
        fc.string({
          minLength: 1,
          maxLength: 40,
          unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)),
        }),
        { maxLength: 8 },
      ),
      fc.array(fc.nat(400), { maxLength: 10 }),
      (pieces, cuts) => {
        const text = `${pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join('')}0\r\n\r\n`;
        const told = decode(
          text,
          cuts.filter((cut) => cut <= text.length),
        );
        expect(told).toMatchObject({ body: pieces.join(''), done: true, fault: '', rest: 0 });
      },
    ),
  );
});
