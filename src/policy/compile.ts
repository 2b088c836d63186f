import { CLASSIFICATIONS, SERVICES, type Classification, type Verb } from '../core/vocabulary.ts';
import { covers } from './glob.ts';
import type { Grant, Override, Policy, Regime, RegionTable, TenantPolicies } from './model.ts';
import { placementOf, regionOf } from './placement.ts';
import { sharedBytes, sharedIfEmpty, sharedNumbers } from './shared.ts';

/** Bits of `Effective.regions`, one byte for each region of the catalogue. */
export const IN_STORE = 1;
export const IN_PROCESS = 2;
export const IN_ACCESS = 4;
/** A failover of a store or process may go here. */
export const IN_FAILOVER = 8;
/** Prohibited by a mandatory policy. The bits above are then off. */
export const PROHIBITED = 16;
/** Prohibited by advisory policies only. */
export const ADVISED_AGAINST = 32;
/** Declared a replica (`secondary_regions`). */
export const REPLICA = 64;

/** Columns of the placement table: delete and admin use the access column. */
export const COLUMN: Readonly<Record<Verb, number>> = {
  store: IN_STORE,
  process: IN_PROCESS,
  access: IN_ACCESS,
  delete: IN_ACCESS,
  admin: IN_ACCESS,
};

/** How a class crosses a border. */
export const CROSS_FREELY = 0;
export const CROSS_LOGGED = 1;
const CROSS_RESTRICTED = 2;

const DEFAULT_BORDER: Readonly<Record<Classification, number>> = {
  identity: CROSS_RESTRICTED,
  transactional: CROSS_RESTRICTED,
  operational: CROSS_LOGGED,
  content: CROSS_FREELY,
  analytical: CROSS_FREELY,
};

/** A regime of type H, L or D: by region, the columns that it closes while it is in force. */
export interface Exclusion {
  readonly regime: string;
  readonly from: number;
  readonly until: number;
  readonly closed: Uint8Array;
}

/** A regime of type C: by region, 1 where it wants evidence. */
export interface Condition {
  readonly regime: string;
  readonly from: number;
  readonly until: number;
  readonly columns: number;
  readonly foreign: Uint8Array;
  /** The policy's evidence is in force before it; -Infinity without any. */
  readonly evidenceUntil: number;
}

/** What holds for one (subject, class) of a tenant: the effective policy, and the prohibitions of all that match. */
export interface Effective {
  readonly policy: Policy;
  readonly primary: number;
  /** `id@revision` */
  readonly label: string;
  readonly advisory: boolean;
  readonly sovereign: boolean;
  readonly overridable: boolean;
  readonly border: number;
  readonly regions: Uint8Array;
  /** Failover candidates, in order, each once. */
  readonly candidates: readonly number[];
  readonly exclusions: readonly Exclusion[];
  readonly conditions: readonly Condition[];
  /** By place in SERVICES: globs, or null for all. */
  readonly resources: readonly (readonly string[] | null)[];
}

export interface CompiledGrant {
  readonly grant: Grant;
  readonly from: number;
  readonly to: number;
}

export interface CompiledOverride {
  readonly override: Override;
  readonly from: number;
  readonly to: number;
}

/** One tenant, ready to be decided on. Immutable, so that a request in flight keeps the one that it began with. */
export interface Bundle {
  readonly tenant: string;
  /** By place in CLASSIFICATIONS, for requests without a subject and for subjects without a policy of their own. */
  readonly base: readonly (Effective | null)[];
  readonly subjects: ReadonlyMap<string, readonly (Effective | null)[]>;
  readonly grants: readonly CompiledGrant[];
  readonly overrides: readonly CompiledOverride[];
  /** Classes on record, by whole resource. */
  readonly records: ReadonlyMap<string, Classification>;
  /** By region: the columns and the "active" that its status leaves open; see `STATUS_*`. */
  readonly statuses: Uint8Array;
  readonly table: RegionTable;
}

/** Bits of `Bundle.statuses`. */
export const STATUS_WRITES = 1;
const STATUS_READS = 2;

/** What a region's status must have for a verb: draining regions still answer access, delete and admin. */
export const STATUS_NEEDED: Readonly<Record<Verb, number>> = {
  store: STATUS_WRITES,
  process: STATUS_WRITES,
  access: STATUS_READS,
  delete: STATUS_READS,
  admin: STATUS_READS,
};

/**
 * Compiles a tenant's policies, grants and overrides against a catalogue, so that a decision is look-ups only.
 * @throws TypeError on an unknown region or a framework without a regime; the tenant is then refused as a whole
 */
