import { describe, expect, test } from 'vitest';
import type { Facts, Grant, Policy } from '../../src/policy/model.ts';
import { ask, DE, DE_SOVEREIGN, FR, grant, IE, outcome, override, policy, regime, US } from './examples.ts';

describe('step 7: widening', () => {
  const toUs: Partial<Facts> = { requestedRegion: US };

  test('a live grant opens step 5, and its window is not_before ≤ now < not_after', () => {
    const now = [99, 100, 199, 200];
    expect(now.map((n) => outcome({ grants: [grant()], facts: toUs, now: n }))).toEqual([
      'region_not_allowed',
      'grant → us',
      'grant → us',
      'region_not_allowed',
    ]);
  });

  test.each<[string, Partial<Grant>]>([
    ['another tenant', { tenantId: 'other' }],
    ['another subject', { subjects: ['ann'] }],
    ['another user', { userId: 'vic' }],
    ['another class', { classifications: ['identity'] }],
    ['another verb', { verbs: ['store'] }],
    ['another resource', { resource: 'acme-docs/b*' }],
    ['another source', { fromRegion: 'fr' }],
    ['another target', { toRegion: 'fr' }],
    ['no use left', { maxUses: 3 }],
    ['nobody who approved', { approvedBy: [] }],
  ])('a grant for %s opens nothing', (_, fields) => {
    expect(outcome({ grants: [grant(fields)], facts: toUs, uses: 3 })).toBe('region_not_allowed');
  });

  test('a request without a user uses no grant', () => {
    expect(outcome({ grants: [grant()], facts: { ...toUs, user: null } })).toBe('region_not_allowed');
  });

  test("a grant's glob is about the whole resource, `*` crosses `/`, and `*` alone is all", () => {
    const facts = { ...toUs, resources: ['acme-docs/a/b/c'] };
    expect(outcome({ grants: [grant({ resource: 'acme-*c' })], facts })).toBe('grant → us');
    const unnamed: Partial<Facts> = { ...toUs, naming: 'exempt', resources: [] };
    expect(outcome({ grants: [grant({ resource: 'acme-*' })], facts: unnamed })).toBe('region_not_allowed');
    expect(outcome({ grants: [grant({ resource: '*' })], facts: unnamed })).toBe('grant → us');
    const all: Partial<Facts> = { ...toUs, service: 'search', resources: ['_all'] };
    expect(outcome({ grants: [grant({ resource: '*all' })], facts: all })).toBe('region_not_allowed');
  });

  test('a grant opens the border, towards the caller', () => {
    const facts: Partial<Facts> = { classification: 'identity', callerRegion: US };
    expect(outcome({ grants: [grant()], facts })).toBe('grant → de');
  });

  test('each refusal needs a widening, and one may serve both', () => {
    const facts: Partial<Facts> = { classification: 'identity', requestedRegion: US, callerRegion: FR };
    expect(outcome({ grants: [grant()], facts })).toBe('cross_border_restricted');
    expect(outcome({ grants: [grant({ toRegion: 'fr' })], facts })).toBe('region_not_allowed');
    const both = [grant({ id: 'to-fr', toRegion: 'fr' }), grant({ id: 'to-us' })];
    expect(ask({ grants: both, facts })).toMatchObject({ reason: 'grant', grantId: 'to-us', secondGrantId: 'to-fr' });
    const once = ask({ grants: [grant({ maxUses: 1 })], facts: { ...facts, callerRegion: US } });
    expect(once).toMatchObject({ reason: 'grant', grantId: 'g', secondGrantId: null });
  });

  test('a grant never opens a prohibited region, an override does, unless the policy denies every override', () => {
    const prohibited = policy({ prohibitedRegions: ['us'] });
    expect(outcome({ policies: [prohibited], grants: [grant()], facts: toUs })).toBe('region_prohibited');
    const asked = { grants: [grant()], overrides: [override()], facts: toUs };
    expect(outcome({ ...asked, policies: [prohibited] })).toBe('emergency_override → us');
    expect(outcome({ ...asked, policies: [{ ...prohibited, emergencyOverride: 'denied' }] })).toBe('region_prohibited');
  });

  test('a grant is used before an override', () => {
    expect(ask({ grants: [grant()], overrides: [override()], facts: toUs })).toMatchObject({
      reason: 'grant',
      grantId: 'g',
      overrideId: null,
    });
  });

  test('a grant asked for by name is the only one, and where it does not open the reason is grant_invalid', () => {
    const asked = { grants: [grant(), grant({ id: 'late', notBefore: 151 })], overrides: [override()] };
    expect(outcome({ ...asked, facts: { ...toUs, grant: 'g' } })).toBe('grant → us');
    expect(outcome({ ...asked, facts: { ...toUs, grant: 'late' } })).toBe('grant_invalid');
    expect(outcome({ ...asked, facts: { grant: 'late' } })).toBe('in_residency → de');
    const policies = [policy({ prohibitedRegions: ['us'] })];
    expect(outcome({ ...asked, policies, facts: { ...toUs, grant: 'late' } })).toBe('emergency_override → us');
  });

  test('nothing widens fully-sovereign', () => {
    const policies = [policy({ mode: 'fully-sovereign', primaryRegion: 'de-sov' })];
    const asked = {
      grants: [grant({ fromRegion: 'de-sov' })],
      overrides: [override({ sourceRegion: 'de-sov' })],
      facts: { ...toUs, grant: 'g' },
    };
    expect(outcome({ policies, ...asked })).toBe('sovereign_no_cross_border');
  });

  test('nothing widens to a region that is not active', () => {
    const asked = { grants: [grant({ toRegion: 'ie' })], overrides: [override({ targetRegion: 'ie' })] };
    expect(outcome({ ...asked, facts: { requestedRegion: IE } })).toBe('region_not_allowed');
    expect(outcome({ ...asked, facts: { classification: 'identity', callerRegion: IE } })).toBe(
      'cross_border_restricted',
    );
  });
});

