import { describe, expect, it } from 'vitest';
import type { Problem } from '../../src/core/problem.ts';
import { parsePolicyFile, parseRegimeFile } from '../../src/policy/parse.ts';
import { validatePolicySet, type UncheckedPolicySet } from '../../src/policy/validate.ts';
import type { RegimeRecord } from '../../src/policy/policy-set.ts';
import type { Catalogue } from '../../src/region/catalogue.ts';
import { parseRegions } from '../../src/region/parse.ts';
import { REGIONS_FILE } from '../../src/region/schema.ts';

const NOW = Date.parse('2026-11-24T00:00:00Z');

function catalogue(...rows: readonly string[]): Catalogue {
  const regions = rows.map((row) => {
    const [id = '', country = '', geography = '', ...flags] = row.split(' ');
    const status = flags.includes('inactive') ? ('inactive' as const) : ('active' as const);
    return { id, cloud_region: `cloud-${id}`, country, geography, sovereign: flags.includes('sovereign'), status };
  });
  const parsed = parseRegions(REGIONS_FILE.withDefaults({ regions }), new Map());
  if (parsed.catalogue === null) throw new Error('the test has a wrong catalogue');
  return parsed.catalogue;
}

const TABLE = catalogue('ie IE EU', 'de DE EU sovereign', 'de2 DE EU', 'us US NA', 'us2 US NA inactive');

function regime(fields: object): RegimeRecord {
  const base = {
    valid_from: '2020-01-01',
    review_by: '2030-01-01',
    source_url: 'https://example.org',
    territory: ['IE'],
  };
  const parsed = parseRegimeFile({ ...base, ...fields });
  if (parsed.regime === null) throw new Error(JSON.stringify(parsed.problems));
  return parsed.regime;
}

const REGIMES = [
  regime({ id: 'c', type: 'C', mechanisms: ['scc'] }),
  regime({ id: 'hard-de', type: 'H', territory: ['DE'] }),
  regime({ id: 'local-us', type: 'L', territory: ['US'] }),
  regime({ id: 'no-ie', type: 'D', destinations: ['IE'] }),
  regime({ id: 'ended', type: 'H', territory: ['US'], valid_until: '2021-01-01' }),
];

function unchecked(file: object): UncheckedPolicySet {
  const parsed = parsePolicyFile(file, {});
  expect(parsed.problems).toEqual([]);
  return {
    policies: parsed.policies.map(({ value }) => value),
    grants: parsed.grants.map(({ value }) => value),
    overrides: parsed.overrides.map(({ value }) => value),
    regimes: REGIMES,
  };
}

function problemsOf(file: object, defaultPolicy: string | null = null, table: Catalogue | null = TABLE): Problem[] {
  return validatePolicySet(unchecked(file), table, {
    now: NOW,
    defaultPolicy,
    unreadPolicies: new Set(),
    unreadRegimes: new Set(),
  });
}

function codesOf(policy: object): string[] {
  const full = { id: 'p', tenant_id: 't', primary_region: 'ie', ...policy };
  return problemsOf({ policies: [full] }).map(({ code, severity }) => `${severity ?? 'error'} ${code}`);
}

function policy(id: string, fields: object = {}): object {
  return { id, tenant_id: 't', primary_region: 'ie', ...fields };
}

function codes(policies: object[], name: string | null = null): string[] {
  return problemsOf({ policies }, name).map(
    ({ code, path, severity }) => `${severity ?? 'error'} ${code} ${path.join('.')}`,
  );
}

function revision(fields: object): number {
  return unchecked({ policies: [policy('p', fields)] }).policies[0]?.revision ?? 0;
}

