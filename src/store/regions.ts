import type { RegionStatus } from '../core/vocabulary.ts';
import type { RegionEntry } from '../region/schema.ts';
import type { Change, Db } from './store.ts';

/** A region made by the API, or the status that is laid over one of the file. Times in milliseconds since the epoch. */
export interface StoredRegion {
  readonly id: string;
  readonly status: RegionStatus;
  /** As regions.yaml would have it; its own `status` counts for nothing. Null: the region is the file's. */
  readonly entry: RegionEntry | null;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The oldest first. */
export async function listRegions(db: Db): Promise<StoredRegion[]> {
  const rows = await db.selectFrom('regions').selectAll().orderBy('created_at').orderBy('id').execute();
  return rows.map(({ id, status, body, revision, created_at: createdAt, updated_at: updatedAt }) => {
    const entry = body === null ? null : (JSON.parse(body) as RegionEntry);
    return { id, status, entry, revision, createdAt, updatedAt };
  });
}

/** Makes a region, changes one, or lays a status over one of the file. @param action such as `created`, `drained` */
export async function putRegion(
  change: Change,
  { id, status, entry }: Pick<StoredRegion, 'id' | 'status' | 'entry'>,
  action: string,
): Promise<void> {
  const set = {
    source: entry === null ? ('file' as const) : ('api' as const),
    status,
    body: entry === null ? null : JSON.stringify(entry),
    revision: change.revision,
    updated_at: change.now,
  };
  await change.db
    .insertInto('regions')
    .values({ id, created_at: change.now, ...set })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(set))
    .execute();
  await change.history('region', id, null, action, { id, status, entry });
  change.touch('*');
}

/** Whether it was there. */
export async function deleteRegion(change: Change, id: string): Promise<boolean> {
  const { numDeletedRows } = await change.db.deleteFrom('regions').where('id', '=', id).executeTakeFirst();
  if (numDeletedRows === 0n) return false;
  await change.history('region', id, null, 'deleted', null);
  change.touch('*');
  return true;
}