describe('step 8: availability', () => {
  const failing = policy({
    mode: 'regional',
    allowedRegions: ['fr', 'de-sov'],
    allowCrossRegionFailover: true,
  });

  test('an unhealthy target fails over in the order of allowed_regions, and never outside P', () => {
    expect(outcome({ policies: [failing], down: [DE] })).toBe('failover → fr');
    expect(outcome({ policies: [failing], down: [DE, FR] })).toBe('failover → de-sov');
    expect(outcome({ policies: [failing], down: [DE, DE_SOVEREIGN, FR] })).toBe('no_compliant_region');
  });

  test('secondary_regions come after allowed_regions, the rest in catalogue order', () => {
    const hybrid = policy({ mode: 'hybrid', secondaryRegions: ['us', 'fr'], allowCrossRegionFailover: true });
    expect(outcome({ policies: [hybrid], down: [DE] })).toBe('failover → us');
    const all = policy({ mode: 'regional', allowCrossRegionFailover: true });
    expect(outcome({ policies: [all], down: [DE] })).toBe('failover → de-sov');
  });

  test('without allow_cross_region_failover, no_compliant_region', () => {
    expect(outcome({ policies: [{ ...failing, allowCrossRegionFailover: false }], down: [DE] })).toBe(
      'no_compliant_region',
    );
  });

  test('hybrid writes fail over to allowed_regions and reads do not', () => {
    const hybrid = policy({ mode: 'hybrid', allowedRegions: ['fr'], allowCrossRegionFailover: true });
    expect(outcome({ policies: [hybrid], down: [DE], facts: { verb: 'store' } })).toBe('failover → fr');
    expect(outcome({ policies: [hybrid], down: [DE] })).toBe('no_compliant_region');
  });
});

describe('step 9: obligations', () => {
  test('identity and transactional need encryption upstream', () => {
    for (const classification of ['identity', 'transactional'] as const) {
      expect(outcome({ insecure: [DE], facts: { classification } })).toBe('encryption_required');
    }
    expect(outcome({ insecure: [DE], facts: { classification: 'operational' } })).toBe('in_residency → de');
  });

  const toUs: Partial<Policy> = { allowedRegions: ['us'], complianceFrameworks: ['law'] };
  const inUs = { regimes: [regime({ type: 'C' })], facts: { requestedRegion: US } };
  const evidence = { regime: 'law', mechanism: 'scc', reference: 'contract', validUntil: 200 };

  test('a conditional regime asks for evidence when the target is outside territory and destinations', () => {
    expect(outcome({ ...inUs, policies: [policy(toUs)] })).toBe('evidence_missing');
    expect(outcome({ ...inUs, policies: [policy({ ...toUs, transferEvidence: [evidence] })] })).toBe(
      'in_residency → us',
    );
    expect(outcome({ ...inUs, policies: [policy(toUs)], regimes: [regime({ type: 'C', destinations: ['US'] })] })).toBe(
      'in_residency → us',
    );
  });

  test('evidence must be in force and of a mechanism that counts', () => {
    const policies = [policy({ ...toUs, transferEvidence: [evidence] })];
    expect(outcome({ ...inUs, policies, now: 200 })).toBe('evidence_missing');
    const regimes = [regime({ type: 'C', mechanisms: ['bcr'] })];
    expect(outcome({ ...inUs, policies, regimes })).toBe('evidence_missing');
  });

  test("for the verbs of step 6 the caller's country counts too", () => {
    const policies = [policy({ complianceFrameworks: ['law'] })];
    const asked = { regimes: [regime({ type: 'C' })], policies };
    expect(outcome({ ...asked, facts: { callerRegion: US } })).toBe('evidence_missing');
    expect(outcome({ ...asked, facts: { callerRegion: US, verb: 'store' } })).toBe('in_residency → de');
  });

  test('encryption is looked at before evidence, both on the region that is used in the end', () => {
    const policies = [policy({ ...toUs, allowCrossRegionFailover: true })];
    const asked = { policies, regimes: inUs.regimes, down: [DE] };
    expect(outcome({ ...asked, insecure: [US], facts: { classification: 'identity' } })).toBe('encryption_required');
    expect(outcome({ ...asked, facts: { classification: 'identity' } })).toBe('evidence_missing');
  });
});

