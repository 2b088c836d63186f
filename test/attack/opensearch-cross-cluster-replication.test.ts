// PROTOCOLS, leak table "OpenSearch", row "CCR": a follower pulls every document of a leader from then on, whoever asks.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const follow = { leader_alias: 'us', leader_index: 'notes', use_roles: {} };

test.each([
  ['PUT', '/_plugins/_replication/notes/_start', follow],
  ['POST', '/_plugins/_replication/notes/_stop', {}],
  ['PUT', '/_plugins/_replication/notes/_update', { settings: {} }],
  ['POST', '/_plugins/_replication/_autofollow', { ...follow, name: 'all', pattern: '*' }],
  ['GET', '/_plugins/_replication/notes/_status', undefined],
  ['PUT', '/_opendistro/_replication/notes/_start', follow],
])('%s %s is refused', async (method, target, body) => {
  await world.refuses(
    {
      service: 'search',
      method,
      target,
      headers: { 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    },
    { reason: 'operation_not_permitted' },
  );
});

test('nor can an index be made that is replicated or remote from birth', async () => {
  for (const settings of [
    { 'index.plugins.replication.follower.leader_index': 'notes' },
    { index: { replication: { type: 'SEGMENT' } } },
    { 'index.remote_store.enabled': true },
  ]) {
    await world.refuses(
      {
        service: 'search',
        method: 'PUT',
        target: '/notes',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ settings }),
      },
      { reason: 'operation_not_permitted' },
    );
  }
});
