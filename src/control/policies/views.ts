import { Type, type Static } from 'typebox';
import { closed } from '../../core/schema.ts';
import { CLASSIFICATIONS } from '../../core/vocabulary.ts';
import type { Policy } from '../../policy/model.ts';
import { POLICY_FILE, type PolicyEntry } from '../../policy/schema.ts';
import type { HistoryEntry } from '../../store/history.ts';
import type { StoredPolicy } from '../../store/policies.ts';

/** Keys of a policy, as files write them. */
export const POLICY_KEYS = POLICY_FILE.schema.properties.policies.items.properties;

const moment = (description: string) =>
  Type.Union([Type.String({ format: 'date-time' }), Type.Null()], { description: `${description} Null: in a file.` });

/** What an answer says of a policy beside what was written. */
const READ_ONLY = {
  revision: Type.Integer({ description: 'Its ETag.' }),
  source: Type.Enum(['api', 'file'], { description: 'Policies of files are changed in their files only.' }),
  created_at: moment('When it was made.'),
  updated_at: moment('When it was changed last.'),
};

/** A policy, as it is answered. */
export const POLICY = closed({ ...POLICY_KEYS, ...READ_ONLY }, { title: 'Policy' });

export const HISTORY_ITEM = closed({
  revision: Type.Integer(),
  action: Type.String(),
  actor: Type.String(),
  at: Type.String({ format: 'date-time' }),
  policy: Type.Union([closed(POLICY_KEYS), Type.Null()], { description: 'As it was from then on; null: deleted.' }),
});

type PolicyView = PolicyEntry & Static<ReturnType<typeof closed<typeof READ_ONLY>>>;

export function storedView({ entry, revision, createdAt, updatedAt }: StoredPolicy): PolicyView {
  return { ...entry, revision, source: 'api', created_at: iso(createdAt), updated_at: iso(updatedAt) };
}

/** A policy of a file. */
export function fileView(policy: Policy): PolicyView {
  return { ...entryOf(policy), revision: policy.revision, source: 'file', created_at: null, updated_at: null };
}

export function historyView({ revision, action, actor, at, body }: HistoryEntry) {
  return { revision, action, actor, at: iso(at), policy: body as PolicyEntry | null };
}

/** A policy as a file would have it. */
function entryOf(policy: Policy): PolicyEntry {
  const crossBorder = CLASSIFICATIONS.map((each) => [each, policy.crossBorder[each] ?? null] as const);
  return {
    id: policy.id,
    name: policy.name,
    tenant_id: policy.tenantId,
    subject_id: policy.subjectId,
    mode: policy.mode,
    policy_type: policy.policyType,
    primary_region: policy.primaryRegion,
    allowed_regions: policy.allowedRegions,
    secondary_regions: policy.secondaryRegions,
    prohibited_regions: policy.prohibitedRegions,
    classifications: policy.classifications,
    compliance_frameworks: policy.complianceFrameworks,
    allow_cross_region_failover: policy.allowCrossRegionFailover,
    cross_border: Object.fromEntries(crossBorder) as PolicyEntry['cross_border'],
    emergency_override: policy.emergencyOverride,
    data_retention_days: policy.dataRetentionDays,
    emergency_contact: policy.emergencyContact,
    enabled: policy.enabled,
    resources: policy.resources,
    transfer_evidence: policy.transferEvidence.map(({ validUntil, ...rest }) => {
      return { ...rest, valid_until: validUntil === null ? null : iso(validUntil) };
    }),
  };
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