describe('step 10: advisory', () => {
  test('a refusal of steps 5 to 7 becomes audit, forwarded to the region asked for', () => {
    const policies = [policy({ policyType: 'advisory' })];
    expect(ask({ policies, facts: { requestedRegion: US } })).toMatchObject({
      allowed: true,
      effect: 'audit',
      reason: 'advisory',
      target: US,
    });
    expect(outcome({ policies, facts: { classification: 'identity', callerRegion: US } })).toBe('advisory → de');
    expect(outcome({ policies, facts: { requestedRegion: US, grant: 'unheard-of' } })).toBe('advisory → us');
  });

  test('steps 8 and 9 still apply, and a region whose status forbids the verb is unhealthy', () => {
    const policies = [policy({ policyType: 'advisory' })];
    const facts: Partial<Facts> = { requestedRegion: US, classification: 'identity' };
    expect(outcome({ policies, facts, down: [US] })).toBe('no_compliant_region');
    expect(outcome({ policies, facts, insecure: [US] })).toBe('encryption_required');
    expect(outcome({ policies, facts: { requestedRegion: IE, verb: 'store' } })).toBe('no_compliant_region');
  });

  test("a mandatory policy's prohibition stays a refusal, at the border too", () => {
    const policies = [
      policy({ policyType: 'advisory', subjectId: 'ann' }),
      policy({ id: 'all', prohibitedRegions: ['us'] }),
    ];
    expect(outcome({ policies, facts: { subject: 'ann', requestedRegion: US } })).toBe('region_prohibited');
    expect(outcome({ policies, facts: { subject: 'ann', requestedRegion: FR, callerRegion: US } })).toBe(
      'region_prohibited',
    );
  });

  test('a prohibition stated only by an advisory policy turns what would be allowed into audit', () => {
    const policies = discouraging({ allowedRegions: ['us'] }, 'us');
    expect(ask({ policies, facts: { subject: 'ann', requestedRegion: US } })).toMatchObject({
      effect: 'audit',
      reason: 'advisory',
      target: US,
      policyId: 'anns',
    });
    expect(outcome({ policies, facts: { subject: 'ann', callerRegion: US } })).toBe('advisory → de');
    expect(outcome({ policies, facts: { subject: 'ann', callerRegion: US, verb: 'store' } })).toBe('in_residency → de');
  });

  test('it names no refusal, and an override opens it', () => {
    const facts: Partial<Facts> = { subject: 'ann', requestedRegion: US };
    expect(outcome({ policies: discouraging({}, 'us'), facts })).toBe('region_not_allowed');
    const policies = discouraging({ allowedRegions: ['us'] }, 'us');
    expect(outcome({ policies, facts, overrides: [override()] })).toBe('emergency_override → us');
    expect(outcome({ policies, facts, grants: [grant()] })).toBe('advisory → us');
  });

  test('nothing is sent there that was not asked for by name or pinned there', () => {
    const hybrid: Partial<Policy> = { mode: 'hybrid', secondaryRegions: ['fr'], allowCrossRegionFailover: true };
    const facts: Partial<Facts> = { subject: 'ann' };
    expect(outcome({ policies: discouraging(hybrid, 'fr'), facts, self: FR })).toBe('in_residency → de');
    expect(outcome({ policies: discouraging(hybrid, 'fr'), facts, down: [DE] })).toBe('no_compliant_region');
    expect(outcome({ policies: discouraging(hybrid, 'de'), facts })).toBe('advisory → de');
  });
});

describe('the reason of an allowed request', () => {
  test('is the first of emergency_override, grant, failover, cross_border_logged that applies', () => {
    const failing = policy({ allowedRegions: ['fr'], allowCrossRegionFailover: true });
    const logged: Partial<Facts> = { classification: 'operational', callerRegion: US };
    expect(outcome({ policies: [failing], facts: logged, down: [DE] })).toBe('failover → fr');
    const widened = { ...logged, requestedRegion: US };
    expect(outcome({ policies: [failing], facts: widened, grants: [grant()], down: [US] })).toBe('grant → fr');
    const prohibited = { ...failing, prohibitedRegions: ['us'] };
    expect(outcome({ policies: [prohibited], facts: widened, overrides: [override()], down: [US] })).toBe(
      'emergency_override → fr',
    );
  });
});

/** The subject's own policy, under one of the tenant's that only advises against a region. */
function discouraging(effective: Partial<Policy>, prohibited: string): Policy[] {
  return [
    policy({ id: 'all', policyType: 'advisory', prohibitedRegions: [prohibited] }),
    policy({ id: 'anns', subjectId: 'ann', ...effective }),
  ];
}
