import { header } from '../core/http.ts';
import type { Reason } from '../core/reasons.ts';
import { leakBlocked, malformed, Refusal } from '../core/refusal.ts';
import { DIALECTS_OF, type Classification, type DialectId, type Verb } from '../core/vocabulary.ts';
import { selectInference } from '../dialect/select.ts';
import { checkFraming } from '../inbound/framing.ts';
import { requestIdOf } from '../inbound/facts.ts';
import { canWiden, classOnRecord, SERVICE_INDEX, stillWidened, type Bundle } from '../policy/compile.ts';
import { decide, effectiveOf } from '../policy/decide.ts';
import type { Decision, Facts, Naming, World } from '../policy/model.ts';
import { authorize, Permit } from '../policy/permit.ts';
import { onList } from '../policy/resources.ts';
import type { Trace } from '../policy/trace.ts';
import type { Exchange } from './exchange.ts';
import { DecidedPlace } from './place.ts';

/** The steps of a request up to its leaving, in order. Each fills in the exchange, and answers null or a refusal. */

/** Bytes: the head can be read in one way only. */
export function frame(x: Exchange): Refusal | null {
  const { head } = x;
  x.requestId = requestIdOf(header(head.headers, 'x-request-id'));
  x.span = x.proxy.tracing.start(header(head.headers, 'traceparent'), x.service);
  return checkFraming(head, x.request.version, x.proxy.limits);
}

/** Load: past the bound, refuse rather than queue. */
export function admit(x: Exchange): Refusal | null {
  if (x.proxy.inflight[x.service] <= x.proxy.limits.inflight) return null;
  return new Refusal('overloaded', 'Too many requests are in flight.');
}

/** Which protocol, for the words of a refusal; told before anything can be refused. */
export function dialectOf(x: Exchange): DialectId {
  return x.service === 'inference' ? selectInference(x.head) : (DIALECTS_OF[x.service][0] as DialectId);
}

/** Operation: it stands in the dialect's table. */
export function recognise(x: Exchange): Refusal | null {
  const dialect = x.proxy.dialects[dialectOf(x)];
  x.dialect = dialect;
  const call = dialect.read(x.head);
  if (call instanceof Refusal) return call;
  x.call = call;
  return null;
}

/**
 * Policies of the tenant as they are now: bundles of a snapshot before are told of no change any more. Calls `next` once,
 * within the call where they are in the cache; not at all when the client goes while they are fetched.
 */
export function takeBundle(x: Exchange, next: (x: Exchange, refusal: Refusal | null) => void): void {
  const { tenant } = x.claims!;
  let bundle: Bundle | null | undefined;
  try {
    bundle = x.proxy.snapshot.bundles.get(tenant);
  } catch (error) {
    return next(x, unavailable('cannot be evaluated', error));
  }
  if (bundle !== undefined) {
    x.bundle = bundle;
    return next(x, null);
  }
  fetchBundle(x, tenant, next);
}

/** Apart, so that the usual request makes no closure. */
function fetchBundle(x: Exchange, tenant: string, next: (x: Exchange, refusal: Refusal | null) => void): void {
  x.proxy.snapshot.bundles.fetch(tenant, (fetched) => {
    if (x.request.over) return;
    if (x.request.broken) return next(x, malformed('The request body broke off.'));
    if (fetched instanceof Error) return next(x, unavailable('cannot be had now', fetched));
    x.bundle = fetched;
    next(x, null);
  });
}

function unavailable(why: string, error: unknown): Refusal {
  return new Refusal('policy_unavailable', `The policies of this tenant ${why}.`, String(error));
}

/** Decision, on what the head names. */
export function decideHead(x: Exchange): Refusal | null {
  const { claims, call, dialect, proxy } = x;
  if (claims === null || call === null || dialect === null) throw new TypeError('decided before it was recognised');
  let classification: Classification;
  try {
    if (x.bundle !== null && canWiden(x.bundle)) {
      // It may have waited for a token to be verified, and for its bundle.
      x.now = proxy.now();
      if (x.now >= proxy.wideningUntil()) x.bundle = stillWidened(x.bundle, null);
    }
    classification = classFor(x, claims.classification, call.naming, call.resources);
  } catch (error) {
    return unavailable('cannot be evaluated', error);
  }
  x.facts = {
    tenant: claims.tenant,
    subject: claims.subject,
    user: claims.user,
    classification,
    verb: call.verb,
    service: x.service,
    dialect: dialect.id,
    naming: call.naming,
    resources: call.resources,
    requestedRegion: claims.requestedRegion,
    callerRegion: claims.callerRegion,
    grant: claims.grant,
  };
  return settle(x, x.facts, call.alsoVerb);
}

