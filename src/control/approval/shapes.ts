import { Type, type Static, type TSchema } from 'typebox';
import { closed, nullable } from '../../core/schema.ts';
import { CLASSIFICATIONS, VERBS } from '../../core/vocabulary.ts';

const moment = (description: string) => Type.String({ format: 'date-time', description });
const maybe = <S extends TSchema>(schema: S) => nullable(schema);
const people = (description: string) => Type.Array(Type.String(), { description });

const APPROVALS = Type.Array(
  closed({
    by: Type.String(),
    approved: Type.Boolean(),
    reason: Type.String(),
    at: moment('When.'),
  }),
  { description: 'What people have said so far.' },
);

const HASH = Type.String({ description: 'SHA-256 of what is asked for: approvals hold for exactly this.' });
const REVOCATION = {
  revoked_by: maybe(Type.String()),
  revoked_at: maybe(moment('When it was revoked.')),
  revoke_reason: maybe(Type.String()),
};

/** An access request, as it is answered. */
export const REQUEST = closed({
  request_id: Type.String(),
  status: Type.Enum(['pending', 'approved', 'denied', 'revoked', 'expired']),
  tenant_id: Type.String(),
  requester: Type.String(),
  user_id: Type.String({ description: 'Who would use the grant.' }),
  subjects: people('Whose data; empty = everyone’s.'),
  classifications: Type.Array(Type.Enum([...CLASSIFICATIONS]), { description: 'Empty = all.' }),
  verbs: Type.Array(Type.Enum([...VERBS])),
  resource: maybe(Type.String({ description: 'Glob; null = everything.' })),
  from_region: Type.String(),
  to_region: Type.String(),
  not_before: maybe(moment('As asked for; null = from the approval on.')),
  not_after: maybe(moment('As asked for; null = by duration.')),
  duration_minutes: maybe(Type.Number()),
  max_uses: maybe(Type.Integer()),
  legal_basis: maybe(Type.String()),
  reason: Type.String(),
  ticket: maybe(Type.String()),
  request_hash: HASH,
  approvals: APPROVALS,
  quorum: Type.Integer({ description: 'Approvals that it takes.' }),
  pending_until: moment('When it expires unless it is decided.'),
  grant_id: maybe(Type.String()),
  policy_revision: Type.Integer({ description: 'Of the policies when it was asked.' }),
  created_at: moment('When it was asked.'),
  updated_at: moment('When it changed last.'),
  revision: Type.Integer(),
});

/** A grant, as it is answered. */
export const GRANT = closed({
  grant_id: Type.String(),
  status: Type.Enum(['active', 'exhausted', 'expired', 'revoked'], {
    description: '`exhausted`: every use is made.',
  }),
  source: Type.Enum(['api', 'file']),
  request_id: maybe(Type.String({ description: 'Null: it is kept in a file.' })),
  tenant_id: Type.String(),
  user_id: Type.String({ description: 'Who may use it.' }),
  subjects: people('Whose data; empty = everyone’s.'),
  classifications: Type.Array(Type.Enum([...CLASSIFICATIONS]), { description: 'Empty = all.' }),
  verbs: Type.Array(Type.Enum([...VERBS])),
  resource: maybe(Type.String()),
  from_region: Type.String(),
  to_region: Type.String(),
  not_before: moment('First moment at which it is in force.'),
  not_after: moment('First moment at which it no longer is.'),
  max_uses: maybe(Type.Integer()),
  uses: Type.Integer(),
  uses_left: maybe(Type.Integer({ description: 'Null = without limit.' })),
  reason: Type.String(),
  approved_by: people('Who approved it.'),
  ...REVOCATION,
  revision: Type.Integer({ description: '0: of a file.' }),
});

/** An emergency override, as it is answered. */
export const OVERRIDE = closed({
  override_id: Type.String(),
  status: Type.Enum(['pending', 'active', 'denied', 'revoked', 'expired']),
  tenant_id: Type.String(),
  requester: Type.String(),
  affected_learners: people('Whose data; empty = everyone’s.'),
  source_region: Type.String(),
  target_region: Type.String(),
  duration_hours: Type.Number(),
  reason: Type.String(),
  ticket: maybe(Type.String()),
  request_hash: HASH,
  approvals: APPROVALS,
  quorum: Type.Integer({ description: 'Approvals that it takes.' }),
  pending_until: moment('When it expires unless it is decided.'),
  approve_by: maybe(moment('It is in force already, and lapses then unless it is approved.')),
  not_before: maybe(moment('Since when it is in force.')),
  not_after: maybe(moment('Until when.')),
  uses: Type.Integer(),
  ...REVOCATION,
  review_due_at: maybe(moment('When someone must have reviewed how it was used.')),
  review_overdue: Type.Boolean(),
  reviewed_by: maybe(Type.String()),
  reviewed_at: maybe(moment('When it was reviewed.')),
  review_outcome: maybe(Type.String()),
  policy_revision: Type.Integer({ description: 'Of the policies when it was asked.' }),
  created_at: moment('When it was asked.'),
  updated_at: moment('When it changed last.'),
  revision: Type.Integer(),
});

export type RequestView = Static<typeof REQUEST>;
export type GrantView = Static<typeof GRANT>;
export type OverrideView = Static<typeof OVERRIDE>;
