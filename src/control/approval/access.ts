import { approvalsOf, type ApprovalRow } from '../../store/approvals.ts';
import { addGrant, endGrant, grantById, type GrantRow, type Revocation } from '../../store/grants.ts';
import { addRequest, closeRequest, noteApproval, requestById, type RequestRow } from '../../store/requests.ts';
import type { Change } from '../../store/store.ts';
import { usesOf } from '../../store/uses.ts';
import type { Grant } from '../../policy/model.ts';
import { forbidden, sees } from '../auth/authorize.ts';
import { conflict, notFound, unprocessable } from '../call.ts';
import type { ApprovalSettings } from '../context.ts';
import type { Principal } from '../principal.ts';
import { accessAskOf, type AccessAsk } from './ask.ts';
import { newId, sha256 } from './ids.ts';
import { verdictOf } from './quorum.ts';
import { grantView, requestView } from './views.ts';
import { grantWindow } from './window.ts';
import { takeWord, type Answered } from './words.ts';

/** A request with what people have said on it. */
export interface RequestState {
  readonly row: RequestRow;
  readonly words: readonly ApprovalRow[];
}

/** Asks. What can be asked for at all, the caller has seen to. */
export async function askAccess(change: Change, ask: AccessAsk, settings: ApprovalSettings): Promise<RequestState> {
  const body = JSON.stringify(ask);
  const row: RequestRow = {
    id: newId('request', change.now),
    tenant: ask.tenantId,
    requester: ask.requester,
    state: 'pending',
    body,
    hash: sha256(body),
    grant_id: null,
    pending_until: change.now + settings.pendingMinutes * 60_000,
    revision: change.revision,
    created_at: change.now,
    updated_at: change.now,
  };
  await addRequest(change, row);
  await change.event('access.requested', row.tenant, row.id, requestView(row, [], change.now, settings));
  return { row, words: [] };
}

/**
 * Takes an approver's word, which may deny, grant, or leave it pending for others'.
 * @param admissible throws when what is asked for can never be granted as the policies stand now
 * @throws ApiError 404, 403, 409, 422
 */
export async function answerAccess(
  change: Change,
  principal: Principal,
  id: string,
  answer: Answered,
  settings: ApprovalSettings,
  admissible: (ask: AccessAsk) => Promise<void>,
): Promise<RequestState> {
  const { row, words } = await requestFor(change, principal, id);
  const ask = accessAskOf(row.body);
  const parties = partiesOf(ask);
  const matter = {
    kind: 'request' as const,
    id,
    tenant: row.tenant,
    hash: row.hash,
    actualHash: sha256(row.body),
    parties,
    closed: closedBy(row, change.now),
  };
  const all = await takeWord(change, matter, words, principal.subject, answer);
  const verdict = verdictOf(row.hash, parties, all, settings.grantQuorum);
  let after = row;
  if (verdict.state === 'denied') after = await closed(change, row, 'denied', null);
  else {
    await admissible(ask);
    if (verdict.state === 'approved') {
      const grant = await grantTo(change, row, ask, verdict.approvedBy, settings);
      after = await closed(change, row, 'approved', grant.id);
    } else after = asChanged(row, await noteApproval(change, row));
  }
  const kind = answer.approved ? 'access.approved' : 'access.denied';
  await change.event(kind, row.tenant, id, requestView(after, all, change.now, settings));
  return { row: after, words: all };
}

/** Makes the grant that a request has earned. */
async function grantTo(
  change: Change,
  request: RequestRow,
  ask: AccessAsk,
  approvedBy: readonly string[],
  settings: ApprovalSettings,
): Promise<GrantRow> {
  const window = grantWindow(ask, change.now, settings);
  if ('why' in window)
    throw conflict(`what ${request.id} asks for cannot be granted any more: ${window.field} ${window.why}`);
  const { tenantId, subjects, userId, classifications, verbs, resource, fromRegion, toRegion, maxUses, reason } = ask;
  const grant: Grant = {
    id: newId('grant', change.now),
    tenantId,
    subjects,
    userId,
    classifications,
    verbs,
    resource,
    fromRegion,
    toRegion,
    ...window,
    maxUses,
    reason,
    approvedBy,
  };
  const row: GrantRow = {
    id: grant.id,
    tenant: tenantId,
    request_id: request.id,
    state: 'active',
    body: JSON.stringify(grant),
    not_before: window.notBefore,
    not_after: window.notAfter,
    max_uses: maxUses,
    revoked_by: null,
    revoked_at: null,
    revoke_reason: null,
    revision: change.revision,
    created_at: change.now,
    updated_at: change.now,
  };
  await addGrant(change, row);
  return row;
}

