/** Everything that a webhook may be told of. */
export const EVENT_KINDS = [
  'access.requested',
  'access.approved',
  'access.denied',
  'access.expired',
  'access.revoked',
  'grant.used',
  'grant.expired',
  'grant.revoked',
  'override.requested',
  'override.approved',
  'override.denied',
  'override.activated',
  'override.used',
  'override.expired',
  'override.revoked',
  'override.review_overdue',
] as const;

/** What comes before the dots: all of a group. */
export const EVENT_GROUPS = ['access', 'grant', 'override'] as const;

/** The events that a webhook is told of. @param named some of them, or groups; empty: all */
export function eventsOf(named: readonly string[]): readonly string[] {
  if (named.length === 0) return EVENT_KINDS;
  return EVENT_KINDS.filter((kind) => named.includes(kind) || named.includes(kind.slice(0, kind.indexOf('.'))));
}
