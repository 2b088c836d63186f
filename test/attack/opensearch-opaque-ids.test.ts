// PROTOCOLS, leak table "OpenSearch", row "Opaque ids": the id of a scroll or of a point in time is base64 that names the
// nodes it continues on, of joined clusters too. The follow-up request shows no `:` anywhere. These are ids of OpenSearch
// 2.19, made by a cluster that was joined with another under the alias `us`.
import { test } from 'vitest';
import { PIT, SCROLL } from '../dialect/opensearch/cursors.ts';
import { startWorld, type Attack } from './world.ts';

const world = await startWorld();
const shared = await startWorld({ endpoints: { search: { index: '{tenant}-{index}' } } });
const LEAK = { reason: 'leak_blocked', leak: 'opaque_id' } as const;
const json = (method: string, target: string, body: unknown): Attack => ({
  service: 'search',
  method,
  target,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});

test.each(['remote', 'both'] as const)('a scroll that continues abroad is refused (%s)', async (which) => {
  const id = SCROLL[which];
  await world.refuses(json('POST', '/_search/scroll', { scroll: '1m', scroll_id: id }), LEAK);
  await world.refuses({ service: 'search', target: `/_search/scroll/${encodeURIComponent(id)}` }, LEAK);
  await world.refuses({ service: 'search', target: `/_search/scroll?scroll_id=${encodeURIComponent(id)}` }, LEAK);
  await world.refuses(json('DELETE', '/_search/scroll', { scroll_id: [SCROLL.local, id] }), LEAK);
});

test.each(['remote', 'both'] as const)('a point in time that lies abroad is refused (%s)', async (which) => {
  await world.refuses(json('POST', '/_search', { pit: { id: PIT[which], keep_alive: '1m' } }), LEAK);
  await world.refuses(json('DELETE', '/_search/point_in_time', { pit_id: [PIT.local, PIT[which]] }), LEAK);
});

test('an id that cannot be read is refused', async () => {
  const cut = SCROLL.local.slice(0, 40);
  for (const id of ['x', '!!!!', cut, `${SCROLL.local}AAAA`, Buffer.from('hello').toString('base64')]) {
    await world.refuses(json('POST', '/_search/scroll', { scroll_id: id }), { reason: 'request_malformed' });
  }
});

test('all scrolls and points in time at once, which would be those of others, are refused', async () => {
  for (const target of ['/_search/scroll/_all', '/_search/point_in_time/_all']) {
    await world.refuses({ service: 'search', method: 'DELETE', target }, { reason: 'operation_not_permitted' });
  }
});

test('on a cluster that tenants share no id is taken, since it names no tenant', async () => {
  await shared.refuses(json('POST', '/_search/scroll', { scroll_id: SCROLL.local }), LEAK);
  await shared.refuses(json('POST', '/_search', { pit: { id: PIT.local } }), LEAK);
});

test('an id of the own cluster goes through', async () => {
  const home = { region: 'eu-west', reason: 'in_residency' } as const;
  await world.forwards(json('POST', '/_search/scroll', { scroll: '1m', scroll_id: SCROLL.local }), home);
  await world.forwards(json('POST', '/_search', { pit: { id: PIT.local } }), home);
});
