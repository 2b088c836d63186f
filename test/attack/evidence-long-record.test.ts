// An entry of the log is at most 16 KiB. Whoever names things long enough, in a request or in a policy, must not have the
// request pass without a record, nor break the proxy that writes it.
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startRig } from '../rig/domicile.ts';
import { decisionOf } from '../rig/evidence.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const LONGEST = '\u00e9'.repeat(1020);
const EVIDENCE = Array.from({ length: 40 }, (_, i) => ({ regime: `r-${i}`, mechanism: 'scc', reference: LONGEST }));
const NAMES = Array.from({ length: 10 }, () => '\u00e9'.repeat(120));
const upstream = await startUpstream((_, response) => response.end('{}'));
const rig = await startRig({
  regions: [regionAt('eu-west', { search: upstream.url }), regionAt('us-east', { search: upstream.url })],
  policies: [
    {
      id: 'acme-us',
      tenant_id: 'acme',
      mode: 'client-owned',
      primary_region: 'us-east',
      transfer_evidence: EVIDENCE,
      compliance_frameworks: EVIDENCE.map(({ regime }) => regime),
    },
  ],
  regimes: EVIDENCE.map(({ regime }) => ({
    id: regime,
    name: 'House rules',
    type: 'N',
    verbs: ['access'],
    territory: ['US'],
    valid_from: '2020-01-01',
    source_url: 'https://example.org/law',
    review_by: '2099-01-01',
  })),
});
afterAll(async () => {
  await rig.stop();
  await upstream.close();
});

test.each([0, 100])('what is longer than a record may be is cut, and the record kept, after %i ms', async (wait) => {
  upstream.respond = (_, response) => setTimeout(() => response.end('{}'), wait);
  const id = `r-${wait}`;
  const answer = await fetch(`${rig.search}/${NAMES.map(encodeURIComponent).join(',')}/_search`, {
    headers: {
      'x-tenant-id': 'acme',
      'x-data-classification': 'content',
      'x-subject-id': '"'.repeat(256),
      'x-user-id': '\\'.repeat(256),
      'x-request-id': id,
    },
  });
  expect(`${answer.status} ${answer.headers.get('x-residency-reason')}`).toBe('200 cross_border_class');
  await answer.text();
  const record = await decisionOf(join(rig.folder, 'state'), id);
  expect(record).toMatchObject({
    kind: 'decision',
    reason: 'cross_border_class',
    subject: '"'.repeat(256),
    user: '\\'.repeat(256),
    resource: expect.stringMatching(/^[\u00e9,]{500,1100}$/),
    resource_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(record['legal_basis']).toContainEqual(expect.stringMatching(/^r-0: scc \u00e9+$/));
  expect(record['legal_basis']).toContainEqual(expect.stringMatching(/^and \d+ more$/));
  expect(rig.log.filter(({ level }) => level === 'error')).toEqual([]);
});
