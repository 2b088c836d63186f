import * as fc from 'fast-check';
import { CLASSIFICATIONS, MODES, SERVICE_OF, VERBS } from '../../src/core/vocabulary.ts';
import type { Classification, DialectId, Service, Verb } from '../../src/core/vocabulary.ts';
import type {
  Facts,
  Grant,
  Naming,
  Override,
  Policy,
  PolicyRegion,
  Regime,
  RegionTable,
  TenantPolicies,
  TransferEvidence,
  World,
} from '../../src/policy/model.ts';

/**
 * Random worlds for the oracle. Everything is drawn from small pools (two countries more often than three, two subjects,
 * five instants, names that the globs just match or just miss), so that what the rules are about happens often: several
 * policies match at once, the caller is abroad, a window closes at the very moment. A region is drawn as a number and
 * taken modulo the catalogue's length, so that a counter-example shrinks to a small catalogue.
 */
export interface Scenario {
  readonly table: RegionTable;
  readonly regimes: readonly Regime[];
  /** Null: a tenant without any policy, where no default policy is configured. */
  readonly tenantPolicies: TenantPolicies | null;
  readonly requests: readonly Request[];
}

export interface Request {
  readonly facts: Facts;
  readonly world: World;
}

const TENANT = 'acme';
const SUBJECTS = ['ann', 'bob'] as const;
const MECHANISMS = ['scc', 'bcr'] as const;
const REGIMES = ['r1', 'r2', 'r3'] as const;
const COUNTRIES = ['DE', 'FR', 'US'] as const;

/** Windows and clocks share these instants, so that `now` often stands on an edge. */
const instant = fc.constantFrom(1000, 2000, 3000, 4000, 5000);
const opening = fc.oneof({ weight: 4, arbitrary: fc.constant(1000) }, { weight: 1, arbitrary: instant });
const closing = fc.oneof({ weight: 3, arbitrary: fc.constant(5000) }, { weight: 1, arbitrary: instant });
const end = fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 2, arbitrary: instant });

/** Mostly one of three regions that everything turns around. 840 is a multiple of 3, 4, 5, 6, 7 and 8. */
const place = fc.oneof({ weight: 3, arbitrary: fc.nat({ max: 2 }) }, { weight: 2, arbitrary: fc.nat({ max: 839 }) });
/** The first region is where tenants are mostly pinned. */
const elsewhere = fc.oneof({ weight: 9, arbitrary: place.map((p) => p + 1) }, { weight: 1, arbitrary: place });
/** Where widenings lead. */
const goal = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(1, 2) }, { weight: 1, arbitrary: place });
const places = fc.array(place, { maxLength: 3 });
const yes = (percent: number): fc.Arbitrary<boolean> => fc.integer({ min: 1, max: 100 }).map((n) => n > 100 - percent);
const seldom = <T>(percent: number, usual: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 100 - percent, arbitrary: fc.constant(usual) }, { weight: percent, arbitrary: other });

// ---- Catalogue and regimes

const regionDraft = fc.record({
  country: fc.constantFrom('DE', 'DE', 'DE', 'FR', 'FR', 'US'),
  geography: fc.constantFrom('EU', 'EU', 'EU', 'NA'),
  sovereign: fc.boolean(),
  status: fc.constantFrom('active', 'active', 'active', 'active', 'active', 'draining', 'inactive'),
} as const);

const catalogue: fc.Arbitrary<RegionTable> = fc.array(regionDraft, { minLength: 3, maxLength: 8 }).map((drafts) => {
  const regions: PolicyRegion[] = drafts.map((d, index) => ({
    index,
    id: `r-${index}`,
    cloudRegion: `cloud-${index}`,
    ...d,
  }));
  return { regions, find: (name) => regions.find((r) => r.id === name || r.cloudRegion === name) ?? null };
});

