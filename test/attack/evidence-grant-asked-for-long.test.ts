// Others may have to be asked before a grant is used, and that may take longer than a batch of records waits. A record that
// is written meanwhile, as the request stands, must not pass for the one that has to be durable before a byte leaves.
import { afterAll, expect, test } from 'vitest';
import type { Proxy } from '../../src/proxy/proxy.ts';
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
      max_uses: 10,
      reason: 'case 1',
      approved_by: ['dpo'],
    },
  ],
});
afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

test('a grant that takes long to be had is used only once that is on record for good', async () => {
  const log = recordIn(new ScriptedLog(), rig);
  const asked = Promise.withResolvers<(taken: boolean) => void>();
  const { proxy } = rig.domicile.plane;
  const slow: Proxy['uses'] = { of: () => 0, note: () => undefined, take: (_, done) => asked.resolve(done) };
  Object.assign(proxy, { uses: slow } satisfies Partial<Proxy>);

  const headers = { 'x-tenant-id': 'acme', 'x-data-classification': 'identity', 'x-user-id': 'ana' };
  const answer = fetch(`${rig.search}/orders/_search`, { headers: { ...headers, 'x-requested-region': 'us-east' } });
  const done = await asked.promise;
  const since = performance.now();
  while (performance.now() - since < 50) await new Promise(setImmediate);
  log.beforeFlush!();
  expect(log.records, 'it is not decided yet').toEqual([]);
  expect(log.reserved).toBe(1);

  done(true);
  expect(log.waiting).toHaveLength(1);
  expect(log.records).toMatchObject([{ mode: 'strict', reason: 'grant', grant: 'g1', approved_by: ['dpo'] }]);
  await new Promise(setImmediate);
  expect(upstream.requests, 'nothing leaves before it is durable').toEqual([]);
  log.waiting[0]!(null);
  expect((await answer).headers.get('x-residency-reason')).toBe('grant');
  expect(upstream.requests).toHaveLength(1);
  expect(log.reserved).toBe(0);
});
