import { sql, type Transaction } from 'kysely';
import type { Db } from './store.ts';
import type { Tables } from './tables.ts';

/** Rows kept: at a change a second, more than a day. */
const KEPT = 100_000;

/** It is pruned once in so many revisions. */
const PRUNED_EACH = 1000;

/** Rows that one statement writes: three parameters each, of some 30,000 that SQLite takes. */
const ROWS = 5000;

/** Revision of the last change. */
export async function currentRevision(db: Db): Promise<number> {
  return Number(await metaNumber(db, 'revision'));
}

/** Takes the next revision: from here to the end of the transaction no other change can. */
export async function takeRevision(db: Transaction<Tables>): Promise<number> {
  const { value } = await db
    .updateTable('meta')
    .set({ value: sql<string>`cast(cast(value as bigint) + 1 as text)` })
    .where('key', '=', 'revision')
    .returning('value')
    .executeTakeFirstOrThrow();
  return Number(value);
}

/** Writes down whose bundles a change touches, and from time to time forgets the oldest. */
export async function writeOutbox(
  db: Transaction<Tables>,
  revision: number,
  tenants: ReadonlySet<string>,
  at: number,
): Promise<void> {
  const rows = Array.from(tenants, (tenant) => ({ revision, tenant, at }));
  for (let i = 0; i < rows.length; i += ROWS)
    await db
      .insertInto('outbox')
      .values(rows.slice(i, i + ROWS))
      .execute();
  if (revision % PRUNED_EACH === 0) await pruneOutbox(db, KEPT);
}

/** Keeps the newest `kept` rows, and what else is of the same revision as the oldest of them. */
export async function pruneOutbox(db: Transaction<Tables>, kept: number): Promise<void> {
  const oldest = await db
    .selectFrom('outbox')
    .select('revision')
    .orderBy('revision', 'desc')
    .limit(1)
    .offset(kept)
    .executeTakeFirst();
  if (oldest === undefined) return;
  await db.deleteFrom('outbox').where('revision', '<=', oldest.revision).execute();
  await db
    .updateTable('meta')
    .set({ value: String(oldest.revision) })
    .where('key', '=', 'outbox_floor')
    .execute();
}

/** As `Store.touchedSince`. */
export async function touchedSince(
  db: Db,
  since: number,
): Promise<{ readonly revision: number; readonly tenants: readonly string[] } | null> {
  // In this order: what is changed meanwhile may be among the tenants, but is not said to be; and what is pruned
  // meanwhile is found missing.
  const revision = await currentRevision(db);
  const rows = await db.selectFrom('outbox').select('tenant').distinct().where('revision', '>', since).execute();
  const floor = await metaNumber(db, 'outbox_floor');
  // A revision of the future is one of a store that has since been put back to an older state.
  if (since < floor || since > revision) return null;
  return { revision, tenants: rows.map(({ tenant }) => tenant) };
}

async function metaNumber(db: Db, key: 'revision' | 'outbox_floor'): Promise<number> {
  const { value } = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirstOrThrow();
  return Number(value);
}
