// Issue 3, section 4: UTF-16 and byte order marks. JSON in other encodings than UTF-8 was legal once (RFC 4627) and some parsers
// still guess; a mark at the start is skipped by some and refused by others; bytes that are no UTF-8 become one replacement
// or another. Each is a text that two readers read differently. Only plain UTF-8 is read.
import { test } from 'vitest';
import { ask, membersOf } from './inference-asks.ts';
import { DIALECTS, startInferenceWorld, type InferenceDialect } from './inference-world.ts';

const world = await startInferenceWorld();
const plain = (dialect: InferenceDialect, more = '') => `{${membersOf(dialect)}${more}}`;
const swapped = (bytes: Buffer) => bytes.swap16();
const bytes = (dialect: InferenceDialect, ...inside: number[]) =>
  Buffer.concat([Buffer.from(`{${membersOf(dialect)},"x":"`), Buffer.from(inside), Buffer.from('"}')]);
const utf32 = (text: string) => {
  const out = Buffer.alloc(text.length * 4);
  for (let i = 0; i < text.length; i++) out.writeUInt32LE(text.charCodeAt(i), i * 4);
  return out;
};

const CASES: readonly (readonly [string, (dialect: InferenceDialect) => Buffer])[] = [
  ['UTF-16, little end first', (dialect) => Buffer.from(plain(dialect), 'utf16le')],
  ['UTF-16, big end first', (dialect) => swapped(Buffer.from(plain(dialect), 'utf16le'))],
  ['UTF-16 with its mark', (dialect) => Buffer.from(`\ufeff${plain(dialect)}`, 'utf16le')],
  ['UTF-16 with its other mark', (dialect) => swapped(Buffer.from(`\ufeff${plain(dialect)}`, 'utf16le'))],
  ['UTF-32', (dialect) => utf32(plain(dialect))],
  ['UTF-8 with a mark', (dialect) => Buffer.from(`\ufeff${plain(dialect)}`)],
  ['UTF-8 with a mark behind', (dialect) => Buffer.from(`${plain(dialect)}\ufeff`)],
  ['a quote written in two bytes', (dialect) => bytes(dialect, 0xc0, 0xa2)],
  ['a zero written in two bytes', (dialect) => bytes(dialect, 0xc0, 0x80)],
  ['surrogates written as characters', (dialect) => bytes(dialect, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80)],
  ['a character past the last', (dialect) => bytes(dialect, 0xf4, 0x90, 0x80, 0x80)],
  ['a character that is cut off', (dialect) => bytes(dialect, 0xe2, 0x82)],
  ['Latin-1', (dialect) => bytes(dialect, 0xe9)],
  ['half a pair, escaped', (dialect) => Buffer.from(plain(dialect, ',"x":"\\ud83d"'))],
  ['half a pair in a name', (dialect) => Buffer.from(plain(dialect, ',"x\\udc00":1'))],
  ['a line break in a text', (dialect) => bytes(dialect, 0x0a)],
  ['a zero byte in a text', (dialect) => bytes(dialect, 0x00)],
];

test.each(CASES)('%s is malformed, whoever is asked', async (_, bodyOf) => {
  for (const dialect of DIALECTS)
    await world.refuses(ask(dialect, { body: bodyOf(dialect) }), { reason: 'request_malformed' });
});

test.each([
  'application/json; charset=utf-16',
  'application/json; charset=utf-16le',
  'application/json; charset=iso-8859-1',
  'application/json; charset=utf-7',
  'application/json; charset=utf-8; charset=utf-16',
  'application/json; charset="utf-8" ; x=y',
])('a body that says it is %s is malformed', async (type) => {
  for (const dialect of DIALECTS) await world.refuses(ask(dialect, { type }), { reason: 'request_malformed' });
});

test('text in any script goes through as it came', async () => {
  const body = '{"model":"gpt-5","input":"Schülerin, 生徒, \\ud83d\\ude00 😀","store":false}';
  for (const type of ['application/json', 'application/json; charset=utf-8', 'application/json;charset="UTF-8"']) {
    const { body: sent } = await world.forwards(ask('openai', { body, type }));
    if (sent !== body) throw new Error(`sent as ${sent}`);
  }
});
