import { approvalsOf, type ApprovalRow } from '../../store/approvals.ts';
import {
  addOverride,
  changeOverride,
  overrideById,
  type OverrideChange,
  type OverrideRow,
} from '../../store/overrides.ts';
import type { Change } from '../../store/store.ts';
import { usesOf } from '../../store/uses.ts';
import { forbidden, sees } from '../auth/authorize.ts';
import { conflict, notFound } from '../call.ts';
import type { ApprovalSettings } from '../context.ts';
import type { Principal } from '../principal.ts';
import { meanwhile } from './access.ts';
import { overrideBodyOf, overrideHash, type OverrideAsk, type OverrideBody } from './ask.ts';
import { newId } from './ids.ts';
import { verdictOf } from './quorum.ts';
import { overrideView } from './views.ts';
import { takeWord, type Answered } from './words.ts';

const MINUTE = 60_000;

/** A use of break-glass must have been reviewed so long after the first use, or after the end: 24 h. */
export const REVIEW_WITHIN = 24 * 60 * MINUTE;

/** By whom an override holds that is in force before anyone has approved it: a widening without approval opens nothing. */
const AFTER_THE_FACT = 'approval due after the fact';

/** An override with what people have said on it. */
export interface OverrideState {
  readonly row: OverrideRow;
  readonly words: readonly ApprovalRow[];
}

/** Breaks the glass: in force once it is approved, or at once where approval after the fact is configured. */
export async function askOverride(
  change: Change,
  ask: OverrideAsk,
  settings: ApprovalSettings,
): Promise<OverrideState> {
  const { now } = change;
  const atOnce = settings.afterTheFactMinutes > 0;
  const decideBy = now + (atOnce ? settings.afterTheFactMinutes : settings.pendingMinutes) * MINUTE;
  const body: OverrideBody = { ...ask, approvedBy: atOnce ? [AFTER_THE_FACT] : [] };
  const row: OverrideRow = {
    id: newId('override', now),
    tenant: ask.tenantId,
    requester: ask.requester,
    state: atOnce ? 'active' : 'pending',
    body: JSON.stringify(body),
    hash: overrideHash(body),
    not_before: atOnce ? now : null,
    // Unapproved it ends by itself when approval is due, also where nobody is left to end it.
    not_after: atOnce ? Math.min(now + ask.durationMs, decideBy) : null,
    pending_until: decideBy,
    approve_by: atOnce ? decideBy : null,
    revoked_by: null,
    revoked_at: null,
    revoke_reason: null,
    review_due_at: null,
    reviewed_by: null,
    reviewed_at: null,
    review_outcome: null,
    revision: change.revision,
    created_at: now,
    updated_at: now,
  };
  await addOverride(change, row);
  const state = { row, words: [] };
  await tell(change, 'override.requested', state, settings);
  if (atOnce) await tell(change, 'override.activated', state, settings);
  return state;
}

/**
 * Takes an approver's word.
 * @param admissible throws when it can never be in force as the policies stand now
 * @throws ApiError 404, 403, 409, 422
 */
export async function answerOverride(
  change: Change,
  principal: Principal,
  id: string,
  answer: Answered,
  settings: ApprovalSettings,
  admissible: (ask: OverrideAsk) => Promise<void>,
): Promise<OverrideState> {
  const { row, words } = await overrideFor(change, principal, id);
  const body = overrideBodyOf(row.body);
  const parties = new Set([row.requester]);
  const matter = {
    kind: 'override' as const,
    id,
    tenant: row.tenant,
    hash: row.hash,
    actualHash: overrideHash(body),
    parties,
    closed: closedBy(row, change.now),
  };
  const all = await takeWord(change, matter, words, principal.subject, answer);
  const verdict = verdictOf(row.hash, parties, all, settings.overrideQuorum);
  let after = row;
  if (verdict.state === 'denied')
    after = await changed(change, row, { state: 'denied', ...endOf(row, change.now) }, 'denied');
  else {
    await admissible(body);
    if (verdict.state === 'approved') {
      const notBefore = row.not_before ?? change.now;
      after = await changed(
        change,
        row,
        {
          state: 'active',
          body: JSON.stringify({ ...body, approvedBy: verdict.approvedBy }),
          not_before: notBefore,
          not_after: notBefore + body.durationMs,
          approve_by: null,
        },
        'approved',
      );
    } else after = await changed(change, row, {}, 'approval');
  }
  const state = { row: after, words: all };
  await tell(change, answer.approved ? 'override.approved' : 'override.denied', state, settings);
  if (row.state === 'pending' && after.state === 'active') await tell(change, 'override.activated', state, settings);
  return state;
}