/** Decision once more, where the body named something that the head did not. */
function decideBody(x: Exchange): Refusal | null {
  const { facts, inspection } = x;
  if (facts === null || inspection === null) throw new TypeError('decided before inspection');
  if (inspection.buckets.length > 0) {
    const list = effectiveOf(x.bundle!, facts)?.resources[SERVICE_INDEX.storage] ?? null;
    if (list !== null && !inspection.buckets.every((bucket) => onList(list, bucket))) {
      return new Refusal('resource_not_permitted', 'The request names a bucket that its policy does not list.');
    }
  }
  const resources = facts.naming === 'named' ? [...facts.resources, ...inspection.resources] : inspection.resources;
  // A head that named nothing stays unnamed: the body can add to what is asked for, not narrow it.
  const naming =
    facts.naming === 'none' || facts.naming === 'exempt' ? facts.naming : resources.length === 0 ? 'none' : 'named';
  const classification = classFor(x, facts.classification, naming, resources, inspection.buckets);
  const more = facts.naming === 'body' || inspection.resources.length > 0 || inspection.alsoVerb !== null;
  if (!more && classification === facts.classification) return null;
  x.facts = { ...facts, naming, resources, classification };
  return settleAgain(x);
}

/** A class on record that is higher than the one claimed is what counts, for everything from here on. */
function classFor(
  x: Exchange,
  claimed: Classification,
  naming: Naming,
  resources: readonly string[],
  buckets?: readonly string[],
): Classification {
  const { bundle, claims } = x;
  if (bundle === null) return claimed;
  // A search that names no index is one of all of them.
  const asked = naming === 'none' && x.service === 'search' ? EVERYTHING : resources;
  const known = classOnRecord(bundle, claimed, asked, buckets);
  if (known !== claimed && claims !== null) {
    x.claims = { ...claims, classification: known };
    x.proxy.metrics.classRaised(x.service);
    x.detail = 'class on record is higher than claimed';
  }
  return known;
}

const EVERYTHING: readonly string[] = ['_all'];

/**
 * The last word before a collected body leaves, which may be long after it was decided. What restricts stands; what widens
 * may have been used up, revoked, or be past: it is decided again by those grants and overrides that hold at this moment.
 * Calls `next` once, perhaps within the call; not at all when the client goes first.
 */
export function takeWidenings(
  x: Exchange,
  body: Buffer,
  next: (x: Exchange, body: Buffer, refusal: Refusal | null) => void,
): void {
  const decided = x.bundle;
  if (decided === null || !(isWidened(x.decision) || isWidened(x.alsoDecision))) return next(x, body, null);
  takeBundle(x, (_, missing) => next(x, body, missing ?? decideNow(x, decided)));
}

function isWidened(decision: Decision | null): boolean {
  return decision !== null && (decision.grant !== null || decision.override !== null);
}

function decideNow(x: Exchange, decided: Bundle): Refusal | null {
  const { proxy, bundle } = x;
  try {
    x.now = proxy.now();
    x.bundle = stillWidened(decided, x.now >= proxy.wideningUntil() ? null : bundle);
    return settleAgain(x);
  } catch (error) {
    return unavailable('cannot be evaluated', error);
  }
}

/**
 * What a decision rests on may have been revoked, or be past, since: then it is decided again, and stands only if it rests
 * on the same. Uses are not looked at, since its own is among them by now.
 */
export function takeConfirmation(x: Exchange, next: (x: Exchange, refusal: Refusal | null) => void): void {
  const decided = x.bundle;
  takeBundle(x, (_, missing) => next(x, missing ?? (decided === null ? null : confirmWidened(x, decided))));
}

function confirmWidened(x: Exchange, decided: Bundle): Refusal | null {
  const { proxy, bundle } = x;
  const now = proxy.now();
  const held = stillWidened(decided, now >= proxy.wideningUntil() ? null : bundle);
  if (holds(x.decision, held, now) && holds(x.alsoDecision, held, now)) {
    x.bundle = decided;
    return null;
  }
  return decideNow(x, decided) ?? unavailable('changed while the request was recorded', 'rests on another grant');
}

function holds(decision: Decision | null, { grants, overrides }: Bundle, now: number): boolean {
  if (decision === null) return true;
  const { grant, secondGrant, override } = decision;
  return [grant, secondGrant, override].every(
    (used) =>
      used === null ||
      (now < used.notAfter &&
        (grants.some((each) => each.grant.id === used.id) || overrides.some((each) => each.override.id === used.id))),
  );
}

/**
 * Others may have used up a grant while it was asked for. With one that is counted the decision is taken again, at the
 * instant of the first; any other stands.
 */
export function stillGranted(x: Exchange): Refusal | null {
  return isCounted(x.decision) || isCounted(x.alsoDecision) ? settleAgain(x) : null;
}

function isCounted(decision: Decision | null): boolean {
  if (decision === null) return false;
  const { grant, secondGrant } = decision;
  return (grant !== null && grant.maxUses !== null) || (secondGrant !== null && secondGrant.maxUses !== null);
}

function settleAgain(x: Exchange): Refusal | null {
  const { facts, call, inspection, place } = x;
  if (facts === null || call === null || place === null) throw new TypeError('decided again before it was decided');
  const refusal = settle(x, facts, inspection?.alsoVerb ?? call.alsoVerb);
  if (refusal === null && x.place?.region !== place.region) {
    return new Refusal('no_compliant_region', 'The region became unavailable while the request was read.');
  }
  return refusal;
}

