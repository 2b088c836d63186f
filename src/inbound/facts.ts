import type { Head } from '../core/http.ts';
import { isRequestId, isTenantId, isVisibleId, newRequestId } from '../core/ids.ts';
import { malformed, Refusal } from '../core/refusal.ts';
import { CLASSIFICATIONS, type Classification } from '../core/vocabulary.ts';
import type { Catalogue } from '../region/catalogue.ts';
import type { JwtSource } from './identity/jwt.ts';
import type { UriTemplate } from './identity/uri-template.ts';
import { NOBODY, type Verified } from './identity/verified.ts';

/** How identity is read; made once from the configuration. */
export interface IdentityRules {
  readonly headers: boolean;
  readonly path: boolean;
  /** Null: tokens are no source. */
  readonly jwt: JwtSource | null;
  /** Where the facts stand in the URI of a client certificate. Null: certificates are no source. */
  readonly mtls: UriTemplate | null;
  /** Of URLs signed for `via: proxy`, looked at where `path` is a source. Null: none was ever signed. */
  readonly presignKey: Buffer | null;
  readonly trustRegionHeader: boolean;
  readonly defaultClassification: Classification | null;
  /** What else a class may be called. */
  readonly aliases: ReadonlyMap<string, Classification>;
  /** Place of `self.region`. */
  readonly selfRegion: number;
}

/** Step 1 of a decision: what a request says of itself, checked. */
export interface Claims {
  readonly tenant: string;
  readonly classification: Classification;
  readonly subject: string | null;
  readonly user: string | null;
  /** Places in the catalogue; -1 = not asked for. */
  readonly requestedRegion: number;
  readonly callerRegion: number;
  readonly grant: string | null;
  /** The target without the identity prefix. */
  readonly target: string;
}

/** Values as sent; empty is absent. One is filled per request, so that a repeat is seen in a single pass. */
interface Sent {
  tenant: string | null;
  classification: string | null;
  subject: string | null;
  user: string | null;
  requested: string | null;
  caller: string | null;
  grant: string | null;
}

/** Whether a token or a certificate says whose data is asked for: then nothing less may. */
export function provesTenant({ jwt, mtls }: IdentityRules): boolean {
  return (jwt !== null && jwt.namesTenant) || (mtls !== null && mtls.namesTenant);
}

/** What two verified sources say together, or null when they disagree. */
export function together(some: Verified, others: Verified, rules: IdentityRules): Verified | null {
  if (some === NOBODY) return others;
  if (others === NOBODY) return some;
  if (contradicts(some, others, rules)) return null;
  return {
    tenant: some.tenant ?? others.tenant,
    classification: some.classification ?? others.classification,
    subject: some.subject ?? others.subject,
    user: some.user ?? others.user,
  };
}

/**
 * Facts of one head (DESIGN 1.3, 1.5 step 1). The first that fails is named: conflict of sources, tenant,
 * classification, region; subject, user and grant ids last.
 *
 * @param verified what a token or a certificate says. Other sources may only agree with it, and fill in what it leaves out
 */
export function readClaims(
  head: Head,
  rules: IdentityRules,
  catalogue: Catalogue,
  verified: Verified = NOBODY,
): Claims | Refusal {
  const sent: Sent = {
    tenant: null,
    classification: null,
    subject: null,
    user: null,
    requested: null,
    caller: null,
    grant: null,
  };
  if (!readHeaders(head.headers, sent))
    return new Refusal('header_conflict', 'An identity header is sent more than once.');

  const isVerified = verified !== NOBODY;
  if (isVerified && contradicts(verified, sent, rules))
    return new Refusal('header_conflict', 'The headers disagree with the verified identity.');
  let { tenant, classification } = sent;
  let target = head.target;
  const prefixed = rules.path && isPrefixed(target);
  if (prefixed) {
    const path = readPrefix(target);
    if (path === null) return new Refusal('tenant_invalid', 'The tenant in the path is not a valid tenant id.');
    if (
      differ(tenant, path.tenant) ||
      differ(verified.tenant, path.tenant) ||
      disagree(classification, path.classification, rules) ||
      disagree(verified.classification, path.classification, rules)
    ) {
      return new Refusal('header_conflict', 'The path disagrees with the rest about the identity.');
    }
    ({ tenant, classification, target } = path);
  } else if (!rules.headers) {
    // Headers are no source here: they can agree with one, or fill in what it does not say, but not stand in for it.
    if (!isVerified || provesTenant(rules)) tenant = null;
    if (!isVerified) classification = null;
  }
  tenant = verified.tenant ?? tenant;
  classification = verified.classification ?? classification;
  const subject = verified.subject ?? sent.subject;
  // Of a presigned URL, where others have to prove whose they are, nobody knows who holds it: a grant is not his for the asking.
  const isUrlAlone = !isVerified && !rules.headers && provesTenant(rules);
  const user = verified.user ?? (isUrlAlone ? null : sent.user);

  if (tenant === null) return new Refusal('tenant_missing', 'X-Tenant-ID is missing.');
  if (!isTenantId(tenant)) return new Refusal('tenant_invalid', 'X-Tenant-ID is not a valid tenant id.');
  const known =
    classification === null ? (prefixed ? null : rules.defaultClassification) : classOf(classification, rules);
  if (known === null) {
    return classification === null
      ? new Refusal('classification_missing', 'X-Data-Classification is missing.')
      : new Refusal('classification_invalid', 'X-Data-Classification is not a known class.');
  }
  const requestedRegion = sent.requested === null ? -1 : placeOf(sent.requested, catalogue);
  if (sent.requested !== null && requestedRegion < 0)
    return new Refusal('region_unknown', 'X-Requested-Region is not a known region.');
  const trusted = rules.trustRegionHeader && sent.caller !== null;
  const callerRegion = trusted ? placeOf(sent.caller as string, catalogue) : rules.selfRegion;
  if (callerRegion < 0) return new Refusal('region_unknown', 'X-Region is not a known region.');
  if (subject !== null && !isVisibleId(subject)) return malformed('X-Subject-ID is not a valid id.');
  if (user !== null && !isVisibleId(user)) return malformed('X-User-ID is not a valid id.');
  if (sent.grant !== null && !isVisibleId(sent.grant)) return malformed('X-Residency-Grant is not a valid id.');
  return {
    tenant,
    classification: known,
    subject,
    user,
    requestedRegion,
    callerRegion,
    grant: sent.grant,
    target,
  };
}

