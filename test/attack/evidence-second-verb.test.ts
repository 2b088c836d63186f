// An update that answers with the document is a store and an access. What the record says of it is what the graver of the two
// decisions says: an access from abroad must not hide behind the store, which stays where its data is.
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startRig } from '../rig/domicile.ts';
import { decisionOf } from '../rig/evidence.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const upstream = await startUpstream((_, response) => response.end('{}'));
const rig = await startRig({
  regions: [regionAt('eu-west', { search: upstream.url }), regionAt('us-east', { search: upstream.url })],
  policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
  settings: { identity: { trust_region_header: true } },
});
afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

async function update(id: string, query: string) {
  const answer = await fetch(`${rig.search}/orders/_update/1${query}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-tenant-id': 'acme',
      'x-data-classification': 'operational',
      'x-region': 'us-east',
      'x-request-id': id,
    },
    body: '{"doc":{"a":1}}',
  });
  await answer.text();
  const told = `${answer.status} ${answer.headers.get('x-residency-reason')}`;
  const record = await decisionOf(join(rig.folder, 'state'), id);
  return { told, record };
}

test('an update that brings its document abroad is on record as what crosses', async () => {
  const store = await update('r-1', '');
  expect(store.told).toBe('200 in_residency');
  expect(store.record).toMatchObject({ reason: 'in_residency', verb: 'store', caller_region: 'us-east' });
  const both = await update('r-2', '?_source=true');
  expect(both.told).toBe('200 cross_border_logged');
  expect(both.record).toMatchObject({ effect: 'allow', reason: 'cross_border_logged', verb: 'store' });
});
