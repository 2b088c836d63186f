// Content may pass without a record where the operator says so. An exception that somebody has granted may not: whoever fills
// the queue, or the disk, could use it and leave no trace.
import { afterAll, expect, test } from 'vitest';
import { recordIn, ScriptedLog } from '../proxy/scripted-log.ts';
import { startRig } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const upstream = await startUpstream((_, response) => response.end('{}'));
const rig = await startRig({
  regions: [regionAt('eu-west', { search: upstream.url }), regionAt('us-east', { search: upstream.url })],
  policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
  grants: [
    {
      id: 'g1',
      tenant_id: 'acme',
      user_id: 'ana',
      from_region: 'eu-west',
      to_region: 'us-east',
      not_before: '2020-01-01T00:00:00Z',
      not_after: '2099-01-01T00:00:00Z',
      reason: 'case 1',
      approved_by: ['dpo'],
      max_uses: 10,
    },
  ],
});
afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

async function ask(more: Record<string, string>): Promise<string> {
  const headers = { 'x-tenant-id': 'acme', 'x-data-classification': 'content', 'x-user-id': 'ana', ...more };
  const answer = await fetch(`${rig.search}/orders/_search`, { headers });
  await answer.text();
  return `${answer.status} ${answer.headers.get('x-residency-reason')}`;
}

test('no grant is used without a record, of whatever class the data is', async () => {
  const log = recordIn(new ScriptedLog(), rig, { bestEffort: ['content'] });
  log.capacity = 0;
  expect(await ask({})).toBe('200 in_residency');
  expect(upstream.requests).toHaveLength(1);
  expect(await ask({ 'x-requested-region': 'us-east' })).toBe('503 audit_unavailable');
  expect(upstream.requests).toHaveLength(1);
  expect([log.records.length, log.lost, log.refused]).toEqual([0, 1, 1]);
});
