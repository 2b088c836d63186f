import { setImmediate } from 'node:timers/promises';
import { CompiledQuery, sql, type ExpressionBuilder, type Selectable, type SqlBool, type Transaction } from 'kysely';
import type { Db, Store } from './store.ts';
import type { Tables } from './tables.ts';

export type EvidenceLogRow = Selectable<Tables['evidence_logs']>;
export type EvidenceSpanRow = Selectable<Tables['evidence_spans']>;
export type EvidenceEntryRow = Selectable<Tables['evidence_entries']>;

/** Of a log whose rows are being taken out: nobody adds any meanwhile. */
const FORGETTING = -1;

/** Rows that one statement writes. Nothing else runs meanwhile, so between two of them others go first. */
const ROWS = 32;

/** Rows that one transaction takes out. */
const FORGOTTEN_AT_ONCE = 1000;

export function evidenceLogs(db: Db): Promise<EvidenceLogRow[]> {
  return db.selectFrom('evidence_logs').selectAll().orderBy('origin').execute();
}

/** What a log's index has to gain. */
export interface EvidenceRead {
  readonly size: number;
  readonly root: string;
  /** Each (span, tenant) once; entries of these that are counted already are added to. */
  readonly spans: readonly EvidenceSpanRow[];
  readonly entries: readonly EvidenceEntryRow[];
}

/**
 * Takes the index of a log from where it was to a later size: all of it, or nothing.
 * @returns false where it is no longer as `before` says: somebody else has read on, or it is being forgotten
 */
export function advanceEvidence(store: Store, before: EvidenceLogRow, read: EvidenceRead): Promise<boolean> {
  return store.write(async (db) => {
    const counted = read.spans.reduce((sum, { entries }) => sum + entries, before.counted);
    const { numUpdatedRows } = await db
      .updateTable('evidence_logs')
      .set({ size: read.size, root: read.root, counted, kept: before.kept + read.entries.length })
      .where('origin', '=', before.origin)
      .where('size', '=', before.size)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) return false;
    for (let i = 0; i < read.spans.length; i += ROWS) {
      await addSpans(db, read.spans.slice(i, i + ROWS));
      await setImmediate();
    }
    for (let i = 0; i < read.entries.length; i += ROWS) {
      await addEntries(db, store.kind, read.entries.slice(i, i + ROWS));
      await setImmediate();
    }
    return true;
  });
}

async function addSpans(db: Transaction<Tables>, spans: readonly EvidenceSpanRow[]): Promise<void> {
  await db
    .insertInto('evidence_spans')
    .values(spans)
    .onConflict((conflict) =>
      conflict.columns(['log', 'span', 'tenant']).doUpdateSet({
        first_at: sql<number>`case when excluded.first_at < evidence_spans.first_at
          then excluded.first_at else evidence_spans.first_at end`,
        last_at: sql<number>`case when excluded.last_at > evidence_spans.last_at
          then excluded.last_at else evidence_spans.last_at end`,
        entries: sql<number>`evidence_spans.entries + excluded.entries`,
      }),
    )
    .execute();
}

/** Statements that write so many rows: to have one put together each time takes longer than to run it. */
const INSERTS: Readonly<Record<Store['kind'], Map<number, string>>> = { sqlite: new Map(), postgres: new Map() };

async function addEntries(
  db: Transaction<Tables>,
  kind: Store['kind'],
  rows: readonly EvidenceEntryRow[],
): Promise<void> {
  let insert = INSERTS[kind].get(rows.length);
  if (insert === undefined) {
    insert = insertOf(kind, rows.length);
    INSERTS[kind].set(rows.length, insert);
  }
  const parameters: unknown[] = [];
  for (const row of rows) for (const column of COLUMNS) parameters.push(row[column]);
  await db.executeQuery(CompiledQuery.raw(insert, parameters));
}

function insertOf(kind: Store['kind'], rows: number): string {
  let place = 0;
  const row = () => `(${COLUMNS.map(() => (kind === 'sqlite' ? '?' : `$${++place}`)).join(', ')})`;
  const columns = COLUMNS.map((column) => `"${column}"`).join(', ');
  return `insert into evidence_entries (${columns}) values ${Array.from({ length: rows }, row).join(', ')}`;
}

