import type { Selectable } from 'kysely';
import type { Change, Db } from './store.ts';
import type { Tables } from './tables.ts';

export type RequestRow = Selectable<Tables['requests']>;

export async function requestById(db: Db, id: string): Promise<RequestRow | null> {
  return (await db.selectFrom('requests').selectAll().where('id', '=', id).executeTakeFirst()) ?? null;
}

/** Which of them a list shows; null: all. */
export interface ListOf<State> {
  readonly tenant: string | null;
  readonly state: State | null;
  /** The last id of the page before, or null. */
  readonly after: string | null;
  readonly limit: number;
}

/** By id, which is by age. */
export function listRequests(db: Db, list: ListOf<RequestRow['state']>): Promise<RequestRow[]> {
  let query = db.selectFrom('requests').selectAll().orderBy('id').limit(list.limit);
  if (list.tenant !== null) query = query.where('tenant', '=', list.tenant);
  if (list.state !== null) query = query.where('state', '=', list.state);
  if (list.after !== null) query = query.where('id', '>', list.after);
  return query.execute();
}

/** Pending ones whose time to be decided is over. */
export function lapsedRequests(db: Db, now: number): Promise<RequestRow[]> {
  return db
    .selectFrom('requests')
    .selectAll()
    .where('state', '=', 'pending')
    .where('pending_until', '<=', now)
    .orderBy('pending_until')
    .limit(100)
    .execute();
}

export async function addRequest(change: Change, row: RequestRow): Promise<void> {
  await change.db.insertInto('requests').values(row).execute();
  await change.history('request', row.id, row.tenant, 'requested', row);
}

/**
 * Closes a pending request.
 * @returns how it is then; null when it is no longer as `before` says, and then nothing has changed
 */
export function closeRequest(
  change: Change,
  before: RequestRow,
  state: Exclude<RequestRow['state'], 'pending'>,
  grantId: string | null,
): Promise<RequestRow | null> {
  return changeRequest(change, before, { state, grant_id: grantId }, state);
}

/** Notes an approval of a pending request that waits for more of them. @returns as `closeRequest` */
export function noteApproval(change: Change, before: RequestRow): Promise<RequestRow | null> {
  return changeRequest(change, before, {}, 'approval');
}

async function changeRequest(
  change: Change,
  before: RequestRow,
  changed: Partial<Pick<RequestRow, 'state' | 'grant_id'>>,
  action: string,
): Promise<RequestRow | null> {
  const set = { ...changed, revision: change.revision, updated_at: change.now };
  const { numUpdatedRows } = await change.db
    .updateTable('requests')
    .set(set)
    .where('id', '=', before.id)
    .where('state', '=', 'pending')
    .where('revision', '=', before.revision)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return null;
  const row = { ...before, ...set };
  await change.history('request', row.id, row.tenant, action, row);
  return row;
}
