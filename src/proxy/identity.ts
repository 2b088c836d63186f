import { malformed, Refusal } from '../core/refusal.ts';
import { provesTenant, readClaims, together } from '../inbound/facts.ts';
import type { JwtSource } from '../inbound/identity/jwt.ts';
import { readPresigned } from '../inbound/identity/presigned.ts';
import type { UriTemplate } from '../inbound/identity/uri-template.ts';
import { NOBODY, type Verified } from '../inbound/identity/verified.ts';
import type { Exchange } from './exchange.ts';
import { OwnRequest } from './own-request.ts';
import { rescue } from './rescue.ts';

type Next = (x: Exchange, refusal: Refusal | null) => void;

/**
 * Facts: who the data belongs to and how it is classified. What must be proven comes first: a presigned URL, the
 * certificate, the token. Calls `next` once, within the call unless a token has to be verified; not at all when the client
 * goes while it is.
 */
export function identify(x: Exchange, next: Next): void {
  const { rules } = x.snapshot;
  if (x.request instanceof OwnRequest) return next(x, stated(x, x.request));
  if (!rules.path && rules.mtls === null && rules.jwt === null) return next(x, claim(x, NOBODY));

  const presigned = rules.path ? readPresigned(x.head, x.service, rules.presignKey, latest(x)) : null;
  if (presigned instanceof Refusal) return next(x, presigned);
  if (presigned !== null) x.head = { method: x.head.method, target: presigned, headers: x.head.headers };
  // Who signed the URL vouches for its tenant and class; headers may stand in for a proof where they are a source.
  const mustProve = presigned === null && !rules.headers;

  const certified = rules.mtls === null ? NOBODY : certifiedBy(x, rules.mtls, mustProve);
  if (certified instanceof Refusal) return next(x, certified);
  if (rules.jwt === null) next(x, conclude(x, certified, NOBODY, mustProve));
  else takeToken(x, rules.jwt, certified, mustProve, next);
}

/** A request of this process states whose data it is about: nobody else can have made it. */
function stated(x: Exchange, request: OwnRequest): Refusal | null {
  const claims = request.claims(x.snapshot.rules, x.snapshot.catalogue);
  if (claims instanceof Refusal) return claims;
  x.claims = claims;
  return null;
}

function certifiedBy(x: Exchange, template: UriTemplate, mustProve: boolean): Verified | Refusal {
  const said = x.request.certificate?.identity(template, latest(x)) ?? null;
  if (said === null) return mustProve ? unproven('No client certificate names an identity.') : NOBODY;
  // By a connection made anew the client can show a valid one.
  if (said instanceof Refusal) x.request.closing = true;
  return said;
}

function takeToken(x: Exchange, jwt: JwtSource, certified: Verified, mustProve: boolean, next: Next): void {
  const token = jwt.tokenOf(x.head.headers);
  if (token instanceof Refusal) return next(x, token);
  if (token === null) {
    const refusal = mustProve ? unproven('A token is required.') : conclude(x, certified, NOBODY, mustProve);
    return next(x, refusal);
  }
  const known = jwt.known(token, latest(x));
  if (known !== null) return next(x, conclude(x, certified, known, mustProve));
  jwt.verify(token, latest(x), (outcome) => {
    if (x.request.over) return;
    try {
      // The body may have broken off before anybody was there to be told.
      const broken = x.request.broken ? malformed('The request body broke off.') : null;
      next(x, broken ?? (outcome instanceof Refusal ? outcome : conclude(x, certified, outcome, mustProve)));
    } catch (error) {
      rescue(x, error);
    }
  });
}

function conclude(x: Exchange, certified: Verified, token: Verified, mustProve: boolean): Refusal | null {
  const { rules } = x.snapshot;
  const verified = together(certified, token, rules);
  if (verified === null)
    return new Refusal('header_conflict', 'The token and the client certificate disagree about the identity.');
  if (mustProve && verified.tenant === null && provesTenant(rules))
    return unproven('Neither a token nor a certificate names a tenant.');
  return claim(x, verified);
}

function claim(x: Exchange, verified: Verified): Refusal | null {
  const { rules, catalogue } = x.snapshot;
  const { head } = x;
  const claims = readClaims(head, rules, catalogue, verified);
  if (claims instanceof Refusal) return claims;
  x.claims = claims;
  const headers = rules.jwt === null ? head.headers : rules.jwt.without(head.headers);
  if (claims.target !== head.target || headers !== head.headers)
    x.head = { method: head.method, target: claims.target, headers };
  return null;
}

function unproven(message: string): Refusal {
  return new Refusal('identity_unauthenticated', message, 'nothing proves an identity');
}

/** A proof ends by whichever clock is further, the store's or ours: one that is slow must not prolong it. */
function latest(x: Exchange): number {
  return Math.max(x.now, Date.now());
}