const COLUMNS = Object.keys({
  log: true,
  seq: true,
  tenant: true,
  at: true,
  kind: true,
  effect: true,
  reason: true,
  classification: true,
  to_region: true,
  from_region: true,
  user: true,
  subject: true,
  request_id: true,
  violation: true,
  crossing: true,
  body: true,
} satisfies Record<keyof EvidenceEntryRow, true>) as readonly (keyof EvidenceEntryRow)[];

/** Whether rows of a log's index have been lost. */
export async function evidenceIsWhole(db: Db, { origin, counted, kept }: EvidenceLogRow): Promise<boolean> {
  const spans = await db
    .selectFrom('evidence_spans')
    .where('log', '=', origin)
    .select(({ fn }) => fn.sum<number | null>('entries').as('entries'))
    .executeTakeFirstOrThrow();
  const entries = await db
    .selectFrom('evidence_entries')
    .where('log', '=', origin)
    .select(({ fn }) => fn.countAll<number>().as('rows'))
    .executeTakeFirstOrThrow();
  return Number(spans.entries ?? 0) === counted && entries.rows === kept;
}

/**
 * Begins the index of a log anew, whether or not there was one; several may do so at once.
 * @param root of the empty tree
 * @param problem why, for people, where it is the log's fault; null: what was known to be wrong with it stays known
 */
export async function restartEvidence(
  store: Store,
  origin: string,
  root: string,
  problem: string | null,
): Promise<void> {
  await store.write(async (db) => {
    const row = { origin, size: FORGETTING, root, counted: 0, kept: 0, problem };
    await db
      .insertInto('evidence_logs')
      .values(row)
      .onConflict((conflict) =>
        conflict.column('origin').doUpdateSet({
          size: FORGETTING,
          root,
          counted: 0,
          kept: 0,
          problem: sql<string | null>`coalesce(excluded.problem, evidence_logs.problem)`,
        }),
      )
      .execute();
  });
  while (await forgetSome(store, origin));
}

/** Whether there may be more. Its row in `evidence_logs` is held to the end: nobody adds meanwhile what this takes out. */
function forgetSome(store: Store, origin: string): Promise<boolean> {
  return store.write(async (db) => {
    const { numUpdatedRows } = await db
      .updateTable('evidence_logs')
      .set({ size: FORGETTING })
      .where('origin', '=', origin)
      .where('size', '=', FORGETTING)
      .executeTakeFirst();
    if (numUpdatedRows !== 1n) return false;
    const spans = db.selectFrom('evidence_spans').select('span').where('log', '=', origin).limit(FORGOTTEN_AT_ONCE);
    const entries = db.selectFrom('evidence_entries').select('seq').where('log', '=', origin).limit(FORGOTTEN_AT_ONCE);
    const { numDeletedRows: gone } = await db
      .deleteFrom('evidence_spans')
      .where('log', '=', origin)
      .where('span', 'in', spans)
      .executeTakeFirst();
    const { numDeletedRows } = await db
      .deleteFrom('evidence_entries')
      .where('log', '=', origin)
      .where('seq', 'in', entries)
      .executeTakeFirst();
    if (gone + numDeletedRows > 0n) return true;
    await db.updateTable('evidence_logs').set({ size: 0 }).where('origin', '=', origin).execute();
    return false;
  });
}

/**
 * Forgets what is kept of entries that the log itself no longer has. Spans stay: they say only whose entries there were.
 * @param from seq of the first, to before `to`
 */
export async function forgetEvidence(store: Store, origin: string, from: number, to: number): Promise<void> {
  const some = await store.db
    .selectFrom('evidence_entries')
    .select('seq')
    .where('log', '=', origin)
    .where('seq', '>=', from)
    .where('seq', '<', to)
    .limit(1)
    .executeTakeFirst();
  if (some === undefined) return;
  await store.write(async (db) => {
    const { numDeletedRows } = await db
      .deleteFrom('evidence_entries')
      .where('log', '=', origin)
      .where('seq', '>=', from)
      .where('seq', '<', to)
      .executeTakeFirst();
    await db
      .updateTable('evidence_logs')
      .set({ kept: sql<number>`kept - ${Number(numDeletedRows)}` })
      .where('origin', '=', origin)
      .execute();
  });
}

