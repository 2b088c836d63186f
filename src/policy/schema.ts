import { Type, type Static, type TSchema } from 'typebox';
import {
  closed,
  countryCode,
  instant,
  nullable,
  optional,
  personId,
  recordId,
  regionName,
  Shape,
  tenantId,
  type Filled,
} from '../core/schema.ts';
import { CLASSIFICATIONS, MODES, VERBS } from '../core/vocabulary.ts';

const list = <S extends TSchema>(items: S, description: string) =>
  optional(Type.Array(items, { default: [], description }));

const people = (description: string, fewest: number) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 256, pattern: '\\S' }), { minItems: fewest, description });

const globs = (description: string) =>
  list(Type.String({ minLength: 1, maxLength: 2048, pattern: '^[^\\u0000-\\u001f\\u007f]*$' }), description);

const crossing = (description: string) =>
  optional(nullable(Type.Enum(['logged', 'restricted']), { default: null, description }));

const crossBorder = closed(
  {
    identity: crossing('Restricted by default; nothing looser is accepted.'),
    transactional: crossing('Restricted by default; nothing looser is accepted.'),
    operational: crossing('Logged by default.'),
    content: crossing('Passes by default.'),
    analytical: crossing('Passes by default.'),
  },
  {
    default: {},
    description:
      'How each class crosses a border, where that is to be stricter than the default: `logged` or `restricted`.',
  },
);

const resources = closed(
  {
    storage: globs('Bucket names.'),
    search: globs('Index names.'),
    inference: globs('Model names.'),
  },
  {
    default: {},
    description:
      'What the tenant may name, as globs over logical names in which only `*` is special; empty = everything.',
  },
);

const transferEvidence = closed({
  regime: recordId({ description: 'Regime that it answers.' }),
  mechanism: Type.String({
    minLength: 1,
    maxLength: 64,
    description: 'Mechanism relied on: one of the regime’s `mechanisms`, such as scc.',
  }),
  reference: optional(Type.String({ default: '', maxLength: 1024, description: 'Where the document is kept.' })),
  valid_until: optional(
    nullable(instant({}), {
      default: null,
      description: 'First moment at which it is no longer in force; null = no end.',
    }),
  ),
});

const policy = closed({
  id: recordId({ description: 'Id, unique among all policies.' }),
  name: optional(nullable(Type.String({ maxLength: 256 }), { default: null, description: 'Name for people.' })),
  tenant_id: optional(
    nullable(tenantId({}), {
      default: null,
      description: 'Tenant; null makes a default policy, in force only where `default_policy` names it.',
    }),
  ),
  subject_id: optional(
    nullable(personId({}), {
      default: null,
      description: 'Holds for this person’s data only, over the tenant’s policies.',
    }),
  ),
  mode: optional(
    Type.Enum([...MODES], {
      default: 'client-owned',
      description: 'Residency mode: where data may be (docs/decision.md).',
    }),
  ),
  policy_type: optional(
    Type.Enum(['mandatory', 'advisory'], {
      default: 'mandatory',
      description: '`advisory` lets refusals of placement and border pass, and records them as violations.',
    }),
  ),
  primary_region: regionName({ description: 'Region that the data is pinned to.' }),
  allowed_regions: list(regionName({}), 'Regions where the data may be as well; for `hybrid` failover only.'),
  secondary_regions: list(regionName({}), 'Read replicas; `hybrid` only, and needed there.'),
  prohibited_regions: list(regionName({}), 'Regions that no grant can open.'),
  classifications: list(Type.Enum([...CLASSIFICATIONS]), 'Classes that it holds for; empty = all five.'),
  compliance_frameworks: list(recordId({}), 'Ids of legal regimes that bind the data.'),
  allow_cross_region_failover: optional(
    Type.Boolean({ default: false, description: 'Whether an unhealthy region fails over to another permitted one.' }),
  ),
  cross_border: optional(crossBorder),
  emergency_override: optional(
    Type.Enum(['allowed', 'denied'], {
      default: 'allowed',
      description: '`denied` shuts out every emergency override.',
    }),
  ),
  data_retention_days: optional(
    nullable(Type.Integer({ minimum: 1, maximum: 36_500 }), {
      default: null,
      description: 'Days that data is kept; null = not said.',
    }),
  ),
  emergency_contact: optional(
    nullable(Type.String({ maxLength: 256 }), { default: null, description: 'Whom to call, for people.' }),
  ),
  enabled: optional(Type.Boolean({ default: true, description: 'Whether it is in force.' })),
  resources: optional(resources),
  transfer_evidence: list(transferEvidence, 'Evidence that conditional regimes ask for.'),
});

