import type { ApprovalRow } from '../store/approvals.ts';
import { grantOf, type GrantRow } from '../store/grants.ts';
import type { OverrideRow } from '../store/overrides.ts';
import type { RequestRow } from '../store/requests.ts';
import type { TokenRow } from '../store/tokens.ts';
import type { ChangeFact } from '../store/witness.ts';
import { accessAskOf, overrideBodyOf } from './approval/ask.ts';
import { iso, reachOf } from './approval/views.ts';

type Data = Readonly<Record<string, unknown>>;

/** What evidence says of a changed object: the facts that matter, with the names of the API. Null: it is gone. */
export function dataOf({ kind, body }: ChangeFact): Data | null {
  if (body === null) return null;
  return DATA[kind](body as never);
}

/** Rows are told field by field, so that a new one that holds a secret is not told. */
const DATA: { readonly [K in ChangeFact['kind']]: (body: never) => Data } = {
  policy: (entry: Data) => entry,
  region: (region: Data) => region,
  record: (record: Data) => record,
  files: (files: Data) => files,
  use: (use: Data) => use,
  request: requestData,
  grant: grantData,
  override: overrideData,
  approval: ({ kind, approved, reason, hash }: ApprovalRow) => ({
    of: kind,
    approved: approved === 1,
    reason,
    request_hash: hash,
  }),
  token: ({ role, tenant, subject, expires_at, created_by }: TokenRow) => ({
    role,
    tenant_id: tenant,
    subject,
    expires_at: iso(expires_at),
    created_by,
  }),
};

function requestData(row: RequestRow): Data {
  const ask = accessAskOf(row.body);
  return {
    status: row.state,
    requester: row.requester,
    ...reachOf(ask),
    not_before: iso(ask.notBefore),
    not_after: iso(ask.notAfter),
    duration_minutes: ask.durationMinutes,
    max_uses: ask.maxUses,
    legal_basis: ask.legalBasis,
    ticket: ask.ticket,
    reason: ask.reason,
    request_hash: row.hash,
    grant_id: row.grant_id,
  };
}

function grantData(row: GrantRow): Data {
  const grant = grantOf(row.body);
  return {
    status: row.state,
    request_id: row.request_id,
    ...reachOf(grant),
    not_before: iso(grant.notBefore),
    not_after: iso(grant.notAfter),
    max_uses: grant.maxUses,
    reason: grant.reason,
    approved_by: grant.approvedBy,
    revoked_by: row.revoked_by,
    revoke_reason: row.revoke_reason,
  };
}

function overrideData(row: OverrideRow): Data {
  const body = overrideBodyOf(row.body);
  return {
    status: row.state,
    requester: row.requester,
    subjects: body.subjects,
    from_region: body.sourceRegion,
    to_region: body.targetRegion,
    not_before: iso(row.not_before),
    not_after: iso(row.not_after),
    duration_minutes: body.durationMs / 60_000,
    ticket: body.ticket,
    reason: body.reason,
    request_hash: row.hash,
    approved_by: body.approvedBy,
    approve_by: iso(row.approve_by),
    revoked_by: row.revoked_by,
    revoke_reason: row.revoke_reason,
    review_due_at: iso(row.review_due_at),
    reviewed_by: row.reviewed_by,
    review_outcome: row.review_outcome,
  };
}
