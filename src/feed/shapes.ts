import { Type } from 'typebox';
import { closed, nullable, optional, recordId, tenantId } from '../core/schema.ts';
import { CLASSIFICATIONS, MODES, STATUSES, VERBS } from '../core/vocabulary.ts';
import type { TenantDocument } from './documents.ts';

/**
 * What the documents of the feed must look like, to the last key: a sidecar of another version must not take for absent
 * what it does not know. Whether they make sense together was settled before they were written.
 */

const name = Type.String({ minLength: 1, maxLength: 256 });
const names = Type.Array(name);
const text = Type.String();
const globs = Type.Array(Type.String({ minLength: 1 }));
const moment = Type.Integer();
const classification = Type.Enum([...CLASSIFICATIONS]);
const verbs = Type.Array(Type.Enum([...VERBS]), { minItems: 1 });
const crossing = optional(Type.Enum(['logged', 'restricted'] as const));

/** A revision of the store; 0: before the first. */
export const revision = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const policy = closed({
  id: name,
  name: nullable(text),
  tenantId: nullable(tenantId({})),
  subjectId: nullable(name),
  mode: Type.Enum([...MODES]),
  policyType: Type.Enum(['mandatory', 'advisory'] as const),
  primaryRegion: name,
  allowedRegions: names,
  secondaryRegions: names,
  prohibitedRegions: names,
  classifications: Type.Array(classification),
  complianceFrameworks: Type.Array(text),
  allowCrossRegionFailover: Type.Boolean(),
  crossBorder: closed({
    identity: crossing,
    transactional: crossing,
    operational: crossing,
    content: crossing,
    analytical: crossing,
  }),
  emergencyOverride: Type.Enum(['allowed', 'denied'] as const),
  dataRetentionDays: nullable(Type.Number()),
  emergencyContact: nullable(text),
  enabled: Type.Boolean(),
  resources: closed({ storage: globs, search: globs, inference: globs }),
  transferEvidence: Type.Array(
    closed({ regime: name, mechanism: name, reference: text, validUntil: nullable(moment) }),
  ),
  revision: Type.Integer({ minimum: 0 }),
});

const grant = closed({
  id: recordId({}),
  tenantId: tenantId({}),
  subjects: names,
  userId: name,
  classifications: Type.Array(classification),
  verbs,
  resource: nullable(Type.String({ minLength: 1 })),
  fromRegion: name,
  toRegion: name,
  notBefore: moment,
  notAfter: moment,
  maxUses: nullable(Type.Integer({ minimum: 1 })),
  reason: text,
  approvedBy: Type.Array(text),
});

const override = closed({
  id: recordId({}),
  tenantId: tenantId({}),
  subjects: names,
  sourceRegion: name,
  targetRegion: name,
  notBefore: moment,
  notAfter: moment,
  reason: text,
  approvedBy: Type.Array(text),
});

export const tenantDocument = closed({
  tenant: tenantId({}),
  revision,
  policies: nullable(
    closed({
      tenant: tenantId({}),
      policies: Type.Array(policy),
      grants: Type.Array(grant),
      overrides: Type.Array(override),
      records: optional(Type.Array(Type.Tuple([Type.String({ minLength: 1 }), classification]), { default: [] })),
    }),
  ),
});

const regime = closed({
  id: recordId({}),
  name: text,
  type: Type.Enum(['H', 'L', 'C', 'D', 'N'] as const),
  verbs: Type.Array(Type.Enum(['store', 'process', 'access'] as const)),
  territory: names,
  destinations: names,
  mechanisms: names,
  validFrom: moment,
  validUntil: nullable(moment),
  reviewBy: moment,
  recipientCondition: nullable(text),
  sourceUrl: text,
});

export const worldDocument = closed({
  revision,
  regions: Type.Array(
    closed({
      id: name,
      status: Type.Enum([...STATUSES]),
      source: Type.Enum(['file', 'api'] as const),
      entry: Type.Record(Type.String(), Type.Unknown()),
    }),
  ),
  regimes: Type.Array(regime),
  presignKey: text,
  policies: Type.Integer({ minimum: 0 }),
});

/**
 * Whose things are in a document that are not its tenant's, or null: such a one must decide nothing. (A default policy
 * has no tenant, and is anybody's.)
 */
export function stranger({ tenant, policies }: TenantDocument): string | null {
  if (policies === null) return null;
  if (policies.tenant !== tenant) return policies.tenant;
  for (const { tenantId } of policies.policies) if (tenantId !== null && tenantId !== tenant) return tenantId;
  for (const { tenantId } of policies.grants) if (tenantId !== tenant) return tenantId;
  for (const { tenantId } of policies.overrides) if (tenantId !== tenant) return tenantId;
  return null;
}
