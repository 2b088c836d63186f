// PROTOCOLS, leak table "OpenSearch", row "Also leak, seen": spellings and endpoints that reached the joined cluster on 2.19:
// `us%3Aidx`, `*:idx`, `?index=us:idx`, `_field_caps`, `_resolve/index`, and search templates.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const LEAK = { reason: 'leak_blocked', leak: 'remote_cluster' } as const;

test.each([
  '/us%3Anotes/_search',
  '/*:notes/_search',
  '/%2A%3Anotes/_search',
  '/_search?index=us:notes',
  '/_search?index=us%3Anotes',
  '/notes/_search?index=us:notes',
  '/notes/_search?%69ndex=us:notes',
  '/_count?index=*:*',
  '/_cat/indices?index=us:notes',
])('GET %s is refused', async (target) => {
  await world.refuses({ service: 'search', target }, LEAK);
});

test.each(['/notes/_search?q=a;index=us:notes', '/notes/_search?q=a%;index=us:notes', '/notes/_search?q=a&q=b'])(
  'GET %s, which splits differently on the server, is refused',
  async (target) => {
    await world.refuses({ service: 'search', target }, { reason: 'request_malformed' });
  },
);

test.each([
  '/us:notes/_field_caps?fields=*',
  '/_field_caps?fields=*',
  '/_resolve/index/us:*',
  '/_resolve/index/*',
  '/_search/template',
  '/us:notes/_search/template',
  '/_msearch/template',
  '/_render/template',
  '/us:notes/_rank_eval',
  '/us:notes/_search_shards',
  '/us:notes/_termvectors/1',
  '/_mtermvectors',
  '/us:notes/_eql/search',
])('GET %s is not served', async (target) => {
  await world.refuses({ service: 'search', target }, { reason: 'operation_not_permitted' });
});

test('date math that hides a cluster is refused, and so is one that could become any name', async () => {
  for (const expression of ['<us:notes-{now/d}>', "<{now{'us:notes'}}>", '<notes-{now/d{yyyy.MM.dd|+12:00}}>']) {
    await world.refuses({ service: 'search', target: `/${encodeURIComponent(expression)}/_search` }, LEAK);
  }
  await world.refuses(
    { service: 'search', target: `/${encodeURIComponent("<{now{'notes'}}>")}/_search` },
    { reason: 'request_malformed' },
  );
});