/** @throws ApiError 404, and 409 when it is over already */
export async function revokeOverride(
  change: Change,
  principal: Principal,
  id: string,
  reason: string | null,
  settings: ApprovalSettings,
): Promise<OverrideState> {
  const { row, words } = await overrideFor(change, principal, id);
  const { now } = change;
  const over =
    row.state === 'pending' ? row.pending_until <= now : row.state !== 'active' || (row.not_after ?? 0) <= now;
  if (over)
    throw conflict(`${id} is ${row.state === 'pending' || row.state === 'active' ? 'expired' : row.state} already`);
  const set = { state: 'revoked' as const, revoked_by: principal.subject, revoked_at: now, revoke_reason: reason };
  const state = { row: await changed(change, row, { ...set, ...endOf(row, now) }, 'revoked'), words };
  await tell(change, 'override.revoked', state, settings);
  return state;
}

/**
 * Notes what a review after the use has found.
 * @throws ApiError 404, 403 for the requester, 409 when nothing is to be reviewed or someone has done it
 */
export async function reviewOverride(
  change: Change,
  principal: Principal,
  id: string,
  outcome: string,
): Promise<OverrideState> {
  const { row, words } = await overrideFor(change, principal, id);
  if (row.requester === principal.subject)
    throw forbidden(`${id} is of ${row.requester}, and nobody reviews their own: someone else must`);
  if (row.reviewed_at !== null) throw conflict(`${id} was reviewed already, by ${row.reviewed_by}`);
  const due = row.review_due_at ?? (row.not_before === null ? null : endOf(row, change.now).review_due_at);
  if (due === null) throw conflict(`${id} was never in force: there is nothing to review`);
  if (row.review_due_at === null && row.state === 'active' && (row.not_after ?? 0) > change.now)
    throw conflict(`${id} is in force and has not been used: review it once it has, or is over`);
  const set = {
    review_due_at: due,
    reviewed_by: principal.subject,
    reviewed_at: change.now,
    review_outcome: outcome,
  };
  return { row: await changed(change, row, set, 'reviewed'), words };
}

/** What ends with an override: one that was in force is to be reviewed, from its first use on or else from its end. */
export function endOf(row: OverrideRow, now: number): { readonly review_due_at: number | null } {
  if (row.review_due_at !== null || row.not_before === null) return { review_due_at: row.review_due_at };
  return { review_due_at: Math.min(now, row.not_after ?? now) + REVIEW_WITHIN };
}

/** @throws ApiError 404 also for another tenant's */
async function overrideFor(change: Change, principal: Principal, id: string): Promise<OverrideState> {
  const row = await overrideById(change.db, id);
  if (row === null || !sees(principal, row.tenant)) throw notFound('override', id);
  return { row, words: await approvalsOf(change.db, 'override', [id]) };
}

function closedBy(row: OverrideRow, now: number): string | null {
  if (row.state === 'pending') return now < row.pending_until ? null : 'has expired: nobody decided on it in time';
  if (row.state !== 'active') return `is ${row.state} already`;
  if (row.approve_by === null) return 'is approved already';
  return now < (row.not_after ?? 0) ? null : 'has lapsed: nobody approved it in time';
}

async function changed(change: Change, row: OverrideRow, set: OverrideChange, action: string): Promise<OverrideRow> {
  const after = await changeOverride(change, row, set, action);
  if (after === null) throw meanwhile(row.id);
  return after;
}

/** Has webhooks told of an override as it is now. */
export async function tell(
  change: Change,
  kind: string,
  { row, words }: OverrideState,
  settings: ApprovalSettings,
): Promise<void> {
  const uses = (await usesOf(change.db, [row.id])).get(row.id) ?? 0;
  await change.event(kind, row.tenant, row.id, overrideView(row, words, uses, change.now, settings));
}
