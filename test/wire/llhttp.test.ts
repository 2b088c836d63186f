import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { compileLlhttp, HEAD_PARTIAL, HEAD_TOO_LARGE, HEAD_WHOLE, HeadParser, SLAB } from '../../src/wire/llhttp.ts';
import { readFileSync } from 'node:fs';

const HEAD = 'POST /a/b?c HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nX-Padded:  v w \t\r\nContent-Length: 3\r\n\r\n';
const FIELDS = ['host', 'x', 'x-empty', '', 'x-padded', 'v w', 'content-length', '3'];

/** Parses text as if it had come in these pieces. */
function parse(parser: HeadParser, pieces: readonly string[], limit = 16_384): number {
  let code = HEAD_PARTIAL;
  let partial = null;
  for (const piece of pieces) {
    const length = SLAB.write(piece, 0, 'latin1');
    code = parser.parse(0, length, partial, limit);
    if (code !== HEAD_PARTIAL) return code;
    partial = parser.saved(partial);
  }
  return code;
}

test('a head is read the same wherever it is cut, and what follows it is not', () => {
  const parser = new HeadParser(1);
  const message = `${HEAD}abc`;
  for (let cut = 0; cut < message.length; cut++) {
    const pieces = cut === 0 ? [message] : [message.slice(0, cut), message.slice(cut)];
    expect(parse(parser, pieces)).toBe(HEAD_WHOLE);
    expect(parser.target).toBe('/a/b?c');
    expect(parser.fields()).toEqual(FIELDS);
    expect(parser.fieldCount).toBe(4);
    expect(parser.text).toBe(HEAD);
    const last = cut > HEAD.length - 1 || cut === 0 ? 0 : cut;
    expect(parser.end).toBe(HEAD.length - last);
  }
  expect(parse(parser, [...message])).toBe(HEAD_WHOLE);
  expect(parser.fields()).toEqual(FIELDS);
});

test('heads that come in alternately do not mix', () => {
  const parser = new HeadParser(1);
  const one = 'GET /one HTTP/1.1\r\nA: 1\r\nB: one\r\n\r\n';
  const two = 'PUT /two HTTP/1.1\r\nC: 2\r\n\r\n';
  const feed = (text: string, partial: ReturnType<HeadParser['saved']> | null) =>
    parser.parse(0, SLAB.write(text, 0, 'latin1'), partial, 1000);
  feed(one.slice(0, 21), null);
  const first = parser.saved(null);
  feed(two.slice(0, 9), null);
  const second = parser.saved(null);
  expect(feed(one.slice(21), first)).toBe(HEAD_WHOLE);
  expect(parser.fields()).toEqual(['a', '1', 'b', 'one']);
  expect(feed(two.slice(9), second)).toBe(HEAD_WHOLE);
  expect(parser.target).toBe('/two');
  expect(parser.fields()).toEqual(['c', '2']);
});

test('a head over its limit is told, whole or in pieces', () => {
  const parser = new HeadParser(1);
  expect(parse(parser, [HEAD], HEAD.length)).toBe(HEAD_WHOLE);
  expect(parse(parser, [HEAD], HEAD.length - 1)).toBe(HEAD_TOO_LARGE);
  expect(parse(parser, [...HEAD], HEAD.length - 1)).toBe(HEAD_TOO_LARGE);
  expect(parse(parser, ['GET / HTTP/1.1\r\nA: ', 'b'.repeat(2000)], 1000)).toBe(HEAD_TOO_LARGE);
});

test('more fields than there was room for are all read', () => {
  const many = Array.from({ length: 1000 }, (_, i) => `N${i}: v${i}\r\n`).join('');
  const parser = new HeadParser(1);
  const message = `GET / HTTP/1.1\r\n${many}\r\n`;
  for (const pieces of [[message], [message.slice(0, 7000), message.slice(7000)]]) {
    expect(parse(parser, pieces, 65_536)).toBe(HEAD_WHOLE);
    expect(parser.fieldCount).toBe(1000);
    expect(parser.fields().slice(-2)).toEqual(['n999', 'v999']);
  }
});

test('answers are read with their status and phrase', () => {
  const parser = new HeadParser(2);
  expect(parse(parser, ['HTTP/1.1 404 Not ', 'Found\r\nA: b\r\n\r\n'])).toBe(HEAD_WHOLE);
  expect(parser.status).toBe(404);
  expect(parser.phrase).toBe('Not Found');
  expect(parse(parser, ['HTTP/1.1 200\r\n\r\n'])).toBe(HEAD_WHOLE);
  expect(parser.phrase).toBe('');
  expect(parser.fields()).toEqual([]);
});

test.each([
  ['obs-fold', 'GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n'],
  ['a bare LF', 'GET / HTTP/1.1\nA: b\r\n\r\n'],
  ['a bare CR', 'GET / HTTP/1.1\r\nA: b\rc\r\n\r\n'],
  ['a space before the colon', 'GET / HTTP/1.1\r\nA : b\r\n\r\n'],
  ['a NUL', 'GET / HTTP/1.1\r\nA: b\0\r\n\r\n'],
  ['two lengths', 'GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n'],
  ['length and chunks', 'GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n'],
])('%s is an error: no lenient flag is set', (_, text) => {
  expect(parse(new HeadParser(1), [text])).toBeGreaterThan(0);
});

test('another llhttp than the one that is expected is told in one line, with what to do', () => {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-llhttp-'));
  try {
    const file = join(folder, 'other.cjs');
    // The empty module: a magic number and a version.
    writeFileSync(file, 'module.exports = Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0);');
    expect(() => compileLlhttp(file)).toThrow(/without: malloc, llhttp_alloc.*package\.json pins/);
    expect(() => compileLlhttp(join(folder, 'missing.cjs'))).toThrow(/cannot be loaded: reinstall with npm ci/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('the version of undici is pinned exactly, since its llhttp is no public interface', () => {
  const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  expect(dependencies['undici']).toMatch(/^\d+\.\d+\.\d+$/);
});