/** False when an identity header comes twice, also with equal or empty values, or as its alias. */
function readHeaders(headers: readonly string[], sent: Sent): boolean {
  let seen = 0;
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.charCodeAt(0) !== 120 || name.charCodeAt(1) !== 45) continue; // `x-`
    const value = headers[i + 1] === '' ? null : (headers[i + 1] as string);
    let bit: number;
    switch (name) {
      case 'x-tenant-id':
        bit = 1;
        sent.tenant = value;
        break;
      case 'x-data-classification':
        bit = 2;
        sent.classification = value;
        break;
      case 'x-subject-id':
      case 'x-learner-id':
        bit = 4;
        sent.subject = value;
        break;
      case 'x-user-id':
        bit = 8;
        sent.user = value;
        break;
      case 'x-requested-region':
        bit = 16;
        sent.requested = value;
        break;
      case 'x-region':
        bit = 32;
        sent.caller = value;
        break;
      case 'x-residency-grant':
        bit = 64;
        sent.grant = value;
        break;
      default:
        continue;
    }
    if ((seen & bit) !== 0) return false;
    seen |= bit;
  }
  return true;
}

/** With `path` among the sources, a first segment `t` is always identity. */
function isPrefixed(target: string): boolean {
  return target.startsWith('/t/') || target === '/t' || target.startsWith('/t?');
}

/** `/t/{tenant}/{classification}/…` taken apart; null when a segment does not decode. */
function readPrefix(target: string): { tenant: string | null; classification: string | null; target: string } | null {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = question < 0 ? '' : target.slice(question);
  const first = path.indexOf('/', 3);
  const tenant = first < 0 ? path.slice(3) : path.slice(3, first);
  const second = first < 0 ? -1 : path.indexOf('/', first + 1);
  const classification = first < 0 ? '' : second < 0 ? path.slice(first + 1) : path.slice(first + 1, second);
  const rest = second < 0 ? '/' : path.slice(second);
  try {
    return {
      tenant: tenant === '' ? null : decodeURIComponent(tenant),
      classification: classification === '' ? null : decodeURIComponent(classification),
      target: rest + query,
    };
  } catch {
    return null; // broken percent-encoding: the caller refuses
  }
}

/** Whether two sources say different things of one fact. What one of them leaves out is no difference. */
function contradicts(some: Verified, others: Verified, rules: IdentityRules): boolean {
  return (
    differ(some.tenant, others.tenant) ||
    disagree(some.classification, others.classification, rules) ||
    differ(some.subject, others.subject) ||
    differ(some.user, others.user)
  );
}

function differ(a: string | null, b: string | null): boolean {
  return a !== null && b !== null && a !== b;
}

function disagree(a: string | null, b: string | null, rules: IdentityRules): boolean {
  if (a === null || b === null || a === b) return false;
  const known = classOf(a, rules);
  return known === null || known !== classOf(b, rules);
}

const KNOWN: ReadonlySet<string> = new Set(CLASSIFICATIONS);

function classOf(name: string, rules: IdentityRules): Classification | null {
  return KNOWN.has(name) ? (name as Classification) : (rules.aliases.get(name) ?? null);
}

function placeOf(name: string, catalogue: Catalogue): number {
  return catalogue.find(name)?.index ?? -1;
}

/** The client's request id where it is one, else a new one. */
export function requestIdOf(sent: string | null): string {
  return sent !== null && isRequestId(sent) ? sent : newRequestId();
}
