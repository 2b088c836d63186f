import type { Facts, Grant, Override, Policy, PolicyRegion, Regime, World } from '../../src/policy/model.ts';
import { referenceDecide, type ReferenceDecision } from './reference.ts';

/** Two German regions, one of them sovereign, one French, one Irish that drains, one American. */
export const DE = 0;
export const DE_SOVEREIGN = 1;
export const FR = 2;
export const IE = 3;
export const US = 4;
export const REGIONS: readonly PolicyRegion[] = [
  region(DE, 'de', 'DE', 'EU'),
  { ...region(DE_SOVEREIGN, 'de-sov', 'DE', 'EU'), sovereign: true },
  region(FR, 'fr', 'FR', 'EU'),
  { ...region(IE, 'ie', 'IE', 'EU'), status: 'draining' },
  region(US, 'us', 'US', 'NA'),
];

function region(index: number, id: string, country: string, geography: string): PolicyRegion {
  return { index, id, cloudRegion: `${id}-1`, country, geography, sovereign: false, status: 'active' };
}

export function policy(fields: Partial<Policy> = {}): Policy {
  return {
    id: 'p',
    name: null,
    tenantId: 'acme',
    subjectId: null,
    mode: 'client-owned',
    policyType: 'mandatory',
    primaryRegion: 'de',
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
    revision: 1,
    ...fields,
  };
}

export function grant(fields: Partial<Grant> = {}): Grant {
  return {
    id: 'g',
    tenantId: 'acme',
    subjects: [],
    userId: 'uma',
    classifications: [],
    verbs: ['access'],
    resource: null,
    fromRegion: 'de',
    toRegion: 'us',
    notBefore: 100,
    notAfter: 200,
    maxUses: null,
    reason: 'case',
    approvedBy: ['dpo'],
    ...fields,
  };
}

export function override(fields: Partial<Override> = {}): Override {
  return {
    id: 'o',
    tenantId: 'acme',
    subjects: [],
    sourceRegion: 'de',
    targetRegion: 'us',
    notBefore: 100,
    notAfter: 200,
    reason: 'outage',
    approvedBy: ['cto', 'dpo'],
    ...fields,
  };
}

export function regime(fields: Partial<Regime> = {}): Regime {
  return {
    id: 'law',
    name: 'Law',
    type: 'H',
    verbs: ['store', 'process', 'access'],
    territory: ['DE'],
    destinations: [],
    mechanisms: [],
    validFrom: 0,
    validUntil: null,
    ...fields,
  };
}

export interface Asked {
  readonly policies?: readonly Policy[];
  readonly grants?: readonly Grant[];
  readonly overrides?: readonly Override[];
  readonly regimes?: readonly Regime[];
  readonly regions?: readonly PolicyRegion[];
  readonly facts?: Partial<Facts>;
  readonly now?: number;
  readonly self?: number;
  readonly down?: readonly number[];
  readonly insecure?: readonly number[];
  readonly uses?: number;
}

/** By default: a read of content from Germany by `uma`, at 150, everything healthy and encrypted. */
export function ask(asked: Asked): ReferenceDecision {
  const regions = asked.regions ?? REGIONS;
  const without = (indexes: readonly number[] = []): Uint8Array =>
    Uint8Array.from(regions, (r) => (indexes.includes(r.index) ? 0 : 1));
  const world: World = {
    now: asked.now ?? 150,
    selfRegion: asked.self ?? DE,
    available: without(asked.down),
    secure: without(asked.insecure),
    uses: () => asked.uses ?? 0,
  };
  const facts: Facts = {
    tenant: 'acme',
    subject: null,
    user: 'uma',
    classification: 'content',
    verb: 'access',
    service: 'storage',
    dialect: 's3',
    naming: 'named',
    resources: ['acme-docs/a'],
    requestedRegion: -1,
    callerRegion: DE,
    grant: null,
    ...asked.facts,
  };
  const { policies = [policy()], grants = [], overrides = [], regimes = [] } = asked;
  return referenceDecide({
    tenantPolicies: { tenant: 'acme', policies, grants, overrides },
    regions,
    regimes,
    facts,
    world,
  });
}

/** `reason` of a denial, `reason → region` of an allowance. */
export function outcome(asked: Asked): string {
  const d = ask(asked);
  return d.allowed ? `${d.reason} → ${REGIONS[d.target]?.id}` : d.reason;
}