const regime = (id: string): fc.Arbitrary<Regime> =>
  fc.record({
    id: fc.constant(id),
    name: fc.constant(id),
    type: fc.constantFrom('H', 'L', 'C', 'C', 'C', 'D', 'N'),
    verbs: fc.subarray(['store', 'process', 'access'] as const, { minLength: 1 }),
    territory: fc.subarray([...COUNTRIES], { minLength: 1 }),
    destinations: fc.subarray([...COUNTRIES], { maxLength: 2 }),
    mechanisms: fc.subarray([...MECHANISMS]),
    validFrom: opening,
    validUntil: end,
  } as const);

const regimeList: fc.Arbitrary<readonly Regime[]> = fc.tuple(...REGIMES.map(regime));

// ---- Policies, grants, overrides. A draft's regions are numbers; `named` turns them into one of a region's two names.

const NAMES: Readonly<Record<Service, readonly string[]>> = {
  storage: ['acme-docs/a/1', 'acme-docs/b', 'acme-logs/x', 'other/a', 'acme-docs', 'acme-docs/*'],
  search: ['acme-docs', 'acme-logs', 'acme-*', '*', '_all', 'a*-docs', 'acme-docs-*', 'other'],
  inference: ['acme-small', 'vendor.model:1', 'acme-large/v2'],
};
const GLOBS = [
  'acme-*',
  'acme-docs',
  'acme-docs*',
  '*-docs',
  '*',
  'a*-*s',
  'vendor.*',
  'acme-docs/*',
  '*/a*',
  'acme*1',
  '*all',
];

const globs = seldom<readonly string[]>(12, [], fc.subarray(GLOBS, { minLength: 1, maxLength: 3 }));
const evidence: fc.Arbitrary<TransferEvidence> = fc.record({
  regime: fc.constantFrom(...REGIMES),
  mechanism: fc.constantFrom(...MECHANISMS),
  reference: fc.constant('contract 7'),
  validUntil: end,
});
const crossBorder = seldom<Policy['crossBorder']>(
  30,
  {},
  fc.dictionary(fc.constantFrom(...CLASSIFICATIONS), fc.constantFrom('logged', 'restricted'), {
    minKeys: 1,
    maxKeys: 3,
    noNullPrototype: true,
  }),
);

const policyDraft = fc.record({
  subjectId: fc.constantFrom(null, null, null, ...SUBJECTS),
  mode: fc.constantFrom(...MODES, 'regional', 'client-owned', 'hybrid'),
  advisory: yes(30),
  /** Policies of a tenant mostly pin to the same place. */
  primary: seldom(30, 0, place),
  allowed: places,
  secondary: places,
  prohibited: seldom<readonly number[]>(40, [], fc.array(elsewhere, { minLength: 1, maxLength: 2 })),
  classifications: fc.oneof(
    { weight: 3, arbitrary: fc.constant<Classification[]>([]) },
    { weight: 2, arbitrary: fc.subarray([...CLASSIFICATIONS], { minLength: 1, maxLength: 3 }) },
  ),
  complianceFrameworks: seldom<readonly string[]>(35, [], fc.subarray([...REGIMES], { minLength: 1 })),
  allowCrossRegionFailover: yes(70),
  crossBorder,
  emergencyOverride: seldom<'allowed' | 'denied'>(15, 'allowed', fc.constant('denied')),
  dataRetentionDays: fc.constantFrom(null, 30),
  enabled: yes(92),
  resources: fc.record({ storage: globs, search: globs, inference: globs }),
  transferEvidence: fc.array(evidence, { maxLength: 3 }),
  cloudNames: fc.boolean(),
});
type PolicyDraft = typeof policyDraft extends fc.Arbitrary<infer T> ? T : never;

