import type { Reason, Effect } from '../core/reasons.ts';
import type { Classification, DialectId, Mode, RegionStatus, Service, Verb } from '../core/vocabulary.ts';

/** What a decision needs to know of a region. `region/catalogue.ts` has more. `index` is its place in the catalogue. */
export interface PolicyRegion {
  readonly index: number;
  readonly id: string;
  readonly cloudRegion: string;
  readonly country: string;
  readonly geography: string;
  readonly sovereign: boolean;
  readonly status: RegionStatus;
}

/** The regions, in catalogue order. A name is an id or a cloud region name. */
export interface RegionTable {
  readonly regions: readonly PolicyRegion[];
  find(name: string): PolicyRegion | null;
}

/** A policy as written, with its defaults filled in. Regions are names: ids or cloud region names. */
export interface Policy {
  readonly id: string;
  readonly name: string | null;
  /** Null: a default policy, in force only where `default_policy` names it. */
  readonly tenantId: string | null;
  readonly subjectId: string | null;
  readonly mode: Mode;
  readonly policyType: 'mandatory' | 'advisory';
  readonly primaryRegion: string;
  readonly allowedRegions: readonly string[];
  readonly secondaryRegions: readonly string[];
  readonly prohibitedRegions: readonly string[];
  /** Empty: all five. */
  readonly classifications: readonly Classification[];
  readonly complianceFrameworks: readonly string[];
  readonly allowCrossRegionFailover: boolean;
  readonly crossBorder: Readonly<Partial<Record<Classification, 'logged' | 'restricted'>>>;
  readonly emergencyOverride: 'allowed' | 'denied';
  /** Days, or null. */
  readonly dataRetentionDays: number | null;
  readonly emergencyContact: string | null;
  readonly enabled: boolean;
  /** Globs (only `*` is special) over bucket, index or model names. Empty: all. */
  readonly resources: Readonly<Record<Service, readonly string[]>>;
  readonly transferEvidence: readonly TransferEvidence[];
  /** Shown as `id@revision`. */
  readonly revision: number;
}

export interface TransferEvidence {
  readonly regime: string;
  readonly mechanism: string;
  readonly reference: string;
  /** Milliseconds since the epoch; in force before it. Null: no end. */
  readonly validUntil: number | null;
}

/** A live or once live permission to cross. Times in milliseconds since the epoch: `notBefore ≤ now < notAfter`. */
export interface Grant {
  readonly id: string;
  readonly tenantId: string;
  /** Empty: all. So too for classifications. */
  readonly subjects: readonly string[];
  readonly userId: string;
  readonly classifications: readonly Classification[];
  /** Never empty; `access` when none were given. */
  readonly verbs: readonly Verb[];
  /** Glob in which `*` crosses `/`, or null for all. */
  readonly resource: string | null;
  readonly fromRegion: string;
  readonly toRegion: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Null: without limit. */
  readonly maxUses: number | null;
  readonly reason: string;
  readonly approvedBy: readonly string[];
}

/** Break-glass. Times as in `Grant`. */
export interface Override {
  readonly id: string;
  readonly tenantId: string;
  readonly subjects: readonly string[];
  readonly sourceRegion: string;
  readonly targetRegion: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly reason: string;
  readonly approvedBy: readonly string[];
}

/**
 * A legal regime as dated data (GOVERNANCE, "Law"). Types: H hard location, L local first, C conditional transfer,
 * D destination blacklist, N none. Countries are ISO 3166-1 alpha-2. Dates are milliseconds since the epoch,
 * `validFrom ≤ now < validUntil`.
 */
export interface Regime {
  readonly id: string;
  readonly name: string;
  readonly type: 'H' | 'L' | 'C' | 'D' | 'N';
  /** Verbs it speaks of; delete and admin count as access. */
  readonly verbs: readonly ('store' | 'process' | 'access')[];
  /** Its own countries. */
  readonly territory: readonly string[];
  /** C: adequate destinations. D: the blacklist. */
  readonly destinations: readonly string[];
  /** C: mechanisms that count as evidence. Empty: any. */
  readonly mechanisms: readonly string[];
  readonly validFrom: number;
  readonly validUntil: number | null;
}

/** Everything that decides about one tenant, as written. `compile` makes it fast. */
export interface TenantPolicies {
  readonly tenant: string;
  /** All of the tenant's policies, the disabled ones too; or only the default policy when it has none. */
  readonly policies: readonly Policy[];
  readonly grants: readonly Grant[];
  readonly overrides: readonly Override[];
  /** Classes on record of whole resources, compared exactly: no request for one is decided by a lower class. */
  readonly records?: readonly (readonly [resource: string, classification: Classification])[];
}

/**
 * How a request names what it touches.
 * `named`: in `resources`. `none`: the operation could name something and does not. `exempt`: it returns no documents
 * and names nothing (`GET /` of a cluster). `body`: only the body tells; decided twice, once before it is read (as if
 * the names were fine) and once with them.
 */
export type Naming = 'named' | 'none' | 'exempt' | 'body';

/** The valid facts of one request: step 1 is done. Regions are places in the catalogue; -1 is "not asked for". */
export interface Facts {
  tenant: string;
  subject: string | null;
  user: string | null;
  classification: Classification;
  verb: Verb;
  service: Service;
  dialect: DialectId;
  naming: Naming;
  /** Whole resources: bucket/key, one element of an index expression each (exclusions left out), model id. Decoded. */
  resources: readonly string[];
  requestedRegion: number;
  callerRegion: number;
  /** Grant named by `X-Residency-Grant`, or null. */
  grant: string | null;
}

/**
 * What a decision asks of the world, by the caller. All arrays are by region index; for the dialect and verb at hand:
 * a region without an endpoint, or whose endpoint does not process, is not available.
 */
export interface World {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Place of `self.region`. */
  readonly selfRegion: number;
  /** 1: there is an endpoint, it serves this verb, and it is healthy. */
  readonly available: Uint8Array;
  /** 1: the endpoint is TLS, loopback or a Unix socket. */
  readonly secure: Uint8Array;
  /** Uses already made of a grant. */
  uses(grantId: string): number;
}

/** The outcome of one decision. Frozen once made; nothing in it is another tenant's. */
export interface Decision {
  readonly allowed: boolean;
  readonly effect: Effect;
  readonly reason: Reason;
  /** Place in the catalogue of the region to forward to; -1 on a denial. */
  readonly target: number;
  /** Effective policy, or null when none matched. */
  readonly policy: Policy | null;
  /** `id@revision` of that policy, for headers and logs. */
  readonly label: string | null;
  /** Widenings used, or null. `secondGrant` is the one that the border needed where the target needed another. */
  readonly grant: Grant | null;
  readonly secondGrant: Grant | null;
  readonly override: Override | null;
  /** Regime that lacked evidence, or null. */
  readonly regime: string | null;
}
