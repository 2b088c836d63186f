import { Type } from 'typebox';
import type { Head } from '../../core/http.ts';
import { PRESIGN_EXPIRES, PRESIGN_SIGNATURE, presignSignature } from '../../core/presign.ts';
import { Refusal } from '../../core/refusal.ts';
import { closed, optional, personId, regionName, Shape } from '../../core/schema.ts';
import type { Classification } from '../../core/vocabulary.ts';
import type { Place } from '../../dialect/dialect.ts';
import type { S3Call } from '../../dialect/s3/call.ts';
import { s3 } from '../../dialect/s3/s3.ts';
import { effectiveOf } from '../../policy/decide.ts';
import type { Decision, Facts } from '../../policy/model.ts';
import { expandTemplate, type Endpoint, type Region } from '../../region/catalogue.ts';
import { perhaps, TENANT } from '../approval/fields.ts';
import { unprocessable, type Call } from '../call.ts';
import { callerOf, classFor, decideNow } from '../decision.ts';
import { Names } from '../names.ts';
import { ApiError } from '../problem.ts';
import { route, type AnyRoute, type Answer } from '../route.ts';
import { headersOf, storageUrl } from '../signed-url.ts';
import { tenantNow, type TenantNow } from '../tenant-now.ts';

/** Seconds, where the body does not say, and no less is the most. */
const DEFAULT_SECONDS = 3600;
/** SigV4 knows no longer ones. */
const LONGEST_DIRECT = 7 * 86_400;

const BODY = new Shape(
  closed({
    tenant_id: TENANT,
    subject_id: perhaps(personId({}), 'The person whose data it is.'),
    bucket: Type.String({ minLength: 1, maxLength: 255, description: 'Logical bucket.' }),
    key: Type.String({ minLength: 1, maxLength: 1024, description: 'Key, not encoded.' }),
    operation: optional(Type.Enum(['get', 'put'], { default: 'get', description: 'What the URL is for.' })),
    data_classification: perhaps(
      Type.String({ minLength: 1, maxLength: 64 }),
      'Class of the data; by default that on record, else `classification.default`.',
    ),
    expires_in: perhaps(
      Type.Integer({ minimum: 1 }),
      'Seconds that it holds; by default 3600, and at most `control.max_presign_seconds`.',
    ),
    requested_region: perhaps(regionName({}), 'Region wanted; by default the policy chooses.'),
    via: optional(
      Type.Enum(['direct', 'proxy'], {
        default: 'direct',
        description:
          '`direct`: of the region’s own storage. `proxy`: through Domicile, which decides again at each use.',
      }),
    ),
  }),
);

const ANSWER = closed({
  url: Type.String(),
  method: Type.Enum(['GET', 'PUT']),
  headers: Type.Record(Type.String(), Type.String(), { description: 'To be sent along: they are signed.' }),
  region: Type.String({ description: 'Where it leads.' }),
  via: Type.Enum(['direct', 'proxy']),
  expires_at: Type.String({ format: 'date-time' }),
});

const dialect = s3({ virtualHostSuffix: null });

type PresignCall = Call<ReturnType<(typeof BODY)['withDefaults']>>;

export const PRESIGN_ROUTES: readonly AnyRoute[] = [
  route({
    method: 'POST',
    path: '/api/v1/storage/presign',
    action: 'storage.presign',
    tag: 'storage',
    summary: 'A URL for one object, in the region that the policy permits',
    description:
      'Decided as the data plane would. A `direct` URL holds until it expires, whatever changes meanwhile, and is not given where the decision rests on a grant or an override. A `proxy` URL is decided anew at each use.',
    asks: true,
    body: BODY,
    answers: { 200: ANSWER },
    handle: (call) => presign(call),
  }),
];

