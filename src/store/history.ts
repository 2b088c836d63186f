import type { Selectable } from 'kysely';
import type { Db } from './store.ts';
import type { ObjectKind, Tables } from './tables.ts';

/** What an object was after one change. */
export interface HistoryEntry {
  readonly revision: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly actor: string;
  readonly requestId: string;
  readonly action: string;
  readonly tenant: string | null;
  /** Null: it was gone. */
  readonly body: unknown;
}

/**
 * A page of an object's history, the latest change first.
 * @param page `before`: revision of the last entry of the page before; `tenant`: only what the object was as this tenant's,
 *   whoever had its id else; null or left out: all of it
 */
export async function historyOf(
  db: Db,
  kind: ObjectKind,
  id: string,
  page: { readonly before: number | null; readonly limit: number; readonly tenant?: string | null },
): Promise<HistoryEntry[]> {
  let query = db.selectFrom('history').selectAll().where('kind', '=', kind).where('id', '=', id);
  if (page.tenant !== undefined && page.tenant !== null) query = query.where('tenant', '=', page.tenant);
  if (page.before !== null) query = query.where('revision', '<', page.before);
  const rows = await query.orderBy('revision', 'desc').limit(page.limit).execute();
  return rows.map(historyEntry);
}

export function historyEntry(row: Selectable<Tables['history']>): HistoryEntry {
  const { revision, at, actor, request_id: requestId, action, tenant, body } = row;
  return { revision, at, actor, requestId, action, tenant, body: body === null ? null : (JSON.parse(body) as unknown) };
}