/** Reasons of what is allowed, the first that applies first (DESIGN 1.5). */
const GRAVEST: readonly Reason[] = [
  'advisory',
  'emergency_override',
  'grant',
  'failover',
  'cross_border_logged',
  'cross_border_class',
  'in_residency',
];

/** One decision, or two for a store whose answer is also an access; the permit comes last. */
function settle(x: Exchange, facts: Facts, alsoVerb: Verb | null): Refusal | null {
  const started = performance.now();
  x.permit = null;
  let also: Decision | null = null;
  if (alsoVerb !== null) {
    const alsoFacts = { ...facts, verb: alsoVerb };
    also = decide(x.bundle, alsoFacts, worldOf(x, alsoVerb));
    if (!also.allowed) return denial(x, also, alsoFacts);
  }
  const ruling = authorize(x.bundle, facts, worldOf(x, facts.verb));
  x.proxy.metrics.decisionDuration.observe(0, (performance.now() - started) / 1000);
  if (!(ruling instanceof Permit)) return denial(x, ruling, facts);
  const { decision } = ruling;
  // What is answered and recorded is the graver of the two.
  const isGraver = also !== null && GRAVEST.indexOf(also.reason) < GRAVEST.indexOf(decision.reason);
  x.decision = isGraver ? also : decision;
  x.alsoDecision = isGraver ? decision : also;
  if (also !== null && also.target !== ruling.target) {
    return new Refusal('region_not_allowed', 'What the answer carries lies in another region.');
  }
  return placeAt(x, ruling, facts);
}

function placeAt(x: Exchange, permit: Permit, facts: Facts): Refusal | null {
  const { catalogue, door } = x.snapshot;
  const region = catalogue.regions[permit.target];
  const endpoint = door.endpoint(permit, facts.dialect);
  const eff = x.bundle === null ? null : effectiveOf(x.bundle, facts);
  if (region === undefined || endpoint === null || eff === null || x.bundle === null) {
    throw new TypeError('a permit for a region without an endpoint');
  }
  x.permit = permit;
  x.place = new DecidedPlace(region, endpoint, facts.classification, facts.verb, x.bundle, eff, catalogue, x.now);
  return null;
}

function worldOf(x: Exchange, verb: Verb): World {
  const { health, rules } = x.snapshot;
  const dialect = x.dialect!.id;
  return {
    now: x.now,
    selfRegion: rules.selfRegion,
    available: health.available(dialect, verb),
    secure: health.secure(dialect),
    uses: x.proxy.usesOf,
  };
}

function denial(x: Exchange, decision: Decision, facts: Facts): Refusal {
  const { reason } = decision;
  x.decision = decision;
  x.alsoDecision = null;
  return new Refusal(
    reason,
    DENIALS.get(reason) ?? `Refused: ${reason}.`,
    reason === 'policy_unavailable' ? whyUnavailable(x, facts) : '',
  );
}

/** Deciding is pure, so it fails again in the same way, and this time says how: for the log. */
function whyUnavailable(x: Exchange, facts: Facts): string {
  const trace: Trace = { steps: [], error: null };
  decide(x.bundle, facts, worldOf(x, facts.verb), trace);
  return trace.error ?? '';
}

/** What a client is told. No region, no policy: only what it can do about it. */
const DENIALS: ReadonlyMap<string, string> = new Map([
  ['no_policy', 'No residency policy covers this tenant, subject and class.'],
  ['resource_not_permitted', 'The residency policy does not list this resource.'],
  ['region_not_allowed', 'The residency policy does not allow this region.'],
  ['region_prohibited', 'The residency policy prohibits this region.'],
  ['sovereign_no_cross_border', 'Sovereign data does not leave its country.'],
  ['cross_border_restricted', 'This class of data does not cross the border without a grant.'],
  ['grant_invalid', 'The grant named does not cover this request.'],
  ['evidence_missing', 'The transfer needs evidence that the policy does not have.'],
  ['encryption_required', 'This class of data needs an encrypted upstream.'],
  ['no_compliant_region', 'No region that the policy allows is available.'],
  ['policy_unavailable', 'The residency policy cannot be evaluated.'],
]);

/** Leaks that the head shows. */
export function guardHead(x: Exchange): Refusal | null {
  return x.dialect!.guardHead(x.head, x.call!, x.place!);
}

/** Leaks that the body shows, and what else it names. */
export function guardBody(x: Exchange, body: Buffer): Refusal | null {
  const { dialect, call, place } = x;
  if (dialect === null || call === null || place === null) throw new TypeError('inspected before it was decided');
  const found = dialect.guardBody(x.head, call, place, body, x.proxy.limits.inspectBodyBytes);
  if (found instanceof Refusal) return found;
  x.inspection = found;
  const refusal = decideBody(x);
  if (refusal !== null) return refusal;
  // What the body names may be of a higher class, and then more is a leak, and other names are written into it.
  if (x.place!.classification !== place.classification) return guardHead(x) ?? guardBody(x, body);
  return x.permit === null ? leakBlocked('undecided', 'The request was not decided.') : null;
}