/** A place in the order of all entries: by time, then log, then place in the log. */
export interface EvidencePlace {
  readonly at: number;
  readonly log: string;
  readonly seq: number;
}

/** Which entries. What is null is not looked at. Times in milliseconds since the epoch, `from ≤ at < to`. */
export interface EvidenceFilter {
  readonly tenant: string | null;
  readonly from: number;
  readonly to: number;
  readonly subject: string | null;
  readonly user: string | null;
  readonly reason: string | null;
  readonly effect: string | null;
  /** Where it was sent, or from. */
  readonly region: string | null;
  readonly kind: string | null;
  readonly classification: string | null;
}

export interface EvidenceAsked {
  readonly filter: EvidenceFilter;
  /** Null: of all kept ones. */
  readonly view: 'violation' | 'crossing' | null;
  /** Null: of all logs. */
  readonly logs: readonly string[] | null;
  /** Default: the newest first. */
  readonly order?: 'newest' | 'oldest';
  /** Only what comes after it in that order; null: from the beginning. */
  readonly after: EvidencePlace | null;
  readonly limit: number;
}

type EntryConditions = ExpressionBuilder<Tables, 'evidence_entries'>;

/** Kept entries, in order. */
export function evidenceEntries(db: Db, asked: EvidenceAsked): Promise<EvidenceEntryRow[]> {
  const { filter, view, logs, order = 'newest', after } = asked;
  const direction = order === 'newest' ? 'desc' : 'asc';
  const { region } = filter;
  let query = db
    .selectFrom('evidence_entries')
    .selectAll()
    .where('at', '>=', filter.from)
    .where('at', '<', filter.to)
    .orderBy('at', direction)
    .orderBy('log', direction)
    .orderBy('seq', direction)
    .limit(asked.limit);
  for (const column of ['tenant', 'subject', 'user', 'reason', 'effect', 'kind', 'classification'] as const)
    if (filter[column] !== null) query = query.where(column, '=', filter[column]);
  if (region !== null)
    query = query.where(({ or, eb }: EntryConditions) =>
      or([eb('to_region', '=', region), eb('from_region', '=', region)]),
    );
  // A literal: an index of part of a table is used where the statement itself says which part.
  if (view !== null) query = query.where(view, '=', sql.lit(1));
  if (logs !== null) query = query.where('log', 'in', logs);
  if (after !== null) {
    const beyond = sql.raw(order === 'newest' ? '<' : '>');
    query = query.where(sql<SqlBool>`(at, log, seq) ${beyond} (${after.at}, ${after.log}, ${after.seq})`);
  }
  return query.execute();
}

/** Stretches of logs that may have entries of a tenant. */
export interface SpansAsked {
  readonly tenant: string;
  readonly logs: readonly string[];
  /** Milliseconds: they overlap `[from, to)`. */
  readonly from: number;
  readonly to: number;
  /** The last one seen, in the order in which they come. */
  readonly after: EvidenceSpanRow | null;
  readonly limit: number;
}

/** The one whose last entry is the newest comes first. */
export function evidenceSpans(db: Db, asked: SpansAsked): Promise<EvidenceSpanRow[]> {
  const { after } = asked;
  let query = db
    .selectFrom('evidence_spans')
    .selectAll()
    .where('tenant', '=', asked.tenant)
    .where('log', 'in', asked.logs)
    .where('last_at', '>=', asked.from)
    .where('first_at', '<', asked.to)
    .orderBy('last_at', 'desc')
    .orderBy('log', 'desc')
    .orderBy('span', 'desc')
    .limit(asked.limit);
  if (after !== null)
    query = query.where(sql<SqlBool>`(last_at, log, span) < (${after.last_at}, ${after.log}, ${after.span})`);
  return query.execute();
}