describe('a policy by itself', () => {
  it('is fine when it keeps to its mode', () => {
    expect(codesOf({})).toEqual([]);
    expect(codesOf({ mode: 'single-country', primary_region: 'de', allowed_regions: ['de2'] })).toEqual([]);
    expect(codesOf({ mode: 'regional', allowed_regions: ['cloud-de'], prohibited_regions: ['us'] })).toEqual([]);
    expect(codesOf({ mode: 'hybrid', secondary_regions: ['us'], allowed_regions: ['de'] })).toEqual([]);
    expect(codesOf({ mode: 'fully-sovereign', primary_region: 'de' })).toEqual([]);
    expect(codesOf({ allowed_regions: ['us'] })).toEqual([]);
    expect(codesOf({ primary_region: 'ie', allowed_regions: ['ie'] })).toEqual([]);
  });

  it('is judged whatever the statuses of its regions', () => {
    expect(codesOf({ primary_region: 'us2' })).toEqual([]);
    expect(codesOf({ primary_region: 'us2', prohibited_regions: ['us2'] })).toContain('error prohibits_itself');
  });

  it('contradicts itself when disabled all the same', () => {
    expect(codesOf({ enabled: false, mode: 'regional', allowed_regions: ['us'] })).toEqual(['error outside_mode']);
  });

  it('may cross a border more strictly than the default, never more loosely', () => {
    expect(codesOf({ cross_border: { operational: 'restricted', content: 'logged', identity: 'restricted' } })).toEqual(
      [],
    );
    expect(codesOf({ cross_border: { transactional: 'logged' } })).toEqual(['error cross_border_looser']);
  });

  it('is empty when a hard regime in force, a local one or a blacklist leaves no region', () => {
    expect(codesOf({ compliance_frameworks: ['hard-de'] })).toEqual(['error empty_placement']);
    expect(codesOf({ compliance_frameworks: ['local-us'] })).toEqual(['error empty_placement']);
    expect(codesOf({ compliance_frameworks: ['no-ie'] })).toEqual(['error empty_placement']);
    expect(codesOf({ compliance_frameworks: ['ended'] })).toEqual(['warning framework_not_in_force']);
  });

  it('says for which verbs nothing is left: a local regime speaks of storing only', () => {
    const found = problemsOf({
      policies: [{ id: 'p', tenant_id: 't', primary_region: 'ie', compliance_frameworks: ['local-us'] }],
    });
    expect(found[0]?.message).toBe('no region is left to store the data in, because of regime local-us');
  });

  it('is warned when a regime shuts out its primary but leaves another region', () => {
    expect(codesOf({ allowed_regions: ['de'], compliance_frameworks: ['hard-de'] })).toEqual([
      'warning primary_excluded',
    ]);
  });

  it('is warned of evidence that will count for nothing', () => {
    const evidence = { regime: 'c', mechanism: 'scc', reference: 'file 1', valid_until: '2020-02-01' };
    expect(codesOf({ compliance_frameworks: ['c'], transfer_evidence: [evidence] })).toEqual(['warning evidence_past']);
    expect(codesOf({ transfer_evidence: [{ regime: 'c', mechanism: 'bcr' }] })).toEqual([
      'warning evidence_unused',
      'warning evidence_mechanism',
    ]);
  });

  it('is warned when allowed or secondary regions can never serve', () => {
    expect(codesOf({ mode: 'fully-sovereign', primary_region: 'de', allowed_regions: ['de2'] })).toEqual([
      'warning allowed_not_sovereign',
    ]);
    expect(codesOf({ mode: 'hybrid', secondary_regions: ['ie'] })).toEqual(['warning secondary_is_primary']);
  });

  it('is not judged by regions when the catalogue could not be read', () => {
    const file = { policies: [{ id: 'p', tenant_id: 't', primary_region: 'mars', mode: 'hybrid' }] };
    expect(problemsOf(file, null, null).map(({ code }) => code)).toEqual(['hybrid_without_secondary']);
  });
});

