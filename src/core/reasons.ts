/**
 * Why a request was allowed or refused: a closed union (DESIGN 1.4). Each reason has one HTTP status,
 * 200 standing for "allowed".
 */
export const REASONS = {
  in_residency: 200,
  failover: 200,
  cross_border_logged: 200,
  cross_border_class: 200,
  grant: 200,
  emergency_override: 200,
  advisory: 200,

  tenant_missing: 400,
  tenant_invalid: 400,
  classification_missing: 400,
  classification_invalid: 400,
  region_unknown: 400,
  header_conflict: 400,
  request_malformed: 400,

  no_policy: 403,
  resource_not_permitted: 403,
  region_not_allowed: 403,
  region_prohibited: 403,
  sovereign_no_cross_border: 403,
  cross_border_restricted: 403,
  grant_invalid: 403,
  evidence_missing: 403,
  encryption_required: 403,
  operation_not_permitted: 403,
  leak_blocked: 403,
  upstream_region_mismatch: 403,
  egress_outside_region: 403,
  identity_unauthenticated: 401,

  body_too_large_to_inspect: 413,
  rate_limited: 429,
  policy_unavailable: 503,
  no_compliant_region: 503,
  audit_unavailable: 503,
  overloaded: 503,

  upstream_connect_failed: 502,
  upstream_timeout: 504,
  upstream_reset: 502,
} as const satisfies Record<string, number>;

export type Reason = keyof typeof REASONS;

export const REASON_NAMES = Object.keys(REASONS) as readonly Reason[];

export type Effect = 'allow' | 'audit' | 'deny';

/** HTTP status of a refusal. */
export function statusOf(reason: Reason): number {
  return REASONS[reason];
}
