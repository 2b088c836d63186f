import { header } from '../core/http.ts';
import { leakBlocked, Refusal } from '../core/refusal.ts';
import { DIALECTS_OF, type DialectId, type Verb } from '../core/vocabulary.ts';
import { selectInference } from '../dialect/select.ts';
import { checkFraming } from '../inbound/framing.ts';
import { readClaims, requestIdOf } from '../inbound/facts.ts';
import { SERVICE_INDEX } from '../policy/compile.ts';
import { decide, effectiveOf } from '../policy/decide.ts';
import type { Decision, Facts, World } from '../policy/model.ts';
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

/** Facts: who the data belongs to and how it is classified. */
export function identify(x: Exchange): Refusal | null {
  const { snapshot } = x;
  const claims = readClaims(x.head, snapshot.rules, snapshot.catalogue);
  if (claims instanceof Refusal) return claims;
  x.claims = claims;
  if (claims.target !== x.head.target)
    x.head = { method: x.head.method, target: claims.target, headers: x.head.headers };
  return null;
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

/** Decision, on what the head names. */
export function decideHead(x: Exchange): Refusal | null {
  const { claims, call, dialect, snapshot } = x;
  if (claims === null || call === null || dialect === null) throw new TypeError('decided before it was recognised');
  try {
    x.bundle = snapshot.bundles.get(claims.tenant);
  } catch (error) {
    return new Refusal('policy_unavailable', 'The policies of this tenant cannot be evaluated.', String(error));
  }
  x.facts = {
    tenant: claims.tenant,
    subject: claims.subject,
    user: claims.user,
    classification: claims.classification,
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
  if (facts.naming !== 'body' && inspection.resources.length === 0 && inspection.alsoVerb === null) return null;
  const resources = facts.naming === 'named' ? [...facts.resources, ...inspection.resources] : inspection.resources;
  // A head that named nothing stays unnamed: the body can add to what is asked for, not narrow it.
  const naming =
    facts.naming === 'none' || facts.naming === 'exempt' ? facts.naming : resources.length === 0 ? 'none' : 'named';
  x.facts = { ...facts, naming, resources };
  return settleAgain(x);
}

/**
 * The last word before a collected body leaves: others may have used up a grant while it came. With a grant that is
 * counted the decision is taken again, at the instant of the first; any other stands.
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
  x.alsoDecision = also;
  const ruling = authorize(x.bundle, facts, worldOf(x, facts.verb));
  x.proxy.metrics.decisionDuration.observe(0, (performance.now() - started) / 1000);
  if (!(ruling instanceof Permit)) return denial(x, ruling, facts);
  x.decision = ruling.decision;
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
  return decideBody(x) ?? (x.permit === null ? leakBlocked('undecided', 'The request was not decided.') : null);
}
