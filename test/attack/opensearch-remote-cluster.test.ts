// PROTOCOLS, leak table "OpenSearch", row "CCS": where clusters are joined, `us:idx` in an index expression searches the
// other one, and the answer comes back through the first. The name may stand in the path or anywhere in a body.
import { gzipSync } from 'node:zlib';
import { test } from 'vitest';
import { startWorld, type Attack } from './world.ts';

const world = await startWorld();
const LEAK = { reason: 'leak_blocked', leak: 'remote_cluster' } as const;
const search = (target: string, body?: unknown, more: Partial<Attack> = {}): Attack => ({
  service: 'search',
  method: 'POST',
  target,
  headers: { 'Content-Type': 'application/json' },
  ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  ...more,
});
const lines = (...rows: unknown[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

test.each([
  '/us:notes/_search',
  '/us%3Anotes/_search',
  '/us%3anotes/_search',
  '/*:notes/_search',
  '/notes,us:notes/_search',
  '/notes%2Cus:notes/_search',
  '/notes,-us:notes/_search',
  '/us:*/_count',
  '/us:notes/_msearch',
  '/us:notes/_validate/query',
])('POST %s is refused', async (target) => {
  await world.refuses(search(target, {}, { headers: { 'Content-Type': 'application/json' } }), LEAK);
});

test.each(['/us:notes/_mapping', '/us:notes/_settings', '/_cat/indices/us:notes', '/_cat/count/us:notes'])(
  'GET %s is refused',
  async (target) => {
    await world.refuses({ service: 'search', target }, LEAK);
  },
);

test('a header of a multi-search that names another cluster is refused', async () => {
  for (const index of ['us:notes', ['notes', 'us:notes'], 'notes,us:notes', '*:*']) {
    await world.refuses(search('/notes/_msearch', lines({}, { query: {} }, { index }, { query: {} })), LEAK);
  }
});

test('an action of a bulk that names another cluster is refused', async () => {
  const good = [{ index: { _index: 'notes', _id: '1' } }, { a: 1 }];
  await world.refuses(search('/_bulk', lines(...good, { index: { _index: 'us:notes', _id: '1' } }, { a: 1 })), LEAK);
  await world.refuses(search('/notes/_bulk', lines(...good, { delete: { _index: 'us:notes', _id: '1' } })), LEAK);
});

test('a document of a multi-get that lies in another cluster is refused', async () => {
  const docs = [
    { _index: 'notes', _id: '1' },
    { _index: 'us:notes', _id: '1' },
  ];
  await world.refuses(search('/_mget', { docs }), LEAK);
});

test.each([
  ['a terms lookup', { query: { terms: { user: { index: 'us:notes', id: '1', path: 'x' } } } }],
  ['more-like-this', { query: { more_like_this: { fields: ['a'], like: [{ _index: 'us:notes', _id: '1' }] } } }],
  ['a percolated document', { query: { percolate: { field: 'q', index: 'us:notes', id: '1' } } }],
  ['an indexed shape', { query: { geo_shape: { at: { indexed_shape: { index: 'us:notes', id: '1', path: 'x' } } } } }],
  ['a boost', { indices_boost: [{ 'us:notes': 2 }] }],
])('%s in another cluster is refused, however deep it lies', async (_, body) => {
  await world.refuses(search('/notes/_search', body), LEAK);
  if (!('query' in body)) return;
  const nested = { query: { bool: { must_not: [{ bool: { filter: [body.query] } }] } } };
  await world.refuses(search('/notes/_search', nested), LEAK);
  await world.refuses(search('/notes/_search', { aggs: { a: { filter: body.query } } }), LEAK);
});

test('a name written with escapes, or inside gzip, is found', async () => {
  const body = String.raw`{"query":{"terms":{"user":{"\u0069ndex":"us\u003anotes","id":"1","path":"x"}}}}`;
  await world.refuses(search('/notes/_search', body), LEAK);
  const headers = { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' };
  await world.refuses(search('/notes/_search', undefined, { headers, body: gzipSync(body) }), LEAK);
});

test('a body that two parsers read in two ways is refused', async () => {
  const twice = '{"query":{"terms":{"user":{"index":"notes","index":"us:notes","id":"1","path":"x"}}}}';
  for (const body of [twice, `${twice.replace('"index":"us:notes",', '')}{}`, `\ufeff{}`]) {
    await world.refuses(search('/notes/_search', body), { reason: 'request_malformed' });
  }
  await world.refuses(
    search('/notes/_search', undefined, { body: Buffer.from('{"query":{"match_all":{}}}', 'utf16le') }),
    { reason: 'request_malformed' },
  );
});

test('asynchronous search, which keeps its answer on the server, is refused', async () => {
  for (const target of ['/_plugins/_asynchronous_search?index=us:notes', '/us:notes/_async_search']) {
    await world.refuses(search(target, {}), { reason: 'operation_not_permitted' });
  }
});

test('the same requests within the cluster go through', async () => {
  const home = { region: 'eu-west', reason: 'in_residency' } as const;
  await world.forwards(search('/notes/_doc/1', { user: 'u:1', at: '12:00' }, { method: 'PUT' }), home);
  await world.forwards(search('/notes,old-*/_search', { query: { match: { at: '12:00' } } }), home);
  await world.forwards(search('/_msearch', lines({ index: 'notes' }, { query: { match_all: {} } })), home);
  await world.forwards(search('/_mget', { docs: [{ _index: 'notes', _id: '1' }] }), home);
});