async function presign(call: PresignCall): Promise<Answer> {
  const { body, context } = call;
  const { settings } = context;
  const { catalogue } = context.registry;
  const names = new Names(call);
  const claimed =
    body.data_classification === null ? null : names.classification(body.data_classification, 'data_classification');
  if (body.requested_region !== null) names.region(body.requested_region, 'requested_region');
  names.check();
  const seconds = body.expires_in ?? Math.min(DEFAULT_SECONDS, settings.maxPresignSeconds);
  const most =
    body.via === 'direct' ? Math.min(settings.maxPresignSeconds, LONGEST_DIRECT) : settings.maxPresignSeconds;
  if (seconds > most)
    throw call.bad(call.problem(['expires_in'], `is more than ${most} seconds, which is the most: ask for less`));
  const caller = callerOf(call, catalogue);
  const path = `/${encoded(body.bucket)}/${body.key.split('/').map(encoded).join('/')}`;
  // What a presigned body is, no signature covers.
  const headers = body.operation === 'put' ? ['x-amz-content-sha256', 'UNSIGNED-PAYLOAD'] : [];
  const head: Head = { method: body.operation === 'put' ? 'PUT' : 'GET', target: path, headers };
  const read = dialect.read(head);
  if (read instanceof Refusal) throw refused(read);
  const tenant = call.tenant(body.tenant_id);
  if (body.via === 'proxy') mustBeServed(context.settings);

  const now = await tenantNow(context, tenant, catalogue);
  const named = { service: 'storage', naming: read.naming, resources: read.resources } as const;
  const classification = classFor(now.bundle, claimed, named, settings.defaultClassification);
  if (classification === null)
    throw new ApiError(400, 'Bad request', 'the class of the data is not known: give data_classification', {
      errors: [call.problem(['data_classification'], 'is missing, and nothing is on record')],
      reason: 'classification_missing',
    });
  const facts: Facts = {
    tenant,
    subject: body.subject_id,
    classification,
    verb: read.verb,
    dialect: 's3',
    ...named,
    requestedRegion: body.requested_region === null ? -1 : catalogue.find(body.requested_region)!.index,
    grant: null,
    ...caller,
  };
  const { decision, region, endpoint } = await permitted(call, now, facts);
  const place = placeOf(region, endpoint, decision, facts);
  const leak = dialect.guardHead(head, read, place);
  if (leak !== null) throw refused(leak);

  const signing = { head, read, place, seconds, now: await context.store.now() };
  const { url, needed } =
    body.via === 'direct' ? await directUrl(decision, signing) : await proxyUrl(call, now, facts, decision, signing);
  // Nobody has the URL before it is on record.
  await context.evidence.query({ ...asked(call, facts, decision, region.id), status: 200 }, 'strict');
  return {
    body: {
      url,
      method: head.method,
      headers: needed,
      region: region.id,
      via: body.via,
      expires_at: new Date((Math.floor(signing.now / 1000) + seconds) * 1000).toISOString(),
    },
  };
}

