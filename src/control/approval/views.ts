import type { Grant } from '../../policy/model.ts';
import type { ApprovalRow } from '../../store/approvals.ts';
import { grantOf, type GrantRow } from '../../store/grants.ts';
import type { OverrideRow } from '../../store/overrides.ts';
import type { RequestRow } from '../../store/requests.ts';
import type { ApprovalSettings } from '../context.ts';
import { accessAskOf, overrideBodyOf, type AccessAsk } from './ask.ts';
import type { GrantView, OverrideView, RequestView } from './shapes.ts';

/** @param now by the store's clock: what is over by it is shown so, whether or not it has been marked yet */
export function requestView(
  row: RequestRow,
  words: readonly ApprovalRow[],
  now: number,
  settings: ApprovalSettings,
): RequestView {
  const ask = accessAskOf(row.body);
  return {
    request_id: row.id,
    status: row.state === 'pending' && row.pending_until <= now ? 'expired' : row.state,
    tenant_id: row.tenant,
    requester: row.requester,
    ...reachOf(ask),
    not_before: iso(ask.notBefore),
    not_after: iso(ask.notAfter),
    duration_minutes: ask.durationMinutes,
    max_uses: ask.maxUses,
    legal_basis: ask.legalBasis,
    reason: ask.reason,
    ticket: ask.ticket,
    request_hash: row.hash,
    approvals: words.map(wordView),
    quorum: settings.grantQuorum,
    pending_until: iso(row.pending_until),
    grant_id: row.grant_id,
    policy_revision: ask.policyRevision,
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    revision: row.revision,
  };
}

export function grantView(row: GrantRow, uses: number, now: number): GrantView {
  const view = fileGrantView(grantOf(row.body), uses, now);
  return {
    ...view,
    status: row.state === 'active' ? view.status : row.state,
    source: 'api',
    request_id: row.request_id,
    revoked_by: row.revoked_by,
    revoked_at: iso(row.revoked_at),
    revoke_reason: row.revoke_reason,
    revision: row.revision,
  };
}

/** A grant that is kept in a file. */
export function fileGrantView(grant: Grant, uses: number, now: number): GrantView {
  const left = grant.maxUses === null ? null : Math.max(0, grant.maxUses - uses);
  return {
    grant_id: grant.id,
    status: grant.notAfter <= now ? 'expired' : left === 0 ? 'exhausted' : 'active',
    source: 'file',
    request_id: null,
    tenant_id: grant.tenantId,
    ...reachOf(grant),
    not_before: iso(grant.notBefore),
    not_after: iso(grant.notAfter),
    max_uses: grant.maxUses,
    uses,
    uses_left: left,
    reason: grant.reason,
    approved_by: [...grant.approvedBy],
    revoked_by: null,
    revoked_at: null,
    revoke_reason: null,
    revision: 0,
  };
}

export function overrideView(
  row: OverrideRow,
  words: readonly ApprovalRow[],
  uses: number,
  now: number,
  settings: ApprovalSettings,
): OverrideView {
  const body = overrideBodyOf(row.body);
  const over =
    (row.state === 'pending' && row.pending_until <= now) ||
    (row.state === 'active' && row.not_after !== null && row.not_after <= now);
  return {
    override_id: row.id,
    status: over ? 'expired' : row.state,
    tenant_id: row.tenant,
    requester: row.requester,
    affected_learners: [...body.subjects],
    source_region: body.sourceRegion,
    target_region: body.targetRegion,
    duration_hours: body.durationMs / 3_600_000,
    reason: body.reason,
    ticket: body.ticket,
    request_hash: row.hash,
    approvals: words.map(wordView),
    quorum: settings.overrideQuorum,
    pending_until: iso(row.pending_until),
    approve_by: iso(row.approve_by),
    not_before: iso(row.not_before),
    not_after: iso(row.not_after),
    uses,
    revoked_by: row.revoked_by,
    revoked_at: iso(row.revoked_at),
    revoke_reason: row.revoke_reason,
    review_due_at: iso(row.review_due_at),
    review_overdue: row.review_due_at !== null && row.reviewed_at === null && row.review_due_at <= now,
    reviewed_by: row.reviewed_by,
    reviewed_at: iso(row.reviewed_at),
    review_outcome: row.review_outcome,
    policy_revision: body.policyRevision,
    created_at: iso(row.created_at),
    updated_at: iso(row.updated_at),
    revision: row.revision,
  };
}

function wordView({ by, approved, reason, at }: ApprovalRow) {
  return { by, approved: approved === 1, reason, at: iso(at) };
}

/** Whom and what a request or a grant is for, with the names of the API. */
export function reachOf(asked: AccessAsk | Grant) {
  return {
    user_id: asked.userId,
    subjects: [...asked.subjects],
    classifications: [...asked.classifications],
    verbs: [...asked.verbs],
    resource: asked.resource,
    from_region: asked.fromRegion,
    to_region: asked.toRegion,
  };
}

/** A moment of RFC 3339. */
export function iso(at: number): string;
export function iso(at: number | null): string | null;
export function iso(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