export function compileTenant(tenant: TenantPolicies, table: RegionTable, regimes: readonly Regime[]): Bundle {
  const byId = new Map(regimes.map((regime) => [regime.id, regime]));
  const enabled = tenant.policies.filter((policy) => policy.enabled);
  const subjects = new Map<string, readonly (Effective | null)[]>();
  for (const { subjectId } of enabled) {
    if (subjectId !== null && !subjects.has(subjectId))
      subjects.set(subjectId, effectives(enabled, subjectId, table, byId));
  }
  // Whatever the source handed over, another tenant's widening opens nothing here.
  const own = ({ tenantId }: { readonly tenantId: string }) => tenantId === tenant.tenant;
  return {
    tenant: tenant.tenant,
    base: effectives(enabled, null, table, byId),
    subjects,
    grants: sharedIfEmpty(
      tenant.grants.filter(own).map((grant) => ({
        grant,
        from: regionOf(grant.fromRegion, table).index,
        to: regionOf(grant.toRegion, table).index,
      })),
    ),
    overrides: sharedIfEmpty(
      tenant.overrides.filter(own).map((override) => ({
        override,
        from: regionOf(override.sourceRegion, table).index,
        to: regionOf(override.targetRegion, table).index,
      })),
    ),
    records: tenant.records === undefined || tenant.records.length === 0 ? NO_RECORDS : new Map(tenant.records),
    statuses: sharedBytes(
      Uint8Array.from(table.regions, ({ status }) =>
        status === 'active' ? STATUS_WRITES | STATUS_READS : status === 'draining' ? STATUS_READS : 0,
      ),
    ),
    table,
  };
}

const NO_RECORDS: ReadonlyMap<string, Classification> = new Map();

/** Whether anything in it may widen what its policies allow. */
export function canWiden({ grants, overrides }: Bundle): boolean {
  return grants.length > 0 || overrides.length > 0;
}

/**
 * A bundle with those of its grants and overrides that another of its tenant has too, word for word. The other may be of
 * another catalogue. Null: nobody says that they still hold, so none is left.
 */
export function stillWidened(bundle: Bundle, now: Bundle | null): Bundle {
  if (!canWiden(bundle)) return bundle;
  const grants = new Set(now?.grants.map(({ grant }) => JSON.stringify(grant)));
  const overrides = new Set(now?.overrides.map(({ override }) => JSON.stringify(override)));
  return {
    ...bundle,
    grants: bundle.grants.filter(({ grant }) => grants.has(JSON.stringify(grant))),
    overrides: bundle.overrides.filter(({ override }) => overrides.has(JSON.stringify(override))),
  };
}

/**
 * The class that a request for these resources is decided by: the highest of what it claims and what is on record.
 * @param resources as in `Facts`; a wildcard, or `_all`, stands for all that it can mean
 * @param buckets whose objects it may touch without naming them
 */
export function classOnRecord(
  bundle: Bundle,
  claimed: Classification,
  resources: readonly string[],
  buckets: readonly string[] = [],
): Classification {
  const { records } = bundle;
  let highest = claimed;
  if (records.size === 0) return highest;
  for (const resource of resources) {
    const wildcard = resource === '_all' ? '*' : resource;
    if (wildcard.includes('*'))
      highest = highestOf(records, highest, (name) => !name.includes('/') && covers(wildcard, name));
    highest = higher(records.get(resource), highest);
  }
  for (const bucket of buckets)
    highest = highestOf(records, highest, (name) => name === bucket || name.startsWith(`${bucket}/`));
  return highest;
}

function highestOf(
  records: Bundle['records'],
  least: Classification,
  concerns: (resource: string) => boolean,
): Classification {
  let highest = least;
  for (const [resource, recorded] of records)
    if (recorded !== highest && concerns(resource)) highest = higher(recorded, highest);
  return highest;
}

/** Classes are listed from the highest to the lowest. */
function higher(recorded: Classification | undefined, than: Classification): Classification {
  return recorded !== undefined && CLASS_INDEX[recorded] < CLASS_INDEX[than] ? recorded : than;
}

function effectives(
  enabled: readonly Policy[],
  subject: string | null,
  table: RegionTable,
  regimes: ReadonlyMap<string, Regime>,
): (Effective | null)[] {
  const made: { readonly effective: Effective; readonly matching: readonly Policy[] }[] = [];
  return CLASSIFICATIONS.map((classification) => {
    const matching = enabled.filter(
      (policy) =>
        (policy.subjectId === null || policy.subjectId === subject) &&
        (policy.classifications.length === 0 || policy.classifications.includes(classification)),
    );
    const best = matching.reduce<Policy | null>((a, b) => (a === null || rank(b) > rank(a) ? b : a), null);
    if (best === null) return null;
    const border = borderOf(best, classification);
    const same = made.find(
      (other) =>
        other.effective.policy === best &&
        other.effective.border === border &&
        other.matching.length === matching.length &&
        other.matching.every((policy, i) => policy === matching[i]),
    );
    if (same !== undefined) return same.effective;
    const fresh = effective(best, matching, border, table, regimes);
    made.push({ effective: fresh, matching });
    return fresh;
  });
}

/** (subject, class) over (subject, all) over (tenant, class) over (tenant, all). */
function rank(policy: Policy): number {
  return (policy.subjectId === null ? 0 : 2) + (policy.classifications.length === 0 ? 0 : 1);
}