describe('policies together', () => {
  it('may differ in rank: subject over tenant, class over all', () => {
    expect(
      codes([
        policy('a'),
        policy('b', { classifications: ['identity'] }),
        policy('c', { subject_id: 's' }),
        policy('d', { subject_id: 's', classifications: ['identity'] }),
        policy('e', { tenant_id: 'u' }),
        policy('f', { enabled: false }),
      ]),
    ).toEqual([]);
  });

  it('may not be two of equal rank, and are told once for each pair', () => {
    expect(codes([policy('a'), policy('b')])).toEqual(['error equal_rank policies.1.id']);
    const both = { classifications: ['identity', 'content'] };
    expect(codes([policy('a', both), policy('b', both)])).toEqual(['error equal_rank policies.1.id']);
  });

  it('need a default policy that exists, is enabled and has no tenant', () => {
    const rest = { tenant_id: null };
    expect(codes([policy('d', rest), policy('e', rest)], 'd')).toEqual([]);
    expect(codes([policy('d')], 'd')).toEqual(['error default_policy default_policy']);
    expect(codes([policy('d', { ...rest, enabled: false })], 'd')).toEqual(['error default_policy default_policy']);
    expect(codes([policy('d', rest)], 'x')).toEqual(['error default_policy default_policy']);
    expect(codes([policy('d', { ...rest, classifications: ['content'] })], 'd')).toEqual([
      'warning default_policy default_policy',
    ]);
  });

  it('warn of a regime whose review is due', () => {
    const due = regime({ id: 'due', type: 'N', review_by: '2026-01-01' });
    const options = {
      now: NOW,
      defaultPolicy: null,
      unreadPolicies: new Set<string>(),
      unreadRegimes: new Set<string>(),
    };
    const found = validatePolicySet({ policies: [], grants: [], overrides: [], regimes: [due, due] }, TABLE, options);
    expect(found.map(({ code, path }) => `${code} ${path.join('.')}`)).toEqual([
      'review_due regimes.0.review_by',
      'duplicate_regime regimes.1.id',
      'review_due regimes.1.review_by',
    ]);
  });
});

describe('grants and overrides of files', () => {
  const window = { not_before: '2026-11-01T00:00:00Z', not_after: '2026-12-01T00:00:00+01:00', approved_by: ['dpo'] };
  const grant = { id: 'g', tenant_id: 't', user_id: 'u', from_region: 'ie', to_region: 'us', ...window };
  const override = { id: 'o', tenant_id: 't', source_region: 'ie', target_region: 'cloud-us', ...window };

  it('have the defaults of DESIGN 1.5: all subjects, classes and resources, the verb access', () => {
    const [parsed] = unchecked({
      grants: [{ ...grant, subjects: ['*'], classifications: ['*'], resource: '*' }],
    }).grants;
    expect(parsed).toMatchObject({
      subjects: [],
      classifications: [],
      verbs: ['access'],
      resource: null,
      maxUses: null,
    });
    expect(parsed?.notAfter).toBe(Date.parse('2026-11-30T23:00:00Z'));
  });

  it('are fine as they are, and refused when they lead nowhere or their window is empty', () => {
    expect(problemsOf({ grants: [grant], overrides: [override] })).toEqual([]);
    const found = problemsOf({
      grants: [{ ...grant, to_region: 'cloud-ie' }],
      overrides: [{ ...override, not_after: window.not_before, approved_by: ['cto', 'cto'] }],
    }).map(({ code, path }) => `${code} ${path.join('.')}`);
    expect(found).toEqual([
      'goes_nowhere grants.0.to_region',
      'empty_window overrides.0.not_after',
      'approved_twice overrides.0.approved_by',
    ]);
  });

  it('are warned about when past, or approved by their own user', () => {
    const past = { ...grant, not_after: '2026-11-02', approved_by: ['u'] };
    expect(problemsOf({ grants: [past] }).map(({ code, severity }) => `${severity} ${code}`)).toEqual([
      'warning window_past',
      'warning self_approved',
    ]);
  });
});

describe('the revision of a policy of a file', () => {
  it('is a positive number that follows from what the policy says, not from how it is written', () => {
    expect(revision({})).toBeGreaterThan(0);
    expect(revision({ enabled: true, allowed_regions: [] })).toBe(revision({}));
    expect(revision({ enabled: false })).not.toBe(revision({}));
  });
});
