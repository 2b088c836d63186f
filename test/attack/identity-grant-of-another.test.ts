// DESIGN 1.5 step 7: a grant is named by an id that anybody can send. It counts for its own tenant, user, class, resource and border
// only, and is used up by what leaves.
import { expect, test } from 'vitest';
import { startWorld, type Attack } from './world.ts';

const hours = (n: number) => new Date(Date.now() + n * 3_600_000).toISOString();
const grant = (id: string, tenant: string, more: object) => ({
  id,
  tenant_id: tenant,
  user_id: 'support-1',
  classifications: ['identity'],
  verbs: ['access'],
  resource: 'reports/*',
  from_region: 'us-east',
  to_region: 'eu-west',
  not_before: hours(-1),
  not_after: hours(1),
  max_uses: 2,
  reason: 'case 4711',
  approved_by: ['dpo'],
  ...more,
});
const world = await startWorld({
  policies: [
    { id: 'globex-us', tenant_id: 'globex', mode: 'client-owned', primary_region: 'us-east' },
    { id: 'initech-us', tenant_id: 'initech', mode: 'client-owned', primary_region: 'us-east' },
  ],
  grants: [
    grant('live', 'globex', {}),
    grant('lapsed', 'globex', { user_id: 'support-2', not_after: hours(-0.5) }),
    grant('to-come', 'globex', { user_id: 'support-3', not_before: hours(0.5) }),
    grant('elsewhere', 'globex', { user_id: 'support-4', to_region: 'eu-central' }),
  ],
  silent: ['eu-central', 'eu-west'],
});
const read = (more: Partial<Attack> = {}, headers: Record<string, string> = {}): Attack => ({
  target: '/reports/key',
  tenant: 'globex',
  headers: { 'X-User-ID': 'support-1', 'X-Residency-Grant': 'live', ...headers },
  ...more,
});

test.each([
  ['of another tenant', read({ tenant: 'initech' })],
  ['of another user', read({}, { 'X-User-ID': 'support-9' })],
  ['of a user in other letters', read({}, { 'X-User-ID': 'SUPPORT-1' })],
  ['of nobody in particular', read({}, { 'X-User-ID': '' })],
  ['for another class', read({ classification: 'transactional' })],
  ['for another object', read({ target: '/secrets/key' })],
  ['for an object that only looks like it', read({ target: '/reports2/key' })],
  ['that has lapsed', read({}, { 'X-User-ID': 'support-2', 'X-Residency-Grant': 'lapsed' })],
  ['that is still to come', read({}, { 'X-User-ID': 'support-3', 'X-Residency-Grant': 'to-come' })],
  ['for another border', read({}, { 'X-User-ID': 'support-4', 'X-Residency-Grant': 'elsewhere' })],
  ['that there is not', read({}, { 'X-Residency-Grant': 'nothing' })],
  ['that is every grant', read({}, { 'X-Residency-Grant': '*' })],
])('a grant %s opens nothing', async (_, attack) => {
  await world.refuses(attack, { reason: 'grant_invalid' });
  const { 'X-Residency-Grant': _named, ...unnamed } = attack.headers!;
  if (attack.headers!['X-User-ID'] === 'support-1' && attack.target === '/reports/key' && attack.tenant === 'globex')
    return;
  await world.refuses({ ...attack, headers: unnamed }, { reason: 'cross_border_restricted' });
});

test('refusals have used nothing up, and it is used up by what leaves', async () => {
  const before = world.standIn('us-east', 'storage').requests;
  for (let i = 0; i < 2; i++) await world.forwards(read(), { region: 'us-east', reason: 'grant' });
  await world.refuses(read(), { reason: 'grant_invalid' });
  expect(world.standIn('us-east', 'storage').requests).toBe(before + 2);
});

test('a grant to read is none to write from abroad into another region', async () => {
  const headers = { 'X-Requested-Region': 'eu-west' };
  await world.refuses({ ...read({}, headers), method: 'PUT', body: 'bytes' }, { reason: 'grant_invalid' });
});
