import type { Selectable } from 'kysely';
import type { Change, Db } from './store.ts';
import type { Tables } from './tables.ts';

export type TokenRow = Selectable<Tables['tokens']>;

/** What was made, whether it still holds or not: the caller looks at `expires_at` and `revoked_at`. */
export async function tokenByHash(db: Db, hash: string): Promise<TokenRow | null> {
  return (await db.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst()) ?? null;
}

/** All of them, the oldest first; with a tenant, those that are for it alone. */
export function listTokens(db: Db, tenant: string | null): Promise<TokenRow[]> {
  const query = db.selectFrom('tokens').selectAll().orderBy('created_at').orderBy('id');
  return (tenant === null ? query : query.where('tenant', '=', tenant)).execute();
}

/** Whether one was ever made. */
export async function hasTokens(db: Db): Promise<boolean> {
  return (await db.selectFrom('tokens').select('id').limit(1).executeTakeFirst()) !== undefined;
}

/** Who holds a token of this role that is good for the tenant, each once: by them a quorum could be met. */
export async function subjectsOfRole(db: Db, role: string, tenant: string, now: number): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('tokens')
    .select('subject')
    .where('role', '=', role)
    .where('revoked_at', 'is', null)
    .where(({ or, eb }) => or([eb('tenant', 'is', null), eb('tenant', '=', tenant)]))
    .where(({ or, eb }) => or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
    .execute();
  return new Set(rows.map(({ subject }) => subject));
}

export async function addToken(
  change: Change,
  token: Omit<TokenRow, 'created_at' | 'created_by' | 'revoked_at'>,
): Promise<TokenRow> {
  const row = { ...token, created_at: change.now, created_by: change.who.actor, revoked_at: null };
  await change.db.insertInto('tokens').values(row).execute();
  await change.history('token', row.id, row.tenant, 'created', told(row));
  return row;
}

/** Whether there was one to revoke. */
export async function revokeToken(change: Change, id: string): Promise<boolean> {
  const row = await change.db
    .updateTable('tokens')
    .set({ revoked_at: change.now })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  if (row === undefined) return false;
  await change.history('token', id, row.tenant, 'revoked', told(row));
  return true;
}

/** The history tells of a token without its hash: what is not there is not in the JSON. */
function told(row: TokenRow): object {
  return { ...row, hash: undefined };
}