function effective(
  policy: Policy,
  matching: readonly Policy[],
  border: number,
  table: RegionTable,
  regimes: ReadonlyMap<string, Regime>,
): Effective {
  const index = (name: string) => regionOf(name, table).index;
  const places = placementOf(policy, table);
  const regions = Uint8Array.from(table.regions, (_, i) => {
    return (
      (places.store[i] ? IN_STORE : 0) |
      (places.process[i] ? IN_PROCESS : 0) |
      (places.access[i] ? IN_ACCESS : 0) |
      (places.failover[i] ? IN_FAILOVER : 0)
    );
  });
  for (const name of policy.secondaryRegions) regions[index(name)]! |= REPLICA;
  for (const other of matching) {
    for (const name of other.prohibitedRegions) {
      regions[index(name)]! |= other.policyType === 'advisory' ? ADVISED_AGAINST : PROHIBITED;
    }
  }
  // A mandatory prohibition leaves nothing beside it, neither places nor advice.
  for (let i = 0; i < regions.length; i++)
    if (regions[i]! & PROHIBITED) regions[i] = (regions[i]! & REPLICA) | PROHIBITED;

  const exclusions: Exclusion[] = [];
  const conditions: Condition[] = [];
  for (const id of policy.complianceFrameworks) {
    const regime = regimes.get(id);
    if (regime === undefined) throw new TypeError(`no regime for framework ${id}`);
    if (regime.type === 'C') conditions.push(condition(regime, policy, table));
    else if (regime.type !== 'N') exclusions.push(exclusion(regime, table));
  }

  return {
    policy,
    primary: index(policy.primaryRegion),
    label: `${policy.id}@${policy.revision}`,
    advisory: policy.policyType === 'advisory',
    sovereign: policy.mode === 'fully-sovereign',
    overridable: policy.emergencyOverride === 'allowed',
    border,
    regions: sharedBytes(regions),
    candidates: sharedNumbers([
      ...new Set([...policy.allowedRegions.map(index), ...policy.secondaryRegions.map(index), ...table.regions.keys()]),
    ]),
    exclusions: sharedIfEmpty(exclusions),
    conditions: sharedIfEmpty(conditions),
    resources: resourcesOf(policy),
  };
}

/** By place in SERVICES. */
function resourcesOf({ resources }: Policy): readonly (readonly string[] | null)[] {
  if (SERVICES.every((service) => resources[service].length === 0)) return ALL_RESOURCES;
  return SERVICES.map((service) => (resources[service].length === 0 ? null : resources[service]));
}

const ALL_RESOURCES: readonly null[] = SERVICES.map(() => null);

/** A policy may be stricter than the default, never looser. */
function borderOf(policy: Policy, classification: Classification): number {
  const asked = policy.crossBorder[classification];
  const level = asked === 'restricted' ? CROSS_RESTRICTED : asked === 'logged' ? CROSS_LOGGED : CROSS_FREELY;
  return Math.max(level, DEFAULT_BORDER[classification]);
}

function columnsOf(regime: Regime): number {
  let columns = 0;
  for (const verb of regime.verbs) columns |= COLUMN[verb];
  return columns;
}

/** H and L close what lies outside the territory, L for storing only: the first home of the data. D closes its list. */
function exclusion(regime: Regime, table: RegionTable): Exclusion {
  const columns = regime.type === 'L' ? columnsOf(regime) & IN_STORE : columnsOf(regime);
  const outside = (country: string) =>
    regime.type === 'D' ? regime.destinations.includes(country) : !regime.territory.includes(country);
  return {
    regime: regime.id,
    from: regime.validFrom,
    until: regime.validUntil ?? Infinity,
    closed: sharedBytes(Uint8Array.from(table.regions, ({ country }) => (outside(country) ? columns : 0))),
  };
}

function condition(regime: Regime, policy: Policy, table: RegionTable): Condition {
  let evidenceUntil = -Infinity;
  for (const evidence of policy.transferEvidence) {
    if (evidence.regime !== regime.id) continue;
    if (regime.mechanisms.length > 0 && !regime.mechanisms.includes(evidence.mechanism)) continue;
    evidenceUntil = Math.max(evidenceUntil, evidence.validUntil ?? Infinity);
  }
  return {
    regime: regime.id,
    from: regime.validFrom,
    until: regime.validUntil ?? Infinity,
    columns: columnsOf(regime),
    foreign: sharedBytes(
      Uint8Array.from(table.regions, ({ country }) =>
        regime.territory.includes(country) || regime.destinations.includes(country) ? 0 : 1,
      ),
    ),
    evidenceUntil,
  };
}

/** Places of the closed words, so that tables are arrays. */
export const CLASS_INDEX = Object.fromEntries(CLASSIFICATIONS.map((name, i) => [name, i])) as Record<
  Classification,
  number
>;
export const SERVICE_INDEX = Object.fromEntries(SERVICES.map((name, i) => [name, i])) as Record<
  (typeof SERVICES)[number],
  number
>;
