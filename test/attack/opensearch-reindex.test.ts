// PROTOCOLS, leak table "OpenSearch", row "`_reindex`": the server itself fetches from any host that `source.remote` names,
// or copies into an index that is replicated elsewhere.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const host = world.search('us-east').url;

test.each([
  ['from another server', { source: { remote: { host }, index: 'notes' }, dest: { index: 'notes' } }],
  ['from another cluster', { source: { index: 'us:notes' }, dest: { index: 'notes' } }],
  ['into another cluster', { source: { index: 'notes' }, dest: { index: 'us:notes' } }],
  ['within the cluster', { source: { index: 'notes' }, dest: { index: 'copies' } }],
])('reindexing %s is refused', async (_, body) => {
  for (const target of ['/_reindex', '/_reindex?wait_for_completion=false', '/_reindex/1:2/_rethrottle']) {
    await world.refuses(
      {
        service: 'search',
        method: 'POST',
        target,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      },
      { reason: 'operation_not_permitted' },
    );
  }
});

test('an encoded name of it is no way around', async () => {
  await world.refuses(
    { service: 'search', method: 'POST', target: '/%5Freindex' },
    { reason: 'operation_not_permitted' },
  );
});