const grantDraft = fc.record({
  otherTenant: yes(4),
  subjects: seldom<readonly string[]>(30, [], fc.subarray([...SUBJECTS], { minLength: 1 })),
  userId: fc.constantFrom('uma', 'uma', 'uma', 'vic'),
  classifications: seldom<readonly Classification[]>(20, [], fc.subarray([...CLASSIFICATIONS], { minLength: 1 })),
  verbs: seldom<readonly Verb[]>(35, VERBS, fc.subarray([...VERBS], { minLength: 1 })),
  resource: seldom<string | null>(25, null, fc.constantFrom(...GLOBS, '*all', '*all')),
  from: seldom(15, 0, place),
  to: goal,
  notBefore: opening,
  notAfter: closing,
  maxUses: fc.constantFrom(null, null, 1, 2),
  approved: yes(95),
  cloudNames: fc.boolean(),
});
type GrantDraft = typeof grantDraft extends fc.Arbitrary<infer T> ? T : never;

const overrideDraft = fc.record({
  otherTenant: yes(4),
  subjects: seldom<readonly string[]>(30, [], fc.subarray([...SUBJECTS], { minLength: 1 })),
  source: seldom(15, 0, place),
  target: goal,
  notBefore: opening,
  notAfter: closing,
  approved: yes(95),
  cloudNames: fc.boolean(),
});
type OverrideDraft = typeof overrideDraft extends fc.Arbitrary<infer T> ? T : never;

function named(table: RegionTable, place: number, cloudName: boolean): string {
  const region = table.regions[place % table.regions.length] as PolicyRegion;
  return cloudName ? region.cloudRegion : region.id;
}

/** A region twice in a list is refused at load. */
function namedOnce(table: RegionTable, places: readonly number[], cloudName: boolean): string[] {
  return [...new Set(places.map((p) => named(table, p, cloudName)))];
}

function buildPolicy(table: RegionTable, draft: PolicyDraft, n: number, tenantId: string | null): Policy {
  const { advisory, primary, allowed, secondary, prohibited, cloudNames, ...rest } = draft;
  const region = (places: readonly number[]): string[] => namedOnce(table, places, cloudNames);
  return {
    ...rest,
    id: `p${n}`,
    name: null,
    tenantId,
    // Advisory and fully-sovereign together are refused at load, and nothing says what they would mean.
    policyType: advisory && draft.mode !== 'fully-sovereign' ? 'advisory' : 'mandatory',
    primaryRegion: named(table, primary, cloudNames),
    allowedRegions: region(allowed),
    secondaryRegions: region(secondary),
    prohibitedRegions: region(prohibited),
    emergencyContact: null,
    revision: 1,
  };
}

/** Two enabled policies of equal rank for the same subject and class are refused at load: the later ones are left out. */
function withoutEqualRanks(policies: readonly Policy[]): Policy[] {
  const kept: Policy[] = [];
  for (const p of policies) {
    const clash = kept.some(
      (k) =>
        k.enabled &&
        p.enabled &&
        k.subjectId === p.subjectId &&
        (k.classifications.length === 0 && p.classifications.length === 0
          ? true
          : k.classifications.some((c) => p.classifications.includes(c))),
    );
    if (!clash) kept.push(p);
  }
  return kept;
}

function buildGrant(table: RegionTable, draft: GrantDraft, n: number): Grant {
  const { otherTenant, from, to, approved, cloudNames, ...rest } = draft;
  return {
    ...rest,
    id: `g${n}`,
    tenantId: otherTenant ? 'other' : TENANT,
    fromRegion: named(table, from, cloudNames),
    toRegion: named(table, to, cloudNames),
    reason: 'case 4711',
    approvedBy: approved ? ['dpo'] : [],
  };
}

function buildOverride(table: RegionTable, draft: OverrideDraft, n: number): Override {
  const { otherTenant, source, target, approved, cloudNames, ...rest } = draft;
  return {
    ...rest,
    id: `o${n}`,
    tenantId: otherTenant ? 'other' : TENANT,
    sourceRegion: named(table, source, cloudNames),
    targetRegion: named(table, target, cloudNames),
    reason: 'outage',
    approvedBy: approved ? ['cto', 'dpo'] : [],
  };
}

// ---- Requests and the world that they meet

