import { sql } from 'kysely';
import type { Migration } from './migrate.ts';

/**
 * SQL that means the same to SQLite and PostgreSQL, one statement each. Texts compare by their bytes, as they do in SQLite:
 * not in the order of whatever language the database was made with.
 */
function statements(...texts: readonly string[]): Migration {
  return async (db, kind) => {
    for (const text of texts) {
      const statement = kind === 'postgres' ? text.replaceAll(/\btext\b/g, 'text collate "C"') : text;
      await sql.raw(statement).execute(db);
    }
  };
}

/** What made each schema from the one before. Only ever added to: databases stand at every one of them. */
export const MIGRATIONS: readonly Migration[] = [
  statements(
    `insert into meta values ('revision', '0'), ('outbox_floor', '0')`,

    `create table outbox (revision bigint not null, tenant text not null, at bigint not null,
       primary key (revision, tenant))`,

    `create table history (kind text not null, id text not null, revision bigint not null, at bigint not null,
       actor text not null, request_id text not null, action text not null, tenant text, body text)`,
    `create index history_of on history (kind, id, revision)`,

    `create table policies (id text not null primary key, tenant text, body text not null, revision bigint not null,
       created_at bigint not null, updated_at bigint not null)`,
    `create index policies_of on policies (tenant, id)`,

    `create table regions (id text not null primary key, source text not null, status text not null, body text,
       revision bigint not null, created_at bigint not null, updated_at bigint not null)`,

    `create table records (tenant text not null, data_id text not null, classification text not null,
       body text not null, revision bigint not null, updated_at bigint not null, primary key (tenant, data_id))`,
    `create index records_of on records (data_id)`,

    `create table requests (id text not null primary key, tenant text not null, requester text not null,
       state text not null, body text not null, hash text not null, grant_id text, pending_until bigint not null,
       revision bigint not null, created_at bigint not null, updated_at bigint not null)`,
    `create index requests_of on requests (tenant, state)`,
    `create index requests_due on requests (state, pending_until)`,

    `create table overrides (id text not null primary key, tenant text not null, requester text not null,
       state text not null, body text not null, hash text not null, not_before bigint, not_after bigint,
       pending_until bigint not null, approve_by bigint, revoked_by text, revoked_at bigint, revoke_reason text,
       review_due_at bigint, reviewed_by text, reviewed_at bigint, review_outcome text, revision bigint not null,
       created_at bigint not null, updated_at bigint not null)`,
    `create index overrides_of on overrides (tenant, state)`,
    `create index overrides_due on overrides (state, pending_until)`,
    `create index overrides_ending on overrides (state, not_after)`,

    `create table grants (id text not null primary key, tenant text not null,
       request_id text not null references requests (id), state text not null, body text not null,
       not_before bigint not null, not_after bigint not null, max_uses bigint, revoked_by text, revoked_at bigint,
       revoke_reason text, revision bigint not null, created_at bigint not null, updated_at bigint not null)`,
    `create index grants_of on grants (tenant, state)`,
    `create index grants_ending on grants (state, not_after)`,
    `create index grants_from on grants (request_id)`,

    `create table approvals (kind text not null, id text not null, "by" text not null, approved bigint not null,
       reason text not null, hash text not null, at bigint not null, primary key (kind, id, "by"))`,

    `create table uses (id text not null primary key, uses bigint not null, last_at bigint not null)`,

    `create table tokens (id text not null primary key, hash text not null unique, role text not null, tenant text,
       subject text not null, expires_at bigint, created_at bigint not null, created_by text not null,
       revoked_at bigint)`,

    `create table idempotency (principal text not null, path text not null, "key" text not null,
       body_hash text not null, status bigint not null, answer text not null, at bigint not null,
       primary key (principal, path, "key"))`,
    `create index idempotency_at on idempotency (at)`,

    `create table events (id text not null primary key, kind text not null, tenant text, object_id text not null,
       body text not null, at bigint not null)`,
    `create index events_at on events (at)`,

    `create table deliveries (event_id text not null references events (id), url text not null,
       attempts bigint not null, next_at bigint not null, delivered_at bigint, last_error text,
       primary key (event_id, url))`,
    `create index deliveries_due on deliveries (next_at) where delivered_at is null`,
  ),

  statements(
    `create table evidence_logs (origin text not null primary key, size bigint not null, root text not null,
       counted bigint not null, kept bigint not null, problem text)`,

    `create table evidence_spans (log text not null, span bigint not null, tenant text not null,
       first_at bigint not null, last_at bigint not null, entries bigint not null, primary key (log, span, tenant))`,
    `create index evidence_spans_of on evidence_spans (tenant, last_at, log, span)`,

    `create table evidence_entries (log text not null, seq bigint not null, tenant text not null, at bigint not null,
       kind text not null, effect text, reason text, classification text, to_region text, from_region text,
       "user" text, subject text, request_id text not null, violation bigint not null, crossing bigint not null,
       body text not null, primary key (log, seq))`,
    `create index evidence_entries_of on evidence_entries (tenant, at, log, seq)`,
    `create index evidence_violations on evidence_entries (at, log, seq) where violation = 1`,
    `create index evidence_violations_of on evidence_entries (tenant, at, log, seq) where violation = 1`,
    `create index evidence_crossings on evidence_entries (at, log, seq) where crossing = 1`,
    `create index evidence_crossings_of on evidence_entries (tenant, at, log, seq) where crossing = 1`,
  ),
];
