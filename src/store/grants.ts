import type { Selectable } from 'kysely';
import type { Grant } from '../policy/model.ts';
import type { ListOf } from './requests.ts';
import type { Change, Db } from './store.ts';
import type { Tables } from './tables.ts';

export type GrantRow = Selectable<Tables['grants']>;

export async function grantById(db: Db, id: string): Promise<GrantRow | null> {
  return (await db.selectFrom('grants').selectAll().where('id', '=', id).executeTakeFirst()) ?? null;
}

/** By id, which is by age. */
export function listGrants(db: Db, list: ListOf<GrantRow['state']>): Promise<GrantRow[]> {
  let query = db.selectFrom('grants').selectAll().orderBy('id').limit(list.limit);
  if (list.tenant !== null) query = query.where('tenant', '=', list.tenant);
  if (list.state !== null) query = query.where('state', '=', list.state);
  if (list.after !== null) query = query.where('id', '>', list.after);
  return query.execute();
}

export function grantOf(body: string): Grant {
  return JSON.parse(body) as Grant;
}

/** Active ones whose window is over. */
export function endedGrants(db: Db, now: number): Promise<GrantRow[]> {
  return db
    .selectFrom('grants')
    .selectAll()
    .where('state', '=', 'active')
    .where('not_after', '<=', now)
    .orderBy('not_after')
    .limit(100)
    .execute();
}

/** Uses without limit are told of a little late: so long after its end a grant is still looked at. */
const LATE = 3_600_000;

/** Those that have been used, without their history telling of it; and so for those that are used up. */
export function usedGrants(db: Db, action: 'used' | 'exhausted', now: number): Promise<GrantRow[]> {
  let query = db
    .selectFrom('grants')
    .innerJoin('uses', 'uses.id', 'grants.id')
    .selectAll('grants')
    .where(({ or, and, eb }) =>
      or([
        eb('grants.state', '=', 'active'),
        and([eb('grants.state', 'in', ['expired', 'revoked']), eb('grants.not_after', '>', now - LATE)]),
      ]),
    )
    .where('uses.uses', '>', 0)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('history')
            .select('history.id')
            .where('history.kind', '=', 'grant')
            .whereRef('history.id', '=', 'grants.id')
            .where('history.action', '=', action),
        ),
      ),
    )
    .limit(100);
  if (action === 'exhausted') query = query.whereRef('uses.uses', '>=', 'grants.max_uses');
  return query.execute();
}

/** Puts a grant in force. */
export async function addGrant(change: Change, row: GrantRow): Promise<void> {
  await change.db.insertInto('grants').values(row).execute();
  await change.history('grant', row.id, row.tenant, 'granted', row);
  change.touch(row.tenant);
}

/** Of a revocation. */
export interface Revocation {
  readonly by: string;
  readonly reason: string | null;
}

/**
 * Ends an active grant: by a revocation, or because its time is over.
 * @returns how it is then; null when it is no longer as `before` says, and then nothing has changed
 */
export async function endGrant(
  change: Change,
  before: GrantRow,
  revocation: Revocation | null,
): Promise<GrantRow | null> {
  const state = revocation === null ? ('expired' as const) : ('revoked' as const);
  const set = {
    state,
    revoked_by: revocation?.by ?? null,
    revoked_at: revocation === null ? null : change.now,
    revoke_reason: revocation?.reason ?? null,
    revision: change.revision,
    updated_at: change.now,
  };
  const { numUpdatedRows } = await change.db
    .updateTable('grants')
    .set(set)
    .where('id', '=', before.id)
    .where('state', '=', 'active')
    .where('revision', '=', before.revision)
    .executeTakeFirst();
  if (numUpdatedRows !== 1n) return null;
  const row = { ...before, ...set };
  await change.history('grant', row.id, row.tenant, state, row);
  change.touch(row.tenant);
  return row;
}