/** The request that is to be signed, decided on. */
interface Signing {
  readonly head: Head;
  readonly read: S3Call;
  readonly place: Place;
  readonly seconds: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

interface Signed {
  readonly url: string;
  readonly needed: Record<string, string>;
}

async function directUrl(decision: Decision, { head, read, place, seconds, now }: Signing): Promise<Signed> {
  if (decision.grant !== null || decision.override !== null)
    throw unprocessable('this rests on a grant or an override, which may end before a direct URL does: ask via proxy');
  const outgoing = dialect.rewrite(head, read, place, null);
  const url = await storageUrl(place.endpoint, place.region, outgoing, seconds, Math.floor(now / 1000) * 1000);
  if (url === null)
    throw unprocessable(`the storage of ${place.region.id} has no key to sign URLs with: ask via proxy`);
  return { url, needed: headersOf(outgoing) };
}

async function proxyUrl(
  call: Call,
  tenant: TenantNow,
  facts: Facts,
  decision: Decision,
  { head, seconds, now }: Signing,
): Promise<Signed> {
  const { context } = call;
  // A URL names no region and no person: at its use the tenant's policy chooses.
  if (facts.requestedRegion >= 0) {
    const chosen = await decideNow(context, tenant, { ...facts, requestedRegion: -1 });
    if (chosen.target !== decision.target)
      throw unprocessable('a URL through Domicile leads where the policy pins the data: leave out requested_region');
  }
  const everybody = tenant.bundle && effectiveOf(tenant.bundle, { ...facts, subject: null });
  if (everybody?.policy !== decision.policy)
    throw unprocessable(
      `a URL through Domicile names no person, and ${facts.subject} has another policy: ask via direct`,
    );
  const path = `/t/${encoded(facts.tenant)}/${facts.classification}${head.target}`;
  const expires = Math.floor(now / 1000) + seconds;
  const signature = presignSignature(Buffer.from(context.registry.presignKey, 'base64'), head.method, path, expires);
  const query = `${PRESIGN_EXPIRES}=${expires}&${PRESIGN_SIGNATURE}=${signature}`;
  return { url: `${context.settings.proxyUrl}${path}?${query}`, needed: {} };
}

/** @throws ApiError 422 where nobody would serve a URL through Domicile */
function mustBeServed({ pathIdentity, proxyUrl: base }: Call['context']['settings']): void {
  if (!pathIdentity)
    throw unprocessable('via proxy needs path among identity.sources: add it there, or ask via direct');
  if (base === null)
    throw unprocessable('via proxy needs a storage listener, or control.proxy_url: set one, or ask via direct');
}

/** @throws ApiError 403 with the reason */
async function permitted(
  call: Call,
  now: TenantNow,
  facts: Facts,
): Promise<{ readonly decision: Decision; readonly region: Region; readonly endpoint: Endpoint }> {
  const decision = await decideNow(call.context, now, facts);
  const region = now.catalogue.regions[decision.target];
  const endpoint = region?.endpoints.s3;
  if (decision.allowed && region !== undefined && endpoint !== undefined) return { decision, region, endpoint };
  const reason = decision.allowed ? 'no_compliant_region' : decision.reason;
  const wanted = region ?? now.catalogue.regions[facts.requestedRegion];
  const told = { ...asked(call, facts, decision, wanted?.id), effect: 'deny', reason, status: 403 } as const;
  await call.context.evidence.query(told, 'strict');
  throw new ApiError(403, 'Refused', `the residency policy refuses this: ${decision.reason}`, {
    reason,
    recorded: true,
  });
}

/** What evidence says of it, but for the status. */
function asked(call: Call, facts: Facts, { effect, reason }: Decision, targetRegion: string | null = null) {
  const { tenant, subject, user, classification, verb, service, resources } = facts;
  return {
    requestId: call.requestId,
    tenant,
    actor: call.principal.subject,
    action: 'storage.presigned' as const,
    subject,
    user,
    classification,
    verb,
    service,
    effect,
    reason,
    resource: resources.join(','),
    targetRegion,
  };
}

function placeOf(
  region: Region,
  endpoint: Endpoint,
  decision: Decision,
  { tenant, classification, verb }: { tenant: string; classification: Classification; verb: Facts['verb'] },
): Place {
  const values = { tenant, classification, region: region.id, cloudRegion: region.cloudRegion };
  return {
    region,
    endpoint,
    tenant,
    classification,
    verb,
    retentionDays: decision.policy?.dataRetentionDays ?? null,
    mayProcessIn: () => false, // storage processes nothing
    bucketName: (name) => expandTemplate(endpoint.bucket, { name, ...values }),
  };
}

/** A refusal of the dialect: malformed is the caller's mistake, everything else is not permitted. */
function refused({ reason, message, status }: Refusal): ApiError {
  return status === 400
    ? new ApiError(400, 'Bad request', message, { reason })
    : new ApiError(403, 'Refused', message, { reason });
}

/** Percent-encoding of RFC 3986: everything but its unreserved characters. */
function encoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
