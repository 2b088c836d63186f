import { Type } from 'typebox';
import { closed, nullable, optional, personId, regionName, Shape } from '../../core/schema.ts';
import { REASON_NAMES } from '../../core/reasons.ts';
import {
  CLASSIFICATIONS,
  DIALECTS_OF,
  SERVICE_OF,
  SERVICES,
  type Classification,
  type DialectId,
  type Service,
  type Verb,
} from '../../core/vocabulary.ts';
import type { Decision, Facts } from '../../policy/model.ts';
import { expandTemplate, type Endpoint, type Region } from '../../region/catalogue.ts';
import { perhaps, TENANT } from '../approval/fields.ts';
import { callerOf, classFor, decideNow } from '../decision.ts';
import { Names } from '../names.ts';
import { route, type AnyRoute } from '../route.ts';
import { tenantNow } from '../tenant-now.ts';

/** What may be asked about, as a verb. */
const VERB_OF = {
  read: 'access',
  write: 'store',
  delete: 'delete',
  inference: 'process',
  admin: 'admin',
} as const satisfies Record<string, Verb>;

const BODY = new Shape(
  closed({
    tenant_id: TENANT,
    subject_id: perhaps(personId({}), 'The person whose data it is.'),
    operation_type: optional(
      Type.Enum(['read', 'write', 'delete', 'inference', 'admin'], {
        default: 'read',
        description: 'What would be done.',
      }),
    ),
    resource_type: perhaps(Type.String({ maxLength: 256 }), 'For the record.'),
    resource_id: perhaps(
      Type.String({ minLength: 1, maxLength: 2048 }),
      'The whole resource: bucket/key, index expression or model.',
    ),
    data_classification: perhaps(
      Type.String({ minLength: 1, maxLength: 64 }),
      'Class of the data; by default that on record, else `classification.default`.',
    ),
    requested_region: perhaps(regionName({}), 'Region wanted; by default the policy chooses.'),
  }),
);

const place = (properties: Record<string, ReturnType<typeof Type.String>>) =>
  nullable(
    closed({
      endpoint: Type.String(),
      ...properties,
      provider: Type.String({ description: 'The protocol that is spoken there.' }),
      region: Type.String(),
    }),
    { description: 'Null: it has no such endpoint, or nothing is allowed.' },
  );

const ANSWER = closed({
  allowed: Type.Boolean(),
  effect: Type.Enum(['allow', 'audit', 'deny']),
  reason: Type.Enum([...REASON_NAMES]),
  target_region: nullable(Type.String()),
  policy: nullable(Type.String({ description: 'Id of the policy that decided.' })),
  policy_revision: nullable(Type.Integer()),
  classification: nullable(Type.Enum([...CLASSIFICATIONS], { description: 'The class it was decided by.' })),
  grant: nullable(Type.String()),
  override: nullable(Type.String()),
  infrastructure: Type.Object(
    {
      storage: Type.Optional(place({ bucket: Type.String({ description: '`{bucket}` stands for the logical one.' }) })),
      search: Type.Optional(place({ index: Type.String({ description: '`{index}` stands for the logical one.' }) })),
      inference: Type.Optional(place({})),
    },
    { description: 'What to talk to in the target region.' },
  ),
});