const requestDraft = fc.record({
  subject: fc.constantFrom(null, ...SUBJECTS),
  user: fc.constantFrom('uma', 'uma', 'uma', 'uma', 'vic', null),
  classification: fc.constantFrom(...CLASSIFICATIONS),
  verb: fc.constantFrom(...VERBS, 'access'),
  dialect: fc.constantFrom<DialectId[]>('s3', 's3', 'opensearch', 'opensearch', 'bedrock', 'openai', 'anthropic'),
  naming: fc.constantFrom<Naming[]>('named', 'named', 'named', 'named', 'named', 'named', 'none', 'exempt', 'body'),
  names: fc.array(fc.nat({ max: 839 }), { minLength: 1, maxLength: 2 }),
  requested: seldom(45, -1, place),
  caller: seldom(50, 0, place),
  grant: seldom<string | null>(15, null, fc.constantFrom('g0', 'g1', 'g2', 'unheard-of')),
  now: fc.constantFrom(999, 1000, 1001, 1999, 2000, 3000, 4000, 4999, 5000),
  self: seldom(60, 0, place),
  /** One bit for each region. */
  down: seldom(30, 0, fc.nat({ max: 255 })),
  insecure: seldom(25, 0, fc.nat({ max: 255 })),
  uses: fc.constantFrom(0, 0, 0, 1, 2),
});
type RequestDraft = typeof requestDraft extends fc.Arbitrary<infer T> ? T : never;

function buildRequest(table: RegionTable, draft: RequestDraft): Request {
  const count = table.regions.length;
  const service = SERVICE_OF[draft.dialect];
  const pool = NAMES[service];
  const bits = (mask: number): Uint8Array => Uint8Array.from(table.regions, (r) => ((mask >> r.index) & 1) ^ 1);
  return {
    facts: {
      tenant: TENANT,
      subject: draft.subject,
      user: draft.user,
      classification: draft.classification,
      verb: draft.verb,
      service,
      dialect: draft.dialect,
      naming: draft.naming,
      resources: draft.naming === 'named' ? draft.names.map((n) => pool[n % pool.length] as string) : [],
      requestedRegion: draft.requested < 0 ? -1 : draft.requested % count,
      callerRegion: draft.caller % count,
      grant: draft.grant,
    },
    world: {
      now: draft.now,
      selfRegion: draft.self % count,
      available: bits(draft.down),
      secure: bits(draft.insecure),
      // Uses differ by grant, so that the first one may be spent and the next not.
      uses: (id) => (id === 'g1' ? 0 : draft.uses),
    },
  };
}

/** A scenario with exactly `requests` requests. */
export function scenario(requests: number): fc.Arbitrary<Scenario> {
  return fc
    .record({
      table: catalogue,
      regimes: regimeList,
      kind: seldom<'own' | 'default' | 'none'>(7, 'own', fc.constantFrom('default', 'none')),
      /** Most tenants have a policy for all subjects and classes, under the others. */
      base: yes(75),
      policies: fc.array(policyDraft, { minLength: 1, maxLength: 6 }),
      grants: fc.array(grantDraft, { maxLength: 6 }),
      overrides: fc.array(overrideDraft, { maxLength: 3 }),
      requests: fc.array(requestDraft, { minLength: requests, maxLength: requests }),
    })
    .map((d) => {
      const own = d.kind === 'own';
      const drafts = d.policies.slice(0, own ? undefined : 1);
      if (d.base || !own) drafts[0] = { ...drafts[0]!, subjectId: null, classifications: [], enabled: true };
      const policies = withoutEqualRanks(drafts.map((p, n) => buildPolicy(d.table, p, n, own ? TENANT : null)));
      return {
        table: d.table,
        regimes: d.regimes,
        tenantPolicies:
          d.kind === 'none'
            ? null
            : {
                tenant: TENANT,
                policies,
                grants: d.grants.map((g, n) => buildGrant(d.table, g, n)),
                overrides: d.overrides.map((o, n) => buildOverride(d.table, o, n)),
              },
        requests: d.requests.map((r) => buildRequest(d.table, r)),
      };
    });
}