const window = {
  not_before: instant({ description: 'First moment at which it is in force.' }),
  not_after: instant({ description: 'First moment at which it no longer is.' }),
  reason: optional(Type.String({ default: '', maxLength: 1024, description: 'Why, for the record.' })),
  approved_by: people('Who approved it; files hold approved ones only.', 1),
};

const subjects = list(
  Type.Union([Type.Literal('*'), personId({})]),
  'People whose data it opens; empty or `*` = everyone’s.',
);

const grant = closed({
  id: recordId({ description: 'Id, as `X-Residency-Grant` may name it.' }),
  tenant_id: tenantId({ description: 'Tenant whose data it opens.' }),
  subjects,
  user_id: personId({ description: 'The one user who may use it.' }),
  classifications: list(Type.Enum([...CLASSIFICATIONS, '*']), 'Classes that it opens; empty or `*` = all.'),
  verbs: list(Type.Enum([...VERBS]), 'What may be done; empty = access.'),
  resource: optional(
    nullable(Type.String({ minLength: 1, maxLength: 2048 }), {
      default: null,
      description:
        'Glob over the whole resource (bucket/key, index, model) in which `*` crosses `/`; null or `*` = all.',
    }),
  ),
  from_region: regionName({ description: 'Where the data is pinned.' }),
  to_region: regionName({ description: 'Where it may go.' }),
  max_uses: optional(
    nullable(Type.Integer({ minimum: 1 }), {
      default: null,
      description: 'Uses after which it is spent; null = no limit.',
    }),
  ),
  ...window,
});

const override = closed({
  id: recordId({ description: 'Id.' }),
  tenant_id: tenantId({ description: 'Tenant whose data it opens.' }),
  subjects,
  source_region: regionName({ description: 'Where the data is pinned.' }),
  target_region: regionName({ description: 'Where it may go, even if prohibited.' }),
  ...window,
});

const policyFile = closed(
  {
    policies: optional(Type.Array(policy, { default: [], description: 'Residency policies.' })),
    grants: optional(Type.Array(grant, { default: [], description: 'Time-boxed grants to cross a border.' })),
    overrides: optional(Type.Array(override, { default: [], description: 'Emergency overrides (break-glass).' })),
  },
  {
    title: 'policies/*.yaml, policies/grants/*.yaml',
    minProperties: 1,
    description: 'Policies, grants and overrides kept as files; read-only to the API.',
  },
);

const regimeFile = closed(
  {
    id: recordId({ description: 'Id, as `compliance_frameworks` names it.' }),
    name: optional(Type.String({ default: '', maxLength: 256, description: 'Name for people.' })),
    type: Type.Enum(['H', 'L', 'C', 'D', 'N'], {
      description:
        'H: stays in the territory. L: first stored in the territory. C: leaves it on conditions. D: not to the destinations listed. N: no rule of location.',
    }),
    verbs: optional(
      Type.Array(Type.Enum(['store', 'process', 'access']), {
        default: ['store', 'process', 'access'],
        description: 'What it speaks of; deletion and administration count as access.',
      }),
    ),
    territory: list(countryCode({}), 'Its own countries.'),
    destinations: list(
      countryCode({}),
      'C: adequate destinations, which need no evidence. D: the destinations shut out.',
    ),
    recipient_condition: optional(
      nullable(Type.String({ maxLength: 1024 }), {
        default: null,
        description: 'What recipients must fulfil besides, in words; not checked by Domicile.',
      }),
    ),
    mechanisms: list(
      Type.String({ minLength: 1, maxLength: 64 }),
      'C: mechanisms that count as evidence in `transfer_evidence`; empty = any.',
    ),
    valid_from: instant({ description: 'First moment at which it is in force.' }),
    valid_until: optional(
      nullable(instant({}), { default: null, description: 'First moment at which it no longer is; null = no end.' }),
    ),
    review_by: instant({ description: 'When someone must have looked at it again; later, it is warned about.' }),
    source_url: Type.String({
      minLength: 8,
      maxLength: 2048,
      pattern: '^https?://',
      'x-shape': 'the http(s) address of the text of the law',
      description: 'Where the law can be read.',
    }),
  },
  {
    title: 'policies/regimes/*.yaml',
    description: 'A legal regime as dated data, one in each file. Not legal advice.',
  },
);

/** A file of policies, grants and overrides. */
export const POLICY_FILE = new Shape(policyFile);
/** A file of one regime. */
export const REGIME_FILE = new Shape(regimeFile);

/** A policy file before its defaults are filled in. */
export type WrittenPolicyFile = Static<typeof policyFile>;
export type PolicyFile = Filled<Static<typeof policyFile>>;
export type PolicyEntry = PolicyFile['policies'][number];
export type GrantEntry = PolicyFile['grants'][number];
export type OverrideEntry = PolicyFile['overrides'][number];
