// A grant that may be used three times is used three times by all workers together, however many requests arrive at once:
// each worker decides by itself, so the last word is one count in their primary.
import { afterAll, expect, test } from 'vitest';
import { ask, Cluster } from '../app/cluster-rig.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const REQUESTS = 40;
const HOUR = 3_600_000;
const at = (offset: number) => new Date(Date.now() + offset).toISOString();

const home = await startUpstream((_, response) => response.end('{}'));
const abroad = await startUpstream((_, response) => response.end('{}'));
const cluster = await Cluster.start({
  regions: [regionAt('eu-west', { search: home.url }), regionAt('us-east', { search: abroad.url })],
  policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
  grants: [
    {
      id: 'g1',
      tenant_id: 'acme',
      user_id: 'support-1',
      from_region: 'eu-west',
      to_region: 'us-east',
      not_before: at(-HOUR),
      not_after: at(HOUR),
      max_uses: 3,
      reason: 'case 1',
      approved_by: ['dpo'],
    },
  ],
});

afterAll(async () => {
  await cluster.stop();
  await home.close();
  await abroad.close();
});

test('forty requests at once on two workers use a grant of three uses three times', async () => {
  const headers = {
    'x-tenant-id': 'acme',
    'x-data-classification': 'content',
    'x-user-id': 'support-1',
    'x-requested-region': 'us-east',
    connection: 'close',
  };
  const answers = await Promise.all(
    Array.from({ length: REQUESTS }, () => ask(`${cluster.url('search')}/idx/_doc/1`, headers)),
  );
  const count = (reason: string) => answers.filter((answer) => answer.headers['x-residency-reason'] === reason).length;
  expect([count('grant'), count('region_not_allowed')]).toEqual([3, REQUESTS - 3]);
  expect(abroad.requests).toHaveLength(3);
  expect(home.requests).toHaveLength(0);
});
