import { expect, test } from 'vitest';
import type { Proxy } from '../../src/proxy/proxy.ts';
import { LocalUses, type TakenGrant, type Uses } from '../../src/proxy/uses.ts';
import { startRig } from '../rig/domicile.ts';
import { regionAt } from '../rig/regions.ts';
import { startUpstream } from '../rig/upstream.ts';

const G1 = { id: 'g1', maxUses: 2 };
const G2 = { id: 'g2', maxUses: 1 };
const ENDLESS = { id: 'g3', maxUses: null };

function take(uses: Uses, ...grants: TakenGrant[]): Promise<boolean> {
  return new Promise((resolve) => uses.take(grants, resolve));
}

test('a counted grant is taken as often as it may be, within the call, and then no more', () => {
  const uses = new LocalUses();
  const taken: boolean[] = [];
  for (let i = 0; i < 4; i++) uses.take([G1], (each) => taken.push(each));
  expect(taken).toEqual([true, true, false, false]);
  expect(uses.of('g1')).toBe(2);
});

test('several grants are taken all or none, also the same one twice', () => {
  const uses = new LocalUses();
  const taken: boolean[] = [];
  const note = (each: boolean) => taken.push(each);
  uses.take([G1, G2], note);
  uses.take([G1, G2], note);
  expect([uses.of('g1'), uses.of('g2')]).toEqual([1, 1]);
  uses.take([G1, G1], note);
  expect(uses.of('g1')).toBe(1);
  expect(taken).toEqual([true, false, false]);
});

test('a grant without limit is not counted, and nobody is asked for it', async () => {
  const local = new LocalUses();
  expect(await take(local, ENDLESS)).toBe(true);
  expect(local.of('g3')).toBe(0);
  local.note('g3');
  expect(local.of('g3')).toBe(1);
});

test('what others have used up is passed over: the next grant that fits is used, and refused is only what none fits', async () => {
  const upstream = await startUpstream((_, response) => response.end('{}'));
  const grant = (id: string) => ({
    id,
    tenant_id: 'acme',
    user_id: 'support-1',
    from_region: 'eu-west',
    to_region: 'us-east',
    not_before: '2020-01-01T00:00:00Z',
    not_after: '2099-01-01T00:00:00Z',
    max_uses: 1,
    reason: 'case 1',
    approved_by: ['dpo'],
  });
  const rig = await startRig({
    regions: [regionAt('eu-west', { search: upstream.url }), regionAt('us-east', { search: upstream.url })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    grants: ['g1', 'g2', 'g3'].map(grant),
  });
  // What others use up is counted elsewhere, and is known here only by the answer to a use.
  const counts = new LocalUses();
  const known = new Map<string, number>();
  const elsewhere: Uses = {
    of: (id) => known.get(id) ?? 0,
    take: (grants, done) =>
      queueMicrotask(() =>
        counts.take(grants, (taken) => {
          for (const { id } of grants) known.set(id, counts.of(id));
          done(taken);
        }),
      ),
    note: () => undefined,
  };
  const nobody: Uses = { of: () => 0, take: (_, done) => done(false), note: () => undefined };
  const use = (uses: Uses) =>
    Object.assign(rig.domicile.plane.proxy, { uses, usesOf: (id) => uses.of(id) } satisfies Partial<Proxy>);
  const ask = async () => {
    const response = await fetch(`${rig.search}/idx/_doc/1`, {
      headers: {
        'x-tenant-id': 'acme',
        'x-data-classification': 'content',
        'x-user-id': 'support-1',
        'x-requested-region': 'us-east',
      },
    });
    await response.arrayBuffer();
    return `${response.status} ${response.headers.get('x-residency-reason')}`;
  };
  use(nobody);
  expect(await ask()).toBe('503 policy_unavailable');
  use(elsewhere);
  // By another worker, of which this one was not told.
  for (const id of ['g1', 'g2']) counts.take([{ id, maxUses: 1 }], (taken) => expect(taken).toBe(true));
  expect([await ask(), await ask()]).toEqual(['200 grant', '403 region_not_allowed']);
  expect(['g1', 'g2', 'g3'].map((id) => counts.of(id))).toEqual([1, 1, 1]);
  await rig.stop();
  await upstream.close();
});
