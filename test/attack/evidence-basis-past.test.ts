// A record must not claim a legal basis for a transfer that had none any more: what of a policy's transfer evidence is past is
// no basis, also where the policy was loaded while it was still in force.
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startRig } from '../rig/domicile.ts';
import { decisionOf } from '../rig/evidence.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const END = '2031-01-01T00:00:00Z';
const upstream = await startUpstream((_, response) => response.end('{}'));
const rig = await startRig({
  regions: [regionAt('eu-west', { search: upstream.url }), regionAt('us-east', { search: upstream.url })],
  policies: [
    {
      id: 'acme-us',
      tenant_id: 'acme',
      mode: 'client-owned',
      primary_region: 'us-east',
      compliance_frameworks: ['house'],
      transfer_evidence: [
        { regime: 'house', mechanism: 'scc', reference: 'old', valid_until: END },
        { regime: 'house', mechanism: 'scc', reference: 'new' },
      ],
    },
  ],
  regimes: [
    {
      id: 'house',
      name: 'House rules',
      type: 'N',
      verbs: ['access'],
      territory: ['US'],
      valid_from: '2020-01-01',
      source_url: 'https://example.org/law',
      review_by: '2099-01-01',
    },
  ],
});
afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

async function basisAt(now: number, id: string): Promise<unknown> {
  Object.assign(rig.domicile.plane.proxy, { now: () => now });
  const headers = { 'x-tenant-id': 'acme', 'x-data-classification': 'content', 'x-request-id': id };
  await (await fetch(`${rig.search}/orders/_search`, { headers })).text();
  const record = await decisionOf(join(rig.folder, 'state'), id);
  return record['legal_basis'];
}

test('what is past is no legal basis', async () => {
  const end = Date.parse(END);
  expect(await basisAt(end - 1, 'r-1')).toEqual(['house: scc old', 'house: scc new']);
  expect(await basisAt(end, 'r-2')).toEqual(['house: scc new']);
  expect(await basisAt(end - 1, 'r-3')).toEqual(['house: scc old', 'house: scc new']);
});
