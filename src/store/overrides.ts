import { sql, type Selectable } from 'kysely';
import type { ListOf } from './requests.ts';
import type { Change, Db } from './store.ts';
import type { Tables } from './tables.ts';

export type OverrideRow = Selectable<Tables['overrides']>;

export async function overrideById(db: Db, id: string): Promise<OverrideRow | null> {
  return (await db.selectFrom('overrides').selectAll().where('id', '=', id).executeTakeFirst()) ?? null;
}

/** By id, which is by age. */
export function listOverrides(db: Db, list: ListOf<OverrideRow['state']>): Promise<OverrideRow[]> {
  let query = db.selectFrom('overrides').selectAll().orderBy('id').limit(list.limit);
  if (list.tenant !== null) query = query.where('tenant', '=', list.tenant);
  if (list.state !== null) query = query.where('state', '=', list.state);
  if (list.after !== null) query = query.where('id', '>', list.after);
  return query.execute();
}

/** Pending ones whose time to be decided is over, and active ones whose window is. */
export function endedOverrides(db: Db, now: number): Promise<OverrideRow[]> {
  return db
    .selectFrom('overrides')
    .selectAll()
    .where(({ or, and, eb }) =>
      or([
        and([eb('state', '=', 'pending'), eb('pending_until', '<=', now)]),
        and([eb('state', '=', 'active'), eb('not_after', '<=', now)]),
      ]),
    )
    .limit(100)
    .execute();
}

/** Those that have been used, without their history telling of it. Uses may be told of after the end. */
export function usedOverrides(db: Db): Promise<(OverrideRow & { readonly last_at: number })[]> {
  return db
    .selectFrom('overrides')
    .innerJoin('uses', 'uses.id', 'overrides.id')
    .selectAll('overrides')
    .select('uses.last_at')
    .where('uses.uses', '>', 0)
    .where(({ not, exists }) => not(exists(historyOfOverride(db, 'used'))))
    .limit(100)
    .execute();
}

function historyOfOverride(db: Db, action: string) {
  return db
    .selectFrom('history')
    .select('history.id')
    .where('history.kind', '=', 'override')
    .whereRef('history.id', '=', sql.ref('overrides.id'))
    .where('history.action', '=', action);
}

/** Those whose review is late, without their history telling of it. */
export function unreviewedOverrides(db: Db, now: number): Promise<OverrideRow[]> {
  return db
    .selectFrom('overrides')
    .selectAll('overrides')
    .where('overrides.reviewed_at', 'is', null)
    .where('overrides.review_due_at', '<=', now)
    .where(({ not, exists }) => not(exists(historyOfOverride(db, 'review_overdue'))))
    .limit(100)
    .execute();
}

export async function addOverride(change: Change, row: OverrideRow): Promise<void> {
  await change.db.insertInto('overrides').values(row).execute();
  await change.history('override', row.id, row.tenant, 'requested', row);
  if (row.state === 'active') change.touch(row.tenant);
}

/** What may change of an override. */
export type OverrideChange = Partial<Omit<OverrideRow, 'id' | 'tenant' | 'requester' | 'hash' | 'created_at'>>;

/**
 * Changes an override, and tells the proxies where what is in force changes with it.
 * @returns how it is then; null when it is no longer as `before` says, and then nothing has changed
 */
export async function changeOverride(
  change: Change,
  before: OverrideRow,
  changed: OverrideChange,
  action: string,
): Promise<OverrideRow | null> {
  const set = { ...changed, revision: change.revision, updated_at: change.now };
  const { numUpdatedRows } = await change.db
    .updateTable('overrides')
    .set(set)
    .where('id', '=', before.id)
    .where('state', '=', before.state)
    .where('revision', '=', before.revision)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return null;
  const row = { ...before, ...set };
  await change.history('override', row.id, row.tenant, action, row);
  const inForce = before.state === 'active' || row.state === 'active';
  if (inForce && ('state' in changed || 'body' in changed)) change.touch(row.tenant);
  return row;
}
