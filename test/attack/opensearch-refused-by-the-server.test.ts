// PROTOCOLS, leak table "OpenSearch", row "Refused by the server itself": OpenSearch 2.19 itself refuses `us:idx` in `_mget`,
// `_bulk`, the source of `_reindex` and a terms lookup. A test against it passes with an open proxy too, and the next
// version may think otherwise: the refusal must be ours, before a byte reaches the server.
import { expect, test } from 'vitest';
import { startWorld, type Attack } from './world.ts';

const world = await startWorld();
const json = (target: string, body: unknown): Attack => ({
  service: 'search',
  method: 'POST',
  target,
  headers: { 'Content-Type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

test.each([
  ['a multi-get', json('/_mget', { docs: [{ _index: 'us:notes', _id: '1' }] }), 'leak_blocked'],
  ['a multi-get by the path', json('/us:notes/_mget', { ids: ['1'] }), 'leak_blocked'],
  ['a bulk', json('/_bulk', '{"index":{"_index":"us:notes"}}\n{}\n'), 'leak_blocked'],
  ['a bulk by the path', json('/us:notes/_bulk', '{"index":{}}\n{}\n'), 'leak_blocked'],
  [
    'a terms lookup',
    json('/notes/_search', { query: { terms: { a: { index: 'us:notes', id: '1', path: 'b' } } } }),
    'leak_blocked',
  ],
  ['a write', json('/us:notes/_doc', {}), 'leak_blocked'],
  [
    'a reindex',
    json('/_reindex', { source: { index: 'us:notes' }, dest: { index: 'notes' } }),
    'operation_not_permitted',
  ],
] as const)('%s that names another cluster is refused before the server sees it', async (_, attack, reason) => {
  await world.refuses(attack, { reason });
  expect(world.search('eu-west').requests, 'requests to the own cluster').toBe(0);
});
