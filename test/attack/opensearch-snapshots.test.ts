// PROTOCOLS, leak table "OpenSearch", row "Snapshots": a repository is a bucket of any region and account, and a snapshot
// writes whole indices into it, at once or by schedule.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const repository = {
  type: 's3',
  settings: { bucket: 'copies-us-east-1', region: 'us-east-1', role_arn: 'arn:aws:iam::1:role/x' },
};

test.each([
  ['PUT', '/_snapshot/abroad', repository],
  ['POST', '/_snapshot/abroad', repository],
  ['PUT', '/_snapshot/abroad/today', { indices: '*' }],
  ['POST', '/_snapshot/abroad/today/_restore', {}],
  ['PUT', '/_snapshot/abroad/today/_clone/tomorrow', { indices: '*' }],
  ['GET', '/_snapshot', undefined],
  ['GET', '/_snapshot/abroad/_all', undefined],
  ['DELETE', '/_snapshot/abroad', undefined],
  ['POST', '/_plugins/_sm/policies/daily', { snapshot_config: { repository: 'abroad' } }],
  [
    'PUT',
    '/_plugins/_ism/policies/move',
    { policy: { states: [{ actions: [{ snapshot: { repository: 'abroad' } }] }] } },
  ],
  ['PUT', '/_opendistro/_ism/policies/move', {}],
  ['POST', '/_searchable_snapshots/abroad', {}],
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

test('an index that lies in a snapshot of elsewhere cannot be made', async () => {
  await world.refuses(
    {
      service: 'search',
      method: 'PUT',
      target: '/notes',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ settings: { 'index.searchable_snapshot.repository': 'abroad' } }),
    },
    { reason: 'operation_not_permitted' },
  );
});
