import type { Classification } from '../core/vocabulary.ts';
import type { Grant, Override } from '../policy/model.ts';
import { storedPolicy, type StoredPolicy } from './policies.ts';
import type { Db } from './store.ts';

/** What the store has that decides about one tenant. */
export interface StoredTenant {
  readonly policies: readonly StoredPolicy[];
  /** Not revoked, not past. */
  readonly grants: readonly Grant[];
  readonly overrides: readonly Override[];
  readonly records: readonly (readonly [resource: string, classification: Classification])[];
}

/** What of an override's row decides is its window, and this of its body. */
type OverrideBody = Pick<Override, 'subjects' | 'sourceRegion' | 'targetRegion' | 'reason' | 'approvedBy'>;

/** Tenants in one statement. */
const TENANTS = 1000;

/**
 * What the store has of each of these tenants, in a few queries however many they are.
 * @param now as `Store.now`: what is past by then is left out
 */
export async function readTenants(
  db: Db,
  tenants: readonly string[],
  now: number,
): Promise<ReadonlyMap<string, StoredTenant>> {
  const found = new Map(tenants.map((tenant) => [tenant, emptyTenant()]));
  const names = [...found.keys()];
  for (let i = 0; i < names.length; i += TENANTS) await readSome(db, names.slice(i, i + TENANTS), now, found);
  return found;
}

type Filling = { [K in keyof StoredTenant]: StoredTenant[K][number][] };

function emptyTenant(): Filling {
  return { policies: [], grants: [], overrides: [], records: [] };
}

async function readSome(
  db: Db,
  tenants: readonly string[],
  now: number,
  found: ReadonlyMap<string, Filling>,
): Promise<void> {
  const at = (tenant: string | null) => found.get(tenant as string) as Filling;
  // At once, since they may have far to go.
  const [policies, grants, overrides, records] = await Promise.all([
    db.selectFrom('policies').selectAll().where('tenant', 'in', tenants).orderBy('id').execute(),
    db
      .selectFrom('grants')
      .select(['tenant', 'body'])
      .where('tenant', 'in', tenants)
      .where('state', '=', 'active')
      .where('not_after', '>', now)
      .orderBy('id')
      .execute(),
    db
      .selectFrom('overrides')
      .select(['id', 'tenant', 'body', 'not_before', 'not_after'])
      .where('tenant', 'in', tenants)
      .where('state', '=', 'active')
      .where('not_after', '>', now)
      .orderBy('id')
      .execute(),
    db
      .selectFrom('records')
      .select(['tenant', 'data_id', 'classification'])
      .where('tenant', 'in', tenants)
      .orderBy('data_id')
      .execute(),
  ]);
  for (const row of policies) at(row.tenant).policies.push(storedPolicy(row));
  for (const { tenant, body } of grants) at(tenant).grants.push(JSON.parse(body) as Grant);
  for (const { id, tenant, body, not_before: notBefore, not_after: notAfter } of overrides) {
    if (notBefore === null || notAfter === null) continue; // not in force before it has a window
    const { subjects, sourceRegion, targetRegion, reason, approvedBy } = JSON.parse(body) as OverrideBody;
    const override = {
      id,
      tenantId: tenant,
      subjects,
      sourceRegion,
      targetRegion,
      notBefore,
      notAfter,
      reason,
      approvedBy,
    };
    at(tenant).overrides.push(override);
  }
  for (const { tenant, data_id, classification } of records)
    at(tenant).records.push([data_id, classification as Classification]);
}
