import { Refusal } from '../core/refusal.ts';
import type { Decision } from '../policy/model.ts';
import type { Exchange } from './exchange.ts';
import { stillGranted } from './steps.ts';
import type { TakenGrant } from './uses.ts';

/** Whether the decisions of a request rest on a grant. Most do not. */
function restsOnGrant({ decision, alsoDecision }: Exchange): boolean {
  return holdsGrant(decision) || holdsGrant(alsoDecision);
}

function holdsGrant(decision: Decision | null): boolean {
  return decision !== null && (decision.grant !== null || decision.secondGrant !== null);
}

/**
 * Uses the grants of a request once, just before it leaves: one that serves two refusals, or two verbs, is one use. When
 * others have used one up in the meantime, it is decided once more. Calls `next` with null or the refusal, perhaps within
 * the call; not at all when the client has gone.
 */
export function takeGrants(
  x: Exchange,
  body: Buffer | null,
  next: (x: Exchange, body: Buffer | null, refusal: Refusal | null) => void,
): void {
  if (!restsOnGrant(x)) return next(x, body, null);
  x.proxy.uses.take(grantsOf(x), (taken) => {
    if (x.request.over) return;
    next(x, body, taken ? null : refusalOf(x));
  });
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

/** Decided once more, for it may be another grant's turn now. What rests on a grant still, was not noted: it stays here. */
function refusalOf(x: Exchange): Refusal | null {
  try {
    const refusal = stillGranted(x);
    if (refusal !== null || !restsOnGrant(x)) return refusal;
    return new Refusal('policy_unavailable', 'The use of the grant could not be noted.', 'grant not taken');
  } catch (error) {
    return new Refusal('policy_unavailable', 'The use of the grant could not be noted.', String(error));
  }
}