export const RESOLVE_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/api/v1/access/resolve',
    action: 'access.resolve',
    tag: 'access',
    summary: 'The decision for given facts, and where they lead',
    description:
      '`X-User-ID` and `X-Region` say who would act and from where. A refusal is an answer like any other (200). No use of a grant is made.',
    asks: true,
    body: BODY,
    query: new Shape(
      closed({ service: perhaps(Type.Enum([...SERVICES]), 'Decide for this service, and show only it.') }),
    ),
    examples: [
      {
        tenant_id: 'acme-edu',
        learner_id: 'student-123',
        operation_type: 'read',
        resource_type: 'document',
        resource_id: 'assignment-456',
        requested_region: 'us-west',
      },
    ],
    answers: { 200: ANSWER },
    async handle(call) {
      const { body, context, query } = call;
      const { catalogue } = context.registry;
      const names = new Names(call);
      const claimed =
        body.data_classification === null
          ? null
          : names.classification(body.data_classification, 'data_classification');
      if (body.requested_region !== null) names.region(body.requested_region, 'requested_region');
      names.check();
      const caller = callerOf(call, catalogue);
      const tenant = call.tenant(body.tenant_id);
      const now = await tenantNow(context, tenant, catalogue);
      const wanted = body.requested_region === null ? null : catalogue.find(body.requested_region)!;
      const facts = {
        tenant,
        subject: body.subject_id,
        verb: VERB_OF[body.operation_type],
        requestedRegion: wanted?.index ?? -1,
        grant: null,
        ...caller,
      };
      let found: Found | null = null;
      for (const dialect of dialectsOf(query.service, body.operation_type)) {
        const asked = resourcesOf(SERVICE_OF[dialect], body.resource_id);
        const classification = classFor(now.bundle, claimed, asked, context.settings.defaultClassification);
        if (classification === null) continue;
        const decision = await decideNow(context, now, { ...facts, ...asked, dialect, classification });
        if (found === null || decision.allowed) found = { decision, classification };
        if (decision.allowed) break;
      }
      const target = found === null ? undefined : catalogue.regions[found.decision.target];
      const infrastructure = found && target ? infrastructureOf(target, tenant, found.classification) : {};
      const told = answer(found, infrastructure, query.service, target?.id ?? null);
      await context.evidence.query(
        {
          requestId: call.requestId,
          tenant,
          actor: call.principal.subject,
          action: 'access.resolved',
          subject: body.subject_id,
          user: caller.user,
          classification: told.classification,
          verb: facts.verb,
          service: query.service,
          resource: body.resource_id,
          targetRegion: told.target_region ?? wanted?.id ?? null,
          effect: told.effect,
          reason: told.reason,
          status: 200,
        },
        'batch',
      );
      return { body: told };
    },
  }),
];

type Infrastructure = Partial<Record<Service, object | null>>;

interface Found {
  readonly decision: Decision;
  /** The class it was decided by. */
  readonly classification: Classification;
}

/** @param found null: nothing was decided, for nobody knows the class */
function answer(found: Found | null, infrastructure: Infrastructure, service: Service | null, target: string | null) {
  const decision = found?.decision;
  const shown = service === null ? SERVICES : [service];
  return {
    allowed: decision?.allowed ?? false,
    effect: decision?.effect ?? 'deny',
    reason: decision?.reason ?? ('classification_missing' as const),
    target_region: target,
    policy: decision?.policy?.id ?? null,
    policy_revision: decision?.policy?.revision ?? null,
    classification: found?.classification ?? null,
    grant: decision?.grant?.id ?? null,
    override: decision?.override?.id ?? null,
    infrastructure: Object.fromEntries(shown.map((name) => [name, infrastructure[name] ?? null] as const)),
  };
}

/** Whatever kind of store would serve it, where nobody says which: the first that may. */
function dialectsOf(service: Service | null, operation: keyof typeof VERB_OF): readonly DialectId[] {
  if (service !== null) return DIALECTS_OF[service];
  return operation === 'inference' ? DIALECTS_OF.inference : [...DIALECTS_OF.storage, ...DIALECTS_OF.search];
}

/** An index expression is its elements, the exclusions left out; any other resource is one. */
function resourcesOf(service: Service, resource: string | null): Pick<Facts, 'service' | 'naming' | 'resources'> {
  const elements = resource === null ? [] : service === 'search' ? resource.split(',') : [resource];
  const resources = service === 'search' ? elements.filter((element) => !element.startsWith('-')) : elements;
  return { service, naming: resources.length === 0 ? 'none' : 'named', resources };
}

function infrastructureOf(region: Region, tenant: string, classification: Classification): Infrastructure {
  const { s3, opensearch } = region.endpoints;
  const inference = DIALECTS_OF.inference
    .map((dialect) => region.endpoints[dialect])
    .find((endpoint) => endpoint?.processing === true);
  const named = (template: string, name: string) =>
    expandTemplate(template, { name, tenant, classification, region: region.id, cloudRegion: region.cloudRegion });
  const at = (endpoint: Endpoint, more: object) => ({
    endpoint: addressOf(endpoint),
    ...more,
    provider: endpoint.dialect,
    region: region.id,
  });
  return {
    storage: s3 === undefined ? null : at(s3, { bucket: named(s3.bucket, '{bucket}') }),
    search: opensearch === undefined ? null : at(opensearch, { index: named(opensearch.index, '{index}') }),
    inference: inference === undefined ? null : at(inference, {}),
  };
}

function addressOf({ socketPath, origin, basePath }: Endpoint): string {
  return socketPath === null ? `${origin}${basePath}` : `unix:${socketPath}`;
}
