import type { Classification } from '../core/vocabulary.ts';
import { historyEntry, type HistoryEntry } from './history.ts';
import type { Change, Db } from './store.ts';

/** The class of one resource of a tenant, as it was recorded. */
export interface StoredRecord {
  readonly tenant: string;
  /** The whole resource, percent-decoded. */
  readonly dataId: string;
  readonly classification: Classification;
  /** What else was sent. Plain JSON. */
  readonly body: unknown;
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly updatedAt: number;
}

export async function recordOf(db: Db, tenant: string, dataId: string): Promise<StoredRecord | null> {
  const row = await db
    .selectFrom('records')
    .selectAll()
    .where('tenant', '=', tenant)
    .where('data_id', '=', dataId)
    .executeTakeFirst();
  if (row === undefined) return null;
  const { classification, body, revision, updated_at: updatedAt } = row;
  return {
    tenant,
    dataId,
    classification: classification as Classification,
    body: JSON.parse(body) as unknown,
    revision,
    updatedAt,
  };
}

/** Up to `limit` tenants that have a record of this id, in order. */
export async function tenantsWithRecord(db: Db, dataId: string, limit: number): Promise<string[]> {
  const query = db.selectFrom('records').select('tenant').where('data_id', '=', dataId);
  const rows = await query.orderBy('tenant').limit(limit).execute();
  return rows.map(({ tenant }) => tenant);
}

/** Records a class, in the place of the one before. */
export async function putRecord(
  change: Change,
  { tenant, dataId, classification, body }: Pick<StoredRecord, 'tenant' | 'dataId' | 'classification' | 'body'>,
): Promise<void> {
  const set = { classification, body: JSON.stringify(body), revision: change.revision, updated_at: change.now };
  await change.db
    .insertInto('records')
    .values({ tenant, data_id: dataId, ...set })
    .onConflict((conflict) => conflict.columns(['tenant', 'data_id']).doUpdateSet(set))
    .execute();
  await change.history('record', dataId, tenant, 'classified', { tenant, data_id: dataId, classification, body });
  change.touch(tenant);
}

/** The last thing that was said of a resource's class: a record, or that a lower one is wanted. Null: nothing. */
export async function lastSaid(db: Db, tenant: string, dataId: string): Promise<HistoryEntry | null> {
  const row = await db
    .selectFrom('history')
    .selectAll()
    .where('kind', '=', 'record')
    .where('id', '=', dataId)
    .where('tenant', '=', tenant)
    .orderBy('revision', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? null : historyEntry(row);
}
