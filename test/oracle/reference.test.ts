import { describe, expect, test } from 'vitest';
import type { Facts, Policy } from '../../src/policy/model.ts';
import { ask, DE_SOVEREIGN, FR, IE, outcome, policy, regime, REGIONS, US, type Asked } from './examples.ts';

describe('step 3: effective policy', () => {
  test('a tenant without any policy is no_policy', () => {
    expect(ask({ policies: [] })).toMatchObject({ effect: 'deny', reason: 'no_policy', policyId: null, target: -1 });
  });

  test('a known tenant whose policies are all disabled or for other classes is no_policy', () => {
    expect(outcome({ policies: [policy({ enabled: false }), policy({ classifications: ['identity'] })] })).toBe(
      'no_policy',
    );
  });

  test('(subject, class) comes before (subject, all), (tenant, class) and (tenant, all)', () => {
    const ranked = [
      policy({ id: 'tenant-all' }),
      policy({ id: 'tenant-class', classifications: ['content'] }),
      policy({ id: 'subject-all', subjectId: 'ann' }),
      policy({ id: 'subject-class', subjectId: 'ann', classifications: ['content'] }),
    ];
    for (let n = 4; n > 0; n--) {
      const policies = ranked.slice(0, n);
      expect(ask({ policies, facts: { subject: 'ann' } }).policyId).toBe(policies[n - 1]?.id);
    }
  });

  test('a subject without a matching policy inherits', () => {
    const policies = [policy({ id: 'anns', subjectId: 'ann' }), policy({ id: 'all' })];
    expect(ask({ policies, facts: { subject: 'bob' } }).policyId).toBe('all');
  });

  test('a prohibition by any matching policy holds, also where a more specific policy allows', () => {
    const policies = [
      policy({ prohibitedRegions: ['fr-1'] }),
      policy({ id: 'anns', subjectId: 'ann', allowedRegions: ['fr'] }),
    ];
    expect(outcome({ policies, facts: { subject: 'ann', requestedRegion: FR } })).toBe('region_prohibited');
    expect(outcome({ policies: policies.slice(1), facts: { subject: 'ann', requestedRegion: FR } })).toBe(
      'in_residency → fr',
    );
  });
});

describe('step 3: resources', () => {
  test('every bucket must be on the list, whatever the key', () => {
    expect(listed(['acme-*'], { resources: ['acme-docs/a'] })).toBe('in_residency → de');
    expect(listed(['acme-*'], { resources: ['acme-docs/a', 'other/acme-b'] })).toBe('resource_not_permitted');
  });

  test('an index wildcard is inside only a glob that covers all that it can match', () => {
    expect(listed(['acme-*'], { service: 'search', resources: ['acme-2*'] })).toBe('in_residency → de');
    expect(listed(['acme-2*'], { service: 'search', resources: ['acme-*'] })).toBe('resource_not_permitted');
    expect(listed(['*'], { service: 'search', resources: ['*'] })).toBe('in_residency → de');
  });

  test('_all and no name are on no list', () => {
    expect(listed(['*'], { service: 'search', resources: ['_all'] })).toBe('resource_not_permitted');
    expect(listed(['*'], { naming: 'none', resources: [] })).toBe('resource_not_permitted');
  });

  test('calls that return no documents are exempt, and a body is waited for', () => {
    expect(listed(['acme-*'], { naming: 'exempt', resources: [] })).toBe('in_residency → de');
    expect(listed(['acme-*'], { naming: 'body', resources: [] })).toBe('in_residency → de');
  });

  test('resource_not_permitted stays a refusal under an advisory policy', () => {
    const policies = [
      policy({ policyType: 'advisory', resources: { storage: ['acme-*'], search: [], inference: [] } }),
    ];
    expect(outcome({ policies, facts: { resources: ['other/a'] } })).toBe('resource_not_permitted');
  });
});

