import { expect, test } from 'vitest';
import type { Door } from '../../src/outbound/door.ts';
import { compileTenant } from '../../src/policy/compile.ts';
import type { Decision, Facts, Policy, PolicyRegion, World } from '../../src/policy/model.ts';
import { authorize, Permit } from '../../src/policy/permit.ts';

const region = (index: number, id: string): PolicyRegion => ({
  index,
  id,
  cloudRegion: `${id}-1`,
  country: id,
  geography: id,
  sovereign: false,
  status: 'active',
});
const regions = [region(0, 'eu'), region(1, 'us')];
const table = { regions, find: (name: string) => regions.find(({ id }) => id === name) ?? null };
const policy: Policy = {
  id: 'p',
  name: null,
  tenantId: 'acme',
  subjectId: null,
  mode: 'client-owned',
  policyType: 'mandatory',
  primaryRegion: 'eu',
  allowedRegions: [],
  secondaryRegions: [],
  prohibitedRegions: [],
  classifications: [],
  complianceFrameworks: [],
  allowCrossRegionFailover: false,
  crossBorder: {},
  emergencyOverride: 'allowed',
  dataRetentionDays: null,
  emergencyContact: null,
  enabled: true,
  resources: { storage: [], search: [], inference: [] },
  transferEvidence: [],
  revision: 7,
};
const bundle = compileTenant({ tenant: 'acme', policies: [policy], grants: [], overrides: [] }, table, []);
const facts: Facts = {
  tenant: 'acme',
  subject: null,
  user: null,
  classification: 'content',
  verb: 'store',
  service: 'storage',
  dialect: 's3',
  naming: 'named',
  resources: ['b/k'],
  requestedRegion: -1,
  callerRegion: 0,
  grant: null,
};
const world: World = {
  now: 0,
  selfRegion: 0,
  available: Uint8Array.of(1, 1),
  secure: Uint8Array.of(1, 1),
  uses: () => 0,
};

test('an allowed request gets a permit for the region decided on, and for no other', () => {
  const ruling = authorize(bundle, facts, world);
  expect(ruling).toBeInstanceOf(Permit);
  expect((ruling as Permit).target).toBe(0);
  expect((ruling as Permit).decision).toMatchObject({ reason: 'in_residency', label: 'p@7' });
});

test('a denied request gets its denial and no permit', () => {
  const ruling = authorize(bundle, { ...facts, requestedRegion: 1 }, world);
  expect(ruling).not.toBeInstanceOf(Permit);
  expect(ruling).toMatchObject({ allowed: false, reason: 'region_not_allowed', target: -1 });
});

test('an error while evaluating denies with policy_unavailable', () => {
  const broken: World = { ...world, available: null as unknown as Uint8Array };
  expect(authorize(bundle, facts, broken)).toMatchObject({ allowed: false, reason: 'policy_unavailable' });
});

// These lines are the test: the type check of the gate fails as soon as one of them compiles.
test('a permit cannot be forged: none of these compiles', () => {
  const decision = {} as Decision;
  const attempts = (door: Door) => {
    // @ts-expect-error the constructor is private
    new Permit(decision);
    // @ts-expect-error a private constructor cannot be extended
    class Forged extends Permit {}
    // @ts-expect-error an object literal lacks the private brand
    const literal: Permit = { target: 1, decision };
    // @ts-expect-error a decision is no permit
    door.forward(decision, 's3', {}, {});
    return [Forged, literal];
  };
  expect(attempts).toBeTypeOf('function');
});

test('and what gets past the compiler is not taken at run time', async () => {
  const { Door: RealDoor } = await import('../../src/outbound/door.ts');
  const { Catalogue } = await import('../../src/region/catalogue.ts');
  const { Wheel } = await import('../../src/wire/wheel.ts');
  const wheel = new Wheel();
  const door = new RealDoor(new Catalogue([]), { wheel });
  const forged = { target: 0, decision: { allowed: true } } as unknown as Permit;
  expect(() => door.forward(forged, 's3', {} as never, {} as never)).toThrow('nothing leaves without a permit');
  wheel.close();
});
