import { Type, type TArray, type TSchema } from 'typebox';
import { closed, nullable, optional, recordId, regionName, Shape, tenantId } from '../../core/schema.ts';
import type { PolicyEntry } from '../../policy/schema.ts';
import type { Call } from '../call.ts';
import { Names } from '../names.ts';
import type { FieldProblem } from '../problem.ts';
import { POLICY_KEYS } from './views.ts';

const { id: _id, tenant_id: _tenant, primary_region: _primary, classifications: _classes, ...KEYS } = POLICY_KEYS;

/** Items of a list. Whatever is in a policy is looked at when it is written, and again for each request that it decides. */
const MOST = 1000;

const bounded = <S extends TSchema>(list: TArray<S>) =>
  optional(Type.Array(list.items, { ...(list as TSchema), maxItems: MOST }));

const { storage, search, inference } = KEYS.resources.properties;
const { description = '' } = KEYS.resources as { readonly description?: string };

const WRITTEN = {
  ...KEYS,
  allowed_regions: bounded(KEYS.allowed_regions),
  secondary_regions: bounded(KEYS.secondary_regions),
  prohibited_regions: bounded(KEYS.prohibited_regions),
  compliance_frameworks: bounded(KEYS.compliance_frameworks),
  transfer_evidence: bounded(KEYS.transfer_evidence),
  resources: optional(
    closed(
      { storage: bounded(storage), search: bounded(search), inference: bounded(inference) },
      { default: {}, description },
    ),
  ),
  id: optional(nullable(recordId({}), { default: null, description: 'Id, unique among all policies; one is made.' })),
  tenant_id: optional(
    nullable(tenantId({}), {
      default: null,
      description: 'Tenant; left out, that of the token. Null makes a default policy: for all tenants without one.',
    }),
  ),
  primary_region: optional(
    nullable(regionName({}), {
      default: null,
      description: 'Region that the data is pinned to; left out, the first of `allowed_regions`.',
    }),
  ),
  classifications: optional(
    Type.Array(Type.String({ maxLength: 64 }), {
      default: [],
      maxItems: MOST,
      description: 'Classes that it holds for, or aliases of them; empty = all five.',
    }),
  ),
  data_classification: optional(
    nullable(Type.String({ maxLength: 64 }), { default: null, description: 'The one class that it holds for.' }),
  ),
};

const ignored = { default: null, readOnly: true, description: 'Ignored: what was read may be sent back.' };

/** A policy to be made. */
export const POST_BODY = new Shape(closed(WRITTEN));
/** A policy to be put in the place of another: also as it was read. */
export const PUT_BODY = new Shape(
  closed({
    ...WRITTEN,
    revision: optional(nullable(Type.Integer(), ignored)),
    source: optional(nullable(Type.String(), ignored)),
    created_at: optional(nullable(Type.String(), ignored)),
    updated_at: optional(nullable(Type.String(), ignored)),
  }),
);

export type PolicyBody = ReturnType<typeof POST_BODY.withDefaults>;

/** As systems in use send them. */
export const EXAMPLES = [
  {
    tenant_id: 'acme-edu',
    learner_id: 'student-123',
    primary_region: 'us-east',
    allowed_regions: ['us-west', 'ca-central'],
    prohibited_regions: ['eu-west'],
    compliance_frameworks: ['ferpa', 'coppa'],
    data_classification: 'educational',
    allow_cross_region_failover: true,
    data_retention_days: 2555,
    emergency_contact: 'dpo@acme-edu.com',
  },
  {
    name: 'GDPR Compliance Policy',
    residency_mode: 'regional',
    policy_type: 'mandatory',
    allowed_regions: ['eu-west-1', 'eu-central-1'],
  },
];

/** The policy that a body describes. @throws ApiError 400 for names that nobody knows */
export function entryFrom(call: Call, body: PolicyBody, id: string, tenant: string | null): PolicyEntry {
  const names = new Names(call);
  const allowed = names.regions(body.allowed_regions, 'allowed_regions');
  const classes = body.classifications.map((word, i) => names.classification(word, 'classifications', i));
  const { data_classification: only } = body;
  const problems: FieldProblem[] = [];
  if (body.primary_region === null && allowed.length === 0)
    problems.push(call.problem(['primary_region'], 'is missing: add it, or allowed_regions, the first of which it is'));
  if (only !== null && classes.length > 0)
    problems.push(call.problem(['data_classification'], 'is among classifications: send one of the two'));
  const entry: PolicyEntry = {
    id,
    name: body.name,
    tenant_id: tenant,
    subject_id: body.subject_id,
    mode: body.mode,
    policy_type: body.policy_type,
    primary_region:
      body.primary_region === null ? (allowed[0] ?? '') : names.region(body.primary_region, 'primary_region'),
    allowed_regions: allowed,
    secondary_regions: names.regions(body.secondary_regions, 'secondary_regions'),
    prohibited_regions: names.regions(body.prohibited_regions, 'prohibited_regions'),
    classifications: only === null ? classes : [names.classification(only, 'data_classification')],
    compliance_frameworks: body.compliance_frameworks,
    allow_cross_region_failover: body.allow_cross_region_failover,
    cross_border: body.cross_border,
    emergency_override: body.emergency_override,
    data_retention_days: body.data_retention_days,
    emergency_contact: body.emergency_contact,
    enabled: body.enabled,
    resources: body.resources,
    transfer_evidence: body.transfer_evidence,
  };
  names.check(...problems);
  return entry;
}
