// PEERS, "Concatenated cache keys sent requests to the wrong upstream" (reply-from CVE-2026-16158): tenant `a` with subject `b-c`
// and tenant `a-b` with subject `c` make one key where the parts are glued together, and the second is served what was decided
// for the first.
import { expect, test } from 'vitest';
import { startWorld, type RegionId } from './world.ts';

const SEPARATORS = ['-', '.', '_'];
const policy = (tenant: string, subject: string, region: RegionId, i: number) => ({
  id: `p${i}`,
  tenant_id: tenant,
  subject_id: subject,
  mode: 'client-owned',
  primary_region: region,
});
const world = await startWorld({
  policies: [
    ...SEPARATORS.flatMap((s, i) => [
      policy('a', `b${s}c`, 'us-east', 2 * i),
      policy(`a${s}b`, 'c', 'eu-west', 2 * i + 1),
    ]),
    policy('a', 'b', 'us-east', 90),
    policy('ab', 'x', 'eu-west', 91),
    policy('a', '["b","c"]', 'us-east', 92),
  ],
  silent: ['eu-central'],
});

const write = (tenant: string, subject: string, key: string) => ({
  method: 'PUT',
  target: `/reports/${key}`,
  tenant,
  headers: { 'X-Subject-ID': subject },
  body: `${tenant} ${subject}`,
});

test.each(SEPARATORS)('parts that meet in %j stay apart, whichever comes first', async (s) => {
  for (const round of ['1', '2']) {
    const reason = 'in_residency';
    await world.forwards(write('a', `b${s}c`, `us${round}`), { region: 'us-east', reason });
    await world.forwards(write(`a${s}b`, 'c', `eu${round}`), { region: 'eu-west', reason });
    expect(world.storage('us-east').object('reports-us-east-1', `eu${round}`)).toBeNull();
    expect(world.storage('eu-west').object('reports-eu-west-1', `us${round}`)).toBeNull();
  }
});

test.each([':', '|', '/', ',', ';', '"', '\\', '`', '["b","c"]'])(
  'a subject of %s is no way to another tenant',
  async (s) => {
    const subject = s.startsWith('[') ? s : `b${s}c`;
    const known = subject === '["b","c"]';
    if (known) await world.forwards(write('a', subject, 'k'), { region: 'us-east', reason: 'in_residency' });
    else await world.refuses(write('a', subject, 'k'), { reason: 'no_policy' });
    await world.refuses(write('ab', subject, 'k'), { reason: 'no_policy' });
  },
);

test('the keys that requests are signed with are kept apart by region', async () => {
  for (const round of ['1', '2']) {
    const us = await world.forwards(write('a', 'b', round), { region: 'us-east', reason: 'in_residency' });
    const eu = await world.forwards(write('ab', 'x', round), { region: 'eu-west', reason: 'in_residency' });
    // The stand-ins verify the signature with their own region.
    expect([us.answer.status, eu.answer.status]).toEqual([200, 200]);
  }
});
