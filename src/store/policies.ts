import type { Selectable } from 'kysely';
import type { Policy } from '../policy/model.ts';
import { parsePolicyEntry } from '../policy/parse.ts';
import type { PolicyEntry } from '../policy/schema.ts';
import type { Change, Db } from './store.ts';
import type { Tables } from './tables.ts';

/** A policy that the API has made. Times in milliseconds since the epoch. */
export interface StoredPolicy {
  readonly entry: PolicyEntry;
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

export async function policyById(db: Db, id: string): Promise<StoredPolicy | null> {
  const row = await db.selectFrom('policies').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : storedPolicy(row);
}

/** By id. */
export async function policiesOfTenant(db: Db, tenant: string): Promise<StoredPolicy[]> {
  const rows = await db.selectFrom('policies').selectAll().where('tenant', '=', tenant).orderBy('id').execute();
  return rows.map(storedPolicy);
}

/** A page, by id. @param page `tenant` null: of all tenants, and the default policies; `after`: the last id before it */
export async function listPolicies(
  db: Db,
  page: { readonly tenant: string | null; readonly after: string | null; readonly limit: number },
): Promise<StoredPolicy[]> {
  let query = db.selectFrom('policies').selectAll();
  if (page.tenant !== null) query = query.where('tenant', '=', page.tenant);
  if (page.after !== null) query = query.where('id', '>', page.after);
  return (await query.orderBy('id').limit(page.limit).execute()).map(storedPolicy);
}

export async function countPolicies(db: Db): Promise<number> {
  const { count } = await db
    .selectFrom('policies')
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

/** Makes a policy, or puts another in the place of the one with its id. */
export async function putPolicy(change: Change, entry: PolicyEntry): Promise<StoredPolicy> {
  const before = await policyById(change.db, entry.id);
  const set = {
    tenant: entry.tenant_id,
    body: JSON.stringify(entry),
    revision: change.revision,
    updated_at: change.now,
  };
  const createdAt = before?.createdAt ?? change.now;
  await change.db
    .insertInto('policies')
    .values({ id: entry.id, created_at: createdAt, ...set })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(set))
    .execute();
  await change.history('policy', entry.id, entry.tenant_id, before === null ? 'created' : 'updated', entry);
  if (before !== null) touch(change, before.entry);
  touch(change, entry);
  return { entry, revision: change.revision, createdAt, updatedAt: change.now };
}

/** Whether it was there. */
export async function deletePolicy(change: Change, id: string): Promise<boolean> {
  const before = await policyById(change.db, id);
  if (before === null) return false;
  await change.db.deleteFrom('policies').where('id', '=', id).execute();
  await change.history('policy', id, before.entry.tenant_id, 'deleted', null);
  touch(change, before.entry);
  return true;
}

/** A default policy may hold for anybody. */
function touch(change: Change, { tenant_id: tenant }: PolicyEntry): void {
  change.touch(tenant ?? '*');
}

export function storedPolicy(row: Selectable<Tables['policies']>): StoredPolicy {
  const { body, revision, created_at: createdAt, updated_at: updatedAt } = row;
  return { entry: JSON.parse(body) as PolicyEntry, revision, createdAt, updatedAt };
}

/** As it decides. @throws Error when what is stored is no policy: its tenant is then refused as a whole */
export function policyOf({ entry, revision }: StoredPolicy): Policy {
  const { policy, problems } = parsePolicyEntry(entry, revision);
  if (policy !== null) return policy;
  const [problem] = problems;
  throw new Error(`stored policy ${entry.id} cannot be read: ${problem?.path.join('.')} ${problem?.message}`);
}
