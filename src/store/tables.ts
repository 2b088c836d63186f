/**
 * The tables, alike in SQLite and PostgreSQL. Moments are milliseconds since the epoch, revisions whole numbers (`bigint`,
 * read as numbers), truths 0 or 1, documents JSON text. A `revision` is that of the change that wrote the row last.
 */
export interface Tables {
  meta: MetaTable;
  outbox: OutboxTable;
  history: HistoryTable;
  policies: PolicyTable;
  regions: RegionTable;
  records: RecordTable;
  requests: RequestTable;
  overrides: OverrideTable;
  grants: GrantTable;
  approvals: ApprovalTable;
  uses: UseTable;
  tokens: TokenTable;
  idempotency: IdempotencyTable;
  events: EventTable;
  deliveries: DeliveryTable;
  evidence_logs: EvidenceLogTable;
  evidence_spans: EvidenceSpanTable;
  evidence_entries: EvidenceEntryTable;
}

/** Single values: `revision`, `schema`, keys that the store keeps for the control plane. */
interface MetaTable {
  key: string;
  value: string;
}

/** Whose bundle each change touches, in order. `tenant` `*`: everybody's, and the catalogue. */
interface OutboxTable {
  revision: number;
  tenant: string;
  at: number;
}

/** What every object was, from its first revision to its last: nothing is ever taken out. */
interface HistoryTable {
  kind: ObjectKind;
  id: string;
  revision: number;
  at: number;
  actor: string;
  request_id: string;
  action: string;
  /** Null: of no tenant. */
  tenant: string | null;
  /** The object after the change, or null where it is gone. */
  body: string | null;
}

export type ObjectKind = 'policy' | 'region' | 'record' | 'request' | 'grant' | 'override' | 'token' | 'files';

interface PolicyTable {
  id: string;
  /** Null: a default policy. */
  tenant: string | null;
  /** A policy as a file would have it (`PolicyEntry` of policy/schema.ts), with every default filled in. */
  body: string;
  revision: number;
  created_at: number;
  updated_at: number;
}

/** A region made by the API, or the status of one of the file, laid over it. */
interface RegionTable {
  id: string;
  source: 'api' | 'file';
  status: 'active' | 'draining' | 'inactive';
  /** A region as a file would have it, without its status; null for one of the file. */
  body: string | null;
  revision: number;
  created_at: number;
  updated_at: number;
}

/** The class of a resource, as `data/classify` recorded it. */
interface RecordTable {
  tenant: string;
  data_id: string;
  classification: string;
  /** The rest of what was sent. */
  body: string;
  revision: number;
  updated_at: number;
}

interface RequestTable {
  id: string;
  tenant: string;
  requester: string;
  state: 'pending' | 'approved' | 'denied' | 'revoked' | 'expired';
  /** What is asked for, as it was asked: never written again. */
  body: string;
  /** SHA-256 of `body`, hexadecimal: what approvals bind. */
  hash: string;
  grant_id: string | null;
  pending_until: number;
  revision: number;
  created_at: number;
  updated_at: number;
}

interface OverrideTable {
  id: string;
  tenant: string;
  requester: string;
  state: 'pending' | 'active' | 'denied' | 'revoked' | 'expired';
  body: string;
  hash: string;
  /** Set once it is active. */
  not_before: number | null;
  not_after: number | null;
  pending_until: number;
  /** After-the-fact approval is due until then; null: it was approved before. */
  approve_by: number | null;
  revoked_by: string | null;
  revoked_at: number | null;
  revoke_reason: string | null;
  review_due_at: number | null;
  reviewed_by: string | null;
  reviewed_at: number | null;
  review_outcome: string | null;
  revision: number;
  created_at: number;
  updated_at: number;
}

interface GrantTable {
  id: string;
  tenant: string;
  request_id: string;
  state: 'active' | 'revoked' | 'expired';
  /** A `Grant` of policy/model.ts. */
  body: string;
  not_before: number;
  not_after: number;
  max_uses: number | null;
  revoked_by: string | null;
  revoked_at: number | null;
  revoke_reason: string | null;
  revision: number;
  created_at: number;
  updated_at: number;
}

/** One person's word on a request or an override; one for each person. */
interface ApprovalTable {
  kind: 'request' | 'override';
  id: string;
  by: string;
  approved: number;
  reason: string;
  /** What it was given for. */
  hash: string;
  at: number;
}

/** Uses of a grant or override, also of one that is kept as a file. */
interface UseTable {
  id: string;
  uses: number;
  last_at: number;
}

interface TokenTable {
  id: string;
  /** SHA-256 of the token, hexadecimal. */
  hash: string;
  role: string;
  /** Null: all tenants. */
  tenant: string | null;
  subject: string;
  expires_at: number | null;
  created_at: number;
  created_by: string;
  revoked_at: number | null;
}

interface IdempotencyTable {
  principal: string;
  path: string;
  key: string;
  body_hash: string;
  status: number;
  answer: string;
  at: number;
}

/** What webhooks are told of. */
interface EventTable {
  id: string;
  kind: string;
  tenant: string | null;
  object_id: string;
  body: string;
  at: number;
}

interface DeliveryTable {
  event_id: string;
  url: string;
  attempts: number;
  next_at: number;
  delivered_at: number | null;
  last_error: string | null;
}

/** How far the index of each log of evidence has come. What it says is in the log itself: the index can be made anew. */
interface EvidenceLogTable {
  origin: string;
  /** Entries read; -1: what was known of it is being forgotten. */
  size: number;
  /** Base64 of the root of the tree of that size. */
  root: string;
  /** Entries counted in `evidence_spans`, and rows in `evidence_entries`: fewer are there only where some were lost. */
  counted: number;
  kept: number;
  /** What is wrong with the log, for people; null: nothing is known. */
  problem: string | null;
}

/** Whose entries a stretch of a log has, and of when: 4,096 entries each, the `span`-th. */
interface EvidenceSpanTable {
  log: string;
  span: number;
  /** Empty: nobody's. */
  tenant: string;
  first_at: number;
  last_at: number;
  entries: number;
}

/** An entry that people look for: all but requests that were allowed and stayed where their data is. */
interface EvidenceEntryTable {
  log: string;
  seq: number;
  tenant: string;
  at: number;
  kind: string;
  effect: string | null;
  reason: string | null;
  classification: string | null;
  /** Where it was sent, or may go. */
  to_region: string | null;
  /** Where the caller was, or the data is pinned. */
  from_region: string | null;
  user: string | null;
  subject: string | null;
  request_id: string;
  /** 1: it went, or would have gone, against the policy. */
  violation: number;
  /** 1: it crossed a border, or has to do with leave to do so. */
  crossing: number;
  /** The entry as it is in the log. */
  body: string;
}