describe('step 4: placement sets', () => {
  test('single-country: regions in the country of the primary, narrowed if allowed_regions are given', () => {
    expect(reachable({ mode: 'single-country' }, {})).toEqual(['de', 'de-sov']);
    expect(reachable({ mode: 'single-country', allowedRegions: ['fr'] }, {})).toEqual(['de']);
  });

  test('regional: regions in the geography of the primary; a draining one is read from and not written to', () => {
    expect(reachable({ mode: 'regional' }, {})).toEqual(['de', 'de-sov', 'fr', 'ie']);
    expect(reachable({ mode: 'regional' }, { verb: 'store' })).toEqual(['de', 'de-sov', 'fr']);
    expect(reachable({ mode: 'regional', allowedRegions: ['fr'] }, {})).toEqual(['de', 'fr']);
  });

  test('hybrid: writes to the primary only, reads also from secondary_regions', () => {
    const hybrid: Partial<Policy> = { mode: 'hybrid', allowedRegions: ['fr'], secondaryRegions: ['us'] };
    expect(reachable(hybrid, { verb: 'store' })).toEqual(['de']);
    expect(reachable(hybrid, { verb: 'process' })).toEqual(['de']);
    for (const verb of ['access', 'delete', 'admin'] as const)
      expect(reachable(hybrid, { verb })).toEqual(['de', 'us']);
  });

  test('fully-sovereign: sovereign regions of the country', () => {
    const sovereign: Partial<Policy> = { mode: 'fully-sovereign', primaryRegion: 'de-sov' };
    expect(reachable(sovereign, { callerRegion: DE_SOVEREIGN })).toEqual(['de-sov']);
  });

  test('client-owned: exactly primary and allowed_regions', () => {
    expect(reachable({ allowedRegions: ['us-1'] }, {})).toEqual(['de', 'us']);
  });

  test('a hard regime excludes what is outside its territory, for its verbs and dates', () => {
    const p: Partial<Policy> = { mode: 'regional', complianceFrameworks: ['law'] };
    expect(reachable(p, { verb: 'store' }, { regimes: [regime()] })).toEqual(['de', 'de-sov']);
    expect(reachable(p, { verb: 'store' }, { regimes: [regime({ verbs: ['access'] })] })).toContain('fr');
    expect(reachable(p, { verb: 'delete' }, { regimes: [regime({ verbs: ['access'] })] })).toEqual(['de', 'de-sov']);
    expect(reachable(p, { verb: 'store' }, { regimes: [regime({ validUntil: 150 })] })).toContain('fr');
    expect(reachable(p, { verb: 'store' }, { regimes: [regime({ validFrom: 151 })] })).toContain('fr');
    expect(reachable({ mode: 'regional' }, { verb: 'store' }, { regimes: [regime()] })).toContain('fr');
  });

  test('a local-first regime excludes for storing only', () => {
    const p: Partial<Policy> = { mode: 'regional', complianceFrameworks: ['law'] };
    const regimes = [regime({ type: 'L' })];
    expect(reachable(p, { verb: 'store' }, { regimes })).toEqual(['de', 'de-sov']);
    expect(reachable(p, { verb: 'process' }, { regimes })).toEqual(['de', 'de-sov', 'fr']);
  });

  test('a blacklist regime excludes its destinations', () => {
    const regimes = [regime({ type: 'D', destinations: ['FR'] })];
    expect(reachable({ mode: 'regional', complianceFrameworks: ['law'] }, {}, { regimes })).toEqual([
      'de',
      'de-sov',
      'ie',
    ]);
  });
});

