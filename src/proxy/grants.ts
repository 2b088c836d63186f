import { Refusal } from '../core/refusal.ts';
import type { Decision, Grant } from '../policy/model.ts';
import type { Exchange } from './exchange.ts';
import { stillGranted } from './steps.ts';
import type { TakenGrant } from './uses.ts';

export type Departure = (x: Exchange, body: Buffer | null, refusal: Refusal | null) => void;

/**
 * Uses the grants and overrides of a request once, just before it leaves: one that serves two refusals, or two verbs, is
 * one use. When others have used a grant up in the meantime, it is decided once more, and another grant may serve. Calls
 * `next` with null or the refusal, perhaps within the call; not at all when the client has gone.
 */
export function takeGrants(x: Exchange, body: Buffer | null, next: Departure): void {
  if (restsOnGrant(x)) take(x, body, next, grantsOf(x), x.bundle?.grants.length ?? 0);
  else depart(x, body, next);
}

/** Whether the decisions of a request rest on a grant. Most do not. */
function restsOnGrant({ decision, alsoDecision }: Exchange): boolean {
  return holdsGrant(decision) || holdsGrant(alsoDecision);
}

function holdsGrant(decision: Decision | null): boolean {
  return decision !== null && (decision.grant !== null || decision.secondGrant !== null);
}

/** @param others how many more times other grants may be tried: each time one at least was used up */
function take(x: Exchange, body: Buffer | null, next: Departure, grants: readonly TakenGrant[], others: number): void {
  x.proxy.uses.take(grants, (taken) => {
    if (x.request.over) return;
    if (taken) return depart(x, body, next);
    const refusal = decidedAgain(x);
    if (refusal !== null) return next(x, body, refusal);
    if (!restsOnGrant(x)) return depart(x, body, next);
    const now = grantsOf(x);
    if (others > 0 && !same(grants, now)) return take(x, body, next, now, others - 1);
    next(x, body, new Refusal('policy_unavailable', NOT_NOTED, 'grant not taken'));
  });
}

/** What needs no leave is counted as it goes. */
function depart(x: Exchange, body: Buffer | null, next: Departure): void {
  const { decision, alsoDecision } = x;
  if (decision !== null) note(x, decision, null);
  if (alsoDecision !== null) note(x, alsoDecision, decision);
  next(x, body, null);
}

function note(x: Exchange, { grant, secondGrant, override }: Decision, noted: Decision | null): void {
  const { uses } = x.proxy;
  if (override !== null && noted?.override !== override) uses.note(override.id);
  if (isFree(grant) && noted?.grant !== grant && noted?.secondGrant !== grant) uses.note(grant.id);
  if (isFree(secondGrant) && noted?.grant !== secondGrant && noted?.secondGrant !== secondGrant)
    uses.note(secondGrant.id);
}

function isFree(grant: Grant | null): grant is Grant {
  return grant !== null && grant.maxUses === null;
}

const NOT_NOTED = 'The use of the grant could not be noted.';

function decidedAgain(x: Exchange): Refusal | null {
  try {
    return stillGranted(x);
  } catch (error) {
    return new Refusal('policy_unavailable', NOT_NOTED, String(error));
  }
}

function same(some: readonly TakenGrant[], others: readonly TakenGrant[]): boolean {
  return some.length === others.length && some.every(({ id }, i) => id === others[i]!.id);
}

function grantsOf({ decision, alsoDecision }: Exchange): TakenGrant[] {
  const grants: TakenGrant[] = [];
  add(grants, decision);
  add(grants, alsoDecision);
  return grants;
}

function add(grants: TakenGrant[], decision: Decision | null): void {
  if (decision === null) return;
  for (const grant of [decision.grant, decision.secondGrant]) {
    if (grant !== null && !grants.some(({ id }) => id === grant.id))
      grants.push({ id: grant.id, maxUses: grant.maxUses });
  }
}
