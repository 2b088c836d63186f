import { addApproval, type ApprovalRow } from '../../store/approvals.ts';
import type { Change, Db } from '../../store/store.ts';
import { subjectsOfRole } from '../../store/tokens.ts';
import { forbidden } from '../auth/authorize.ts';
import { conflict, unprocessable } from '../call.ts';
import type { ApprovalSettings } from '../context.ts';
import { couldApprove } from './quorum.ts';

/** What an approver says. */
export interface Answered {
  readonly approved: boolean;
  readonly reason: string;
  /** Of what the approver has looked at; null: not said, and then what is there now counts. */
  readonly hash: string | null;
}

/** What is decided on. */
export interface Matter {
  readonly kind: ApprovalRow['kind'];
  readonly id: string;
  readonly tenant: string;
  /** As it was stored when it was asked. */
  readonly hash: string;
  /** Of what is asked for, computed now. */
  readonly actualHash: string;
  readonly parties: ReadonlySet<string>;
  /** Null: it can be decided. Else why not, such as `was denied`. */
  readonly closed: string | null;
}

/**
 * Takes one person's word.
 * @param words those given before
 * @returns all of them
 * @throws ApiError 403 for one who has a part in it; 409 when it is closed, is not what was asked for, or has this
 *   person's word already
 */
export async function takeWord(
  change: Change,
  matter: Matter,
  words: readonly ApprovalRow[],
  by: string,
  { approved, reason, hash }: Answered,
): Promise<ApprovalRow[]> {
  const { kind, id } = matter;
  if (matter.parties.has(by))
    throw forbidden(`${by} has a part in ${id}, and nobody approves their own: someone else must decide`);
  if (matter.closed !== null) throw conflict(`${id} ${matter.closed}: ask anew`);
  if (matter.hash !== matter.actualHash)
    throw conflict(`${id} is not what was asked for: it has been altered, so revoke it and ask anew`);
  if (hash !== null && hash !== matter.hash)
    throw conflict(`${id} is not what you have looked at: its request_hash is ${matter.hash}; read it again`);
  if (words.some((word) => word.by === by))
    throw conflict(`${by} has decided on ${id} already, and each person counts once`);
  const word = { kind, id, by, approved: approved ? 1 : 0, reason, hash: matter.hash, at: change.now };
  await addApproval(change, word);
  change.note('approval', id, matter.tenant, approved ? 'given' : 'denied', word);
  return [...words, word];
}

/**
 * @param countable false where principals exist that are not tokens, so that nobody knows how many there are
 * @throws ApiError 422 when there are too few people to approve
 */
export async function checkQuorum(
  db: Db,
  now: number,
  ask: { readonly tenant: string; readonly parties: ReadonlySet<string>; readonly quorum: number },
  countable: boolean,
): Promise<void> {
  if (!countable) return;
  const count = couldApprove(await subjectsOfRole(db, 'approver', ask.tenant, now), ask.parties);
  if (count >= ask.quorum) return;
  throw unprocessable(
    `it takes ${people(ask.quorum)} to approve this, and ${count === 0 ? 'nobody' : `only ${people(count)}`} could: ` +
      `make tokens of role approver for ${ask.tenant}, for people other than ${[...ask.parties].join(', ')}`,
  );
}

function people(count: number): string {
  return count === 1 ? 'one person' : `${count} people`;
}

/** Why a ticket will not do, or null. The pattern must match all of it. */
export function ticketProblem(ticket: string | null, { ticketPattern }: ApprovalSettings): string | null {
  if (ticketPattern === null) return null;
  const wanted = `a ticket that matches ${ticketPattern.source}`;
  if (ticket === null) return `is missing: give ${wanted}`;
  const whole = new RegExp(`^(?:${ticketPattern.source})$`, ticketPattern.flags.replaceAll(/[gy]/g, ''));
  return whole.test(ticket) ? null : `is not ${wanted}`;
}