describe('step 5: target', () => {
  test('without a region asked for, the primary', () => {
    expect(outcome({ policies: [policy({ mode: 'regional' })], self: FR })).toBe('in_residency → de');
  });

  test("a read goes to the sidecar's own region only if that is a replica inside P", () => {
    const policies = [policy({ mode: 'hybrid', secondaryRegions: ['fr'] })];
    expect(outcome({ policies, self: FR })).toBe('in_residency → fr');
    expect(outcome({ policies, self: FR, facts: { verb: 'delete' } })).toBe('in_residency → de');
    expect(outcome({ policies, self: US })).toBe('in_residency → de');
    expect(outcome({ policies: [policy({ secondaryRegions: ['fr'] })], self: FR })).toBe('in_residency → de');
  });

  test('outside P: prohibited, else sovereign, else not allowed', () => {
    const facts = { requestedRegion: FR };
    expect(outcome({ facts })).toBe('region_not_allowed');
    const sovereign = policy({ mode: 'fully-sovereign', primaryRegion: 'de-sov' });
    expect(outcome({ policies: [sovereign], facts })).toBe('sovereign_no_cross_border');
    expect(outcome({ policies: [{ ...sovereign, prohibitedRegions: ['fr'] }], facts })).toBe('region_prohibited');
  });

  test('a primary that only its status keeps out is unhealthy, and refused when asked for by name', () => {
    const policies = [policy({ primaryRegion: 'ie', allowedRegions: ['fr'] })];
    const facts: Partial<Facts> = { verb: 'store' };
    expect(outcome({ policies, facts })).toBe('no_compliant_region');
    expect(outcome({ policies: [{ ...policies[0]!, allowCrossRegionFailover: true }], facts })).toBe('failover → fr');
    expect(outcome({ policies, facts: { ...facts, requestedRegion: IE } })).toBe('region_not_allowed');
  });
});

describe('step 6: border', () => {
  test('identity and transactional are restricted, operational is logged, content and analytical pass', () => {
    expect(fromUs({}, { classification: 'identity' })).toBe('cross_border_restricted');
    expect(fromUs({}, { classification: 'transactional' })).toBe('cross_border_restricted');
    expect(fromUs({}, { classification: 'operational' })).toBe('cross_border_logged → de');
    expect(fromUs({}, { classification: 'content' })).toBe('cross_border_class → de');
    expect(fromUs({}, { classification: 'analytical' })).toBe('cross_border_class → de');
  });

  test('a store or a delete from abroad crosses nothing', () => {
    expect(fromUs({}, { classification: 'identity', verb: 'store' })).toBe('in_residency → de');
    expect(fromUs({}, { classification: 'identity', verb: 'delete' })).toBe('in_residency → de');
    expect(fromUs({}, { classification: 'identity', verb: 'process' })).toBe('cross_border_restricted');
    expect(fromUs({}, { classification: 'identity', verb: 'admin' })).toBe('cross_border_restricted');
  });

  test('abroad is outside P(access), statuses left aside', () => {
    const facts: Partial<Facts> = { classification: 'identity', verb: 'process', callerRegion: IE };
    expect(fromUs({ mode: 'hybrid', secondaryRegions: ['ie'] }, facts)).toBe('in_residency → de');
    expect(fromUs({ mode: 'hybrid', allowedRegions: ['ie'] }, facts)).toBe('cross_border_restricted');
  });

  test('a prohibited caller is refused whatever the class', () => {
    expect(fromUs({ prohibitedRegions: ['us'] }, {})).toBe('region_prohibited');
  });

  test('fully-sovereign refuses every class', () => {
    expect(fromUs({ mode: 'fully-sovereign', primaryRegion: 'de-sov' }, {})).toBe('sovereign_no_cross_border');
  });

  test('cross_border may be stricter, never looser', () => {
    expect(fromUs({ crossBorder: { content: 'logged' } }, {})).toBe('cross_border_logged → de');
    expect(fromUs({ crossBorder: { content: 'restricted' } }, {})).toBe('cross_border_restricted');
    expect(fromUs({ crossBorder: { identity: 'logged' } }, { classification: 'identity' })).toBe(
      'cross_border_restricted',
    );
  });
});

function listed(globs: readonly string[], facts: Partial<Facts>): string {
  return outcome({ policies: [policy({ resources: { storage: globs, search: globs, inference: globs } })], facts });
}

/** Regions that are allowed when asked for by name. */
function reachable(p: Partial<Policy>, facts: Partial<Facts>, more: Asked = {}): string[] {
  return REGIONS.filter((r) => {
    const d = ask({ ...more, policies: [policy(p)], facts: { ...facts, requestedRegion: r.index } });
    return d.allowed;
  }).map((r) => r.id);
}

function fromUs(fields: Partial<Policy>, facts: Partial<Facts>): string {
  return outcome({ policies: [policy(fields)], facts: { callerRegion: US, ...facts } });
}