/**
 * Revokes a grant, or a request together with the grant that came of it.
 * @throws ApiError 404, 403 for another's where only one's own may be, 409 when there is nothing left to revoke
 */
export async function revokeAccess(
  change: Change,
  principal: Principal,
  what: { readonly grantId: string } | { readonly requestId: string },
  reason: string | null,
  settings: ApprovalSettings,
): Promise<{ readonly request: RequestState; readonly grant: GrantRow | null }> {
  let grant = 'grantId' in what ? await grantById(change.db, what.grantId) : null;
  if ('grantId' in what && (grant === null || !sees(principal, grant.tenant))) throw notFound('grant', what.grantId);
  const { row, words } = await requestFor(
    change,
    principal,
    grant?.request_id ?? (what as { requestId: string }).requestId,
  );
  const parties = partiesOf(accessAskOf(row.body));
  if (principal.role === 'requester' && !parties.has(principal.subject))
    throw forbidden(`${row.id} is of ${row.requester}, and a requester may revoke only their own`);
  const revocation: Revocation = { by: principal.subject, reason };
  if (row.state === 'pending' && change.now < row.pending_until) {
    const after = await closed(change, row, 'revoked', null);
    await change.event('access.revoked', row.tenant, row.id, requestView(after, words, change.now, settings));
    return { request: { row: after, words }, grant: null };
  }
  grant ??= row.grant_id === null ? null : await grantById(change.db, row.grant_id);
  const now = change.now;
  if (grant === null) throw conflict(`${row.id} ${closedBy(row, now)}: there is nothing to revoke`);
  if (grant.state !== 'active' || grant.not_after <= now)
    throw conflict(`${grant.id} is ${grant.state === 'revoked' ? 'revoked' : 'expired'} already`);
  const ended = await endGrant(change, grant, revocation);
  if (ended === null) throw meanwhile(grant.id);
  await tellGrant(change, 'grant.revoked', ended);
  return { request: { row, words }, grant: ended };
}

/** Has webhooks told of a grant as it is now. */
export async function tellGrant(change: Change, kind: string, row: GrantRow): Promise<void> {
  const uses = (await usesOf(change.db, [row.id])).get(row.id) ?? 0;
  await change.event(kind, row.tenant, row.id, grantView(row, uses, change.now));
}

/** @throws ApiError 404 also for another tenant's */
async function requestFor(change: Change, principal: Principal, id: string): Promise<RequestState> {
  const row = await requestById(change.db, id);
  if (row === null || !sees(principal, row.tenant)) throw notFound('request', id);
  return { row, words: await approvalsOf(change.db, 'request', [id]) };
}

/** Who must not approve: who asks, and who would use it. */
export function partiesOf({ requester, userId }: Pick<AccessAsk, 'requester' | 'userId'>): ReadonlySet<string> {
  return new Set([requester, userId]);
}

async function closed(
  change: Change,
  row: RequestRow,
  state: 'approved' | 'denied' | 'revoked',
  grantId: string | null,
): Promise<RequestRow> {
  return asChanged(row, await closeRequest(change, row, state, grantId));
}

function asChanged({ id }: RequestRow, after: RequestRow | null): RequestRow {
  if (after === null) throw meanwhile(id);
  return after;
}

function closedBy(row: RequestRow, now: number): string | null {
  if (row.state !== 'pending') return `is ${row.state} already`;
  return now < row.pending_until ? null : 'has expired: nobody decided on it in time';
}

/** Somebody else was faster. */
export function meanwhile(id: string) {
  return conflict(`${id} has changed meanwhile: read it again, then decide`);
}

/** @throws ApiError 422 when no grant could have the window that is asked for */
export function checkWindow(ask: AccessAsk, now: number, settings: ApprovalSettings): void {
  const window = grantWindow(ask, now, settings);
  if ('why' in window) throw unprocessable(`/${window.field} ${window.why}`);
}
