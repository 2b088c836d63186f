// Issue 3, section 4, and PROTOCOLS, leak table "OpenSearch", row "Body that is not what it says", for inference: a body that is
// marked gzip and is not, that is and is not marked, or that is marked with an encoding over another, is read by the guard as
// one thing and by the server as another. One whole gzip member, and nothing, are the two that are read.
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { ask, membersOf } from './inference-asks.ts';
import { DIALECTS, startInferenceWorld, type InferenceDialect } from './inference-world.ts';

const world = await startInferenceWorld();
const textOf = (dialect: InferenceDialect) => `{${membersOf(dialect)}}`;
type Encoding = string | readonly string[] | null;

const CASES: readonly (readonly [string, Encoding, (text: string) => string | Buffer])[] = [
  ['plain text marked gzip', 'gzip', (text) => text],
  ['nothing marked gzip', 'gzip', () => ''],
  ['gzip of nothing', 'gzip', () => gzipSync('')],
  ['gzip cut short', 'gzip', (text) => gzipSync(text).subarray(0, -9)],
  ['gzip without its trailer', 'gzip', (text) => gzipSync(text).subarray(0, -8)],
  ['gzip with a wrong checksum', 'gzip', (text) => Buffer.concat([gzipSync(text).subarray(0, -8), Buffer.alloc(8)])],
  ['gzip with more behind it', 'gzip', (text) => Buffer.concat([gzipSync(text), Buffer.from('{}')])],
  ['gzip with zeros behind it', 'gzip', (text) => Buffer.concat([gzipSync(text), Buffer.alloc(16)])],
  ['two members of gzip', 'gzip', (text) => Buffer.concat([gzipSync(text), gzipSync(' ')])],
  [
    'gzip with a method that nobody has',
    'gzip',
    (text) => Buffer.concat([Buffer.from([0x1f, 0x8b, 7]), gzipSync(text).subarray(3)]),
  ],
  ['gzip that is not marked', null, (text) => gzipSync(text)],
  ['gzip marked identity', 'identity', (text) => gzipSync(text)],
  ['deflate marked gzip', 'gzip', (text) => deflateSync(text)],
  ['deflate', 'deflate', (text) => deflateSync(text)],
  ['bare deflate', 'deflate', (text) => deflateRawSync(text)],
  ['brotli', 'br', (text) => brotliCompressSync(text)],
  ['zstd', 'zstd', (text) => zstdCompressSync(text)],
  ['gzip within gzip', 'gzip, gzip', (text) => gzipSync(gzipSync(text))],
  ['gzip within gzip, marked once', 'gzip', (text) => gzipSync(gzipSync(text))],
  ['gzip and identity', 'gzip, identity', (text) => gzipSync(text)],
  ['gzip in two fields', ['gzip', 'gzip'], (text) => gzipSync(gzipSync(text))],
  ['gzip and identity in two fields', ['identity', 'gzip'], (text) => gzipSync(text)],
  ['plain text, its encoding repeated', ['identity', 'identity'], (text) => text],
  ['chunks of AWS', 'aws-chunked', (text) => text],
  ['x-gzip', 'x-gzip', (text) => gzipSync(text)],
  ['an encoding without a name', '', (text) => text],
  ['an encoding nobody knows', 'utf-8', (text) => text],
];

test.each(CASES)('%s is malformed, whoever is asked', async (_, encoding, bodyOf) => {
  for (const dialect of DIALECTS) {
    const headers: Record<string, string | readonly string[]> =
      encoding === null ? {} : { 'content-encoding': encoding };
    await world.refuses(ask(dialect, { headers, body: bodyOf(textOf(dialect)) }), { reason: 'request_malformed' });
  }
});

test('a leak within honest gzip is found', async () => {
  const body = gzipSync(`{${membersOf('openai')},"background":true}`);
  const attack = ask('openai', { headers: { 'content-encoding': 'gzip' }, body });
  await world.refuses(attack, { reason: 'leak_blocked', leak: 'state' });
});

test('honest gzip is sent as it was read, not as it came', async () => {
  for (const dialect of DIALECTS) {
    const attack = ask(dialect, { headers: { 'content-encoding': 'GZip' }, body: gzipSync(textOf(dialect)) });
    for (const wire of [1, 2] as const) {
      const { received, body } = await world.forwards(attack, wire);
      expect(received.headers['content-encoding']).toBeUndefined();
      expect(JSON.parse(body)).toMatchObject(JSON.parse(textOf(dialect)) as object);
    }
  }
});
