import type { Selectable } from 'kysely';
import type { Change, Db } from './store.ts';
import type { Tables } from './tables.ts';

export type ApprovalRow = Selectable<Tables['approvals']>;

/** What people have said on a request or an override, the first word first. */
export function approvalsOf(db: Db, kind: ApprovalRow['kind'], ids: readonly string[]): Promise<ApprovalRow[]> {
  if (ids.length === 0) return Promise.resolve([]);
  return db
    .selectFrom('approvals')
    .selectAll()
    .where('kind', '=', kind)
    .where('id', 'in', ids)
    .orderBy('at')
    .orderBy('by')
    .execute();
}

/** One person's word, once: a second one of the same person breaks the key and undoes the change. */
export async function addApproval(change: Change, row: ApprovalRow): Promise<void> {
  await change.db.insertInto('approvals').values(row).execute();
}
