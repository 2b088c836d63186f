// PROTOCOLS, leak table "OpenSearch", row "Body that is not what it says": OpenSearch 2.19 takes a body that is marked gzip and
// is not for an *empty* one, and a search without a query answers with every document. What the guard read is then not
// what the server acted on.
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { test } from 'vitest';
import { startWorld, type Attack } from './world.ts';

const world = await startWorld();
const QUERY = '{"query":{"term":{"student":"1"}}}';
const marked = (encoding: string, body: string | Buffer, more: Record<string, string> = {}): Attack => ({
  service: 'search',
  method: 'POST',
  target: '/notes/_search',
  headers: {
    'Content-Type': 'application/json',
    ...(encoding === '' ? {} : { 'Content-Encoding': encoding }),
    ...more,
  },
  body,
});
const zipped = gzipSync(QUERY);

test.each([
  ['plain text marked gzip', marked('gzip', QUERY)],
  ['gzip cut short', marked('gzip', zipped.subarray(0, -9))],
  ['gzip with a wrong checksum', marked('gzip', Buffer.concat([zipped.subarray(0, -8), Buffer.alloc(8)]))],
  ['gzip with more behind it', marked('gzip', Buffer.concat([zipped, Buffer.from('{}')]))],
  ['two members of gzip', marked('gzip', Buffer.concat([zipped, gzipSync(' ')]))],
  ['gzip of nothing', marked('gzip', gzipSync(''))],
  ['gzip that is not marked', marked('', zipped)],
  ['deflate', marked('deflate', deflateSync(QUERY))],
  ['brotli', marked('br', brotliCompressSync(QUERY))],
  ['gzip within gzip', marked('gzip, gzip', gzipSync(zipped))],
  ['gzip and identity', marked('gzip, identity', zipped)],
  ['an encoding nobody knows', marked('x-gzip', zipped)],
  ['another type of content', marked('', QUERY, { 'Content-Type': 'application/x-www-form-urlencoded' })],
  ['binary JSON', marked('', Buffer.from(':)\n\u0004\u00fa\u00fb', 'latin1'), { 'Content-Type': 'application/smile' })],
  ['YAML', marked('', 'query: {match_all: {}}', { 'Content-Type': 'application/yaml' })],
  ['a character set', marked('', QUERY, { 'Content-Type': 'application/json; charset=utf-16' })],
])('%s is refused', async (_, attack) => {
  await world.refuses(attack, { reason: 'request_malformed' });
});

test('a body in a parameter, where it is no body to a guard, is refused', async () => {
  const source = encodeURIComponent('{"query":{"match_all":{}}}');
  await world.refuses(
    { service: 'search', target: `/notes/_search?source=${source}&source_content_type=application/json` },
    { reason: 'operation_not_permitted' },
  );
});

test('gzip that inflates past the bound is refused without being inflated', async () => {
  await world.refuses(marked('gzip', gzipSync(Buffer.alloc(64 << 20, ' '))), { reason: 'body_too_large_to_inspect' });
});

test('honest gzip goes through', async () => {
  await world.forwards(
    { ...marked('', '{"student":"1"}'), method: 'PUT', target: '/notes/_doc/1' },
    { region: 'eu-west', reason: 'in_residency' },
  );
  await world.forwards(marked('gzip', zipped), { region: 'eu-west', reason: 'in_residency' });
});
