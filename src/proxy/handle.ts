import { malformed, type Refusal } from '../core/refusal.ts';
import type { Service } from '../core/vocabulary.ts';
import type { Incoming } from '../inbound/incoming.ts';
import { Answer } from './answer.ts';
import { attest } from './attest.ts';
import { collect, needsWholeBody } from './collect.ts';
import { Exchange } from './exchange.ts';
import { takeGrants } from './grants.ts';
import { identify } from './identity.ts';
import type { Proxy } from './proxy.ts';
import { refuse, rescue } from './rescue.ts';
import { depart } from './send.ts';
import { admit, decideHead, frame, guardBody, guardHead, recognise, takeBundle, takeWidenings } from './steps.ts';

/** Whose data it is about is read once more, by the rules and regions that are in force now. */
function again(x: Exchange): void {
  identify(x, route);
}

/**
 * The whole path of a request:
 *
 *   frame → admit → identify → recognise → take the tenant's bundle → decide → guard the head
 *     → guard the body → decide again, where a body is read and names more, or a grant may no longer hold
 *     → make room for its record → use its grants, which are on record first → rewrite → sign → forward → record
 *
 * Each step answers null or a refusal, and the first refusal ends it, in the words of the client's own protocol. Nothing
 * leaves but through `depart`, which wants the permit that deciding made. An error on the way is a refusal too. What
 * comes later, of the request's body and of its end, the exchange is told (`Owner`).
 */
export function handle(proxy: Proxy, service: Service, request: Incoming): void {
  const x = new Exchange(proxy, service, request);
  proxy.inflight[service]++;
  x.snapshot.door.entered();
  request.owner = x;
  try {
    const refusal = frame(x) ?? admit(x);
    if (refusal !== null) refuse(x, refusal);
    else identify(x, route);
  } catch (error) {
    rescue(x, error);
  }
}

/** Goes on when it is known whose data it is about: a token may have to be verified first. */
function route(x: Exchange, unproven: Refusal | null): void {
  try {
    const refusal = unproven ?? recognise(x);
    if (refusal !== null) refuse(x, refusal);
    else takeBundle(x, rule);
  } catch (error) {
    rescue(x, error);
  }
}

/** Goes on when the tenant's policies are here: they may have to be fetched. */
function rule(x: Exchange, missing: Refusal | null): void {
  try {
    if (missing === null && x.renew()) return again(x);
    const refusal = missing ?? decideHead(x) ?? guardHead(x);
    if (refusal !== null) refuse(x, refusal);
    else if (needsWholeBody(x)) collect(x, x.proxy.limits.inspectBodyBytes, inspect);
    else grant(x, null);
  } catch (error) {
    rescue(x, error);
  }
}

/** Goes on when the whole body is here. */
function inspect(x: Exchange, body: Buffer | Refusal): void {
  try {
    if (!Buffer.isBuffer(body)) return refuse(x, body);
    const refusal = x.call!.body === 'inspect' ? guardBody(x, body) : null;
    if (refusal !== null) refuse(x, refusal);
    else takeWidenings(x, x.inspection?.body ?? body, confirm);
  } catch (error) {
    rescue(x, error);
  }
}

/** Goes on when it is known that what let it go still holds, which may have to be asked. */
function confirm(x: Exchange, body: Buffer, refusal: Refusal | null): void {
  try {
    if (refusal !== null) refuse(x, refusal);
    else grant(x, body);
  } catch (error) {
    rescue(x, error);
  }
}

/** Goes on when nothing stands in its way but what was granted to it. */
function grant(x: Exchange, body: Buffer | null): void {
  const refusal = x.proxy.evidence.reserve(x);
  if (refusal !== null) refuse(x, refusal);
  else takeGrants(x, body, prove);
}

/** Goes on when its grants are used, which others may have to be asked for. */
function prove(x: Exchange, body: Buffer | null, refusal: Refusal | null): void {
  try {
    attest(x, body, refusal, leave);
  } catch (error) {
    rescue(x, error);
  }
}

/** Goes on when that is on record. */
function leave(x: Exchange, body: Buffer | null, refusal: Refusal | null): void {
  try {
    const broken = x.request.broken ? malformed('The request body broke off.') : refusal;
    if (broken !== null) refuse(x, broken);
    else depart(x, body, (x.answer = new Answer(x)));
  } catch (error) {
    rescue(x, error);
  }
}
