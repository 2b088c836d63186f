import { sql, type RawBuilder, type SqlBool } from 'kysely';
import type { Problem } from '../core/problem.ts';
import type { Policy, RegionTable } from '../policy/model.ts';
import { parsePolicyEntry } from '../policy/parse.ts';
import type { RegimeRecord } from '../policy/policy-set.ts';
import type { PolicyEntry } from '../policy/schema.ts';
import { validatePolicySet } from '../policy/validate.ts';
import { Catalogue } from '../region/catalogue.ts';
import type { RegionEntry } from '../region/schema.ts';
import { policiesOfTenant, policyById, policyOf, storedPolicy, type StoredPolicy } from '../store/policies.ts';
import type { Db } from '../store/store.ts';
import type { FileIndex, FilesInForce } from './files.ts';
import { holderOf, parseRegionEntry, type LaidRegions } from './laid-regions.ts';

/** Something against what is to be written. */
export interface WriteProblem {
  readonly code: string;
  /** Where in the entry, with the names of our files; empty: all of it. */
  readonly path: readonly (string | number)[];
  /** What is wrong, and what to do about it. */
  readonly message: string;
  /** It is good in itself, and contradicts something else that there is: a 409. */
  readonly conflict: boolean;
}

/** As the database stands for whoever writes, and when: a change, for one. */
export interface At {
  readonly db: Db;
  /** Milliseconds since the epoch, by the store's clock. */
  readonly now: number;
}

/** As `Registry.check`. */
export async function checkPolicy(
  { db, now }: At,
  entry: PolicyEntry,
  before: string | null,
  { index, catalogue }: { readonly index: FileIndex; readonly catalogue: Catalogue },
): Promise<WriteProblem[]> {
  const { policy, problems } = parsePolicyEntry(entry, 0);
  if (policy === null) return problems.map(wrong);
  const found = await checkNames(db, policy, before, index);
  const stored = policy.tenantId === null ? [] : await policiesOfTenant(db, policy.tenantId);
  const others = [
    ...(index.policies.get(policy.tenantId) ?? []),
    ...stored.map(policyOf).filter(({ id }) => id !== policy.id),
  ];
  const inSet = errorsOf([...others, policy], catalogue, index.files.policySet.regimes, now);
  for (const problem of inSet) {
    if (problem.path[1] !== others.length || problem.code === 'duplicate_policy') continue;
    if (problem.code === 'equal_rank') found.push(conflict('equal_rank', [], `${problem.message}; ${problem.fix}`));
    else found.push(wrong({ ...problem, path: problem.path.slice(2) }));
  }
  if (policy.id === index.files.defaultPolicy) {
    const named = `default_policy in domicile.yaml names ${policy.id}`;
    if (policy.tenantId !== null) found.push(conflict('default_policy', ['tenant_id'], `${named}: it has no tenant`));
    if (!policy.enabled) found.push(conflict('default_policy', ['enabled'], `${named}: it stays enabled`));
  }
  return found;
}

/** As `Registry.checkDeletion`. */
export function checkPolicyDeletion(id: string, files: FilesInForce): WriteProblem[] {
  if (id !== files.defaultPolicy) return [];
  return [conflict('default_policy', [], `default_policy in domicile.yaml names ${id}: name another one there first`)];
}

/**
 * Ids are unique among all policies, and none is made with that of a tenant: `GET /policies/X` takes either. A tenant that
 * comes later is not kept out by somebody's policy of its name: there the policy goes first.
 */
async function checkNames(db: Db, { id, tenantId }: Policy, before: string | null, index: FileIndex) {
  const found: WriteProblem[] = [];
  if (index.byId.has(id))
    found.push(conflict('policy_of_file', ['id'], `${id} is the id of a policy that is kept in a file: take another`));
  else if (id !== before && (await policyById(db, id)) !== null)
    found.push(
      conflict('duplicate_policy', ['id'], `there is another policy ${id}: take another id, or change that one`),
    );
  if (id === tenantId || index.policies.has(id) || (await hasPolicies(db, id)))
    found.push(conflict('id_of_tenant', ['id'], `${id} is the id of a tenant: take another`));
  return found;
}

async function hasPolicies(db: Db, tenant: string): Promise<boolean> {
  const query = db.selectFrom('policies').select('id').where('tenant', '=', tenant).limit(1);
  return (await query.executeTakeFirst()) !== undefined;
}

/** As `Registry.checkRegion`. */
export async function checkRegion(
  { db, now }: At,
  entry: RegionEntry,
  before: string | null,
  { files, laid }: { readonly files: FilesInForce; readonly laid: LaidRegions },
): Promise<WriteProblem[]> {
  const parsed = parseRegionEntry(entry, 'inactive', files.credentials, files.catalogue);
  const found = parsed.problems.map(wrong);
  const { regions } = laid.catalogue;
  const holder = holderOf(
    regions.filter(({ id }) => id !== before),
    entry,
  );
  if (holder !== null) {
    const key = holder.id === entry.id || holder.cloudRegion === entry.id ? 'id' : 'cloud_region';
    const message = `${entry[key]} already names the region ${holder.id} (${holder.cloudRegion}): take another name`;
    return [...found, conflict('duplicate_region', [key], message)];
  }
  const old = regions.find(({ id }) => id === before);
  if (old === undefined) return found;
  const catalogue = new Catalogue(
    regions.map((region) => (region === old ? { ...parsed.region, index: old.index } : region)),
  );
  for (const policy of await policiesNaming(db, old))
    for (const { path, message } of errorsOf([policyOf(policy)], catalogue, files.policySet.regimes, now))
      found.push(
        conflict('breaks_policy', [], `policy ${policy.entry.id} would break: ${path.slice(2).join('.')} ${message}`),
      );
  const renamed = [old.id, old.cloudRegion].some((name) => catalogue.find(name) === null);
  if (renamed)
    for (const widening of await wideningsNaming(db, old))
      found.push(conflict('breaks_widening', [], `${widening} names ${old.id} (${old.cloudRegion}): keep both names`));
  return found;
}

/** As `Registry.namingRegion`. */
export async function namingRegion(db: Db, region: Named): Promise<string[]> {
  const policies = await policiesNaming(db, region);
  return [...policies.map(({ entry }) => `policy ${entry.id}`), ...(await wideningsNaming(db, region))];
}

interface Named {
  readonly id: string;
  readonly cloudRegion: string;
}

async function policiesNaming(db: Db, region: Named): Promise<StoredPolicy[]> {
  const rows = await db.selectFrom('policies').selectAll().where(mentions(region)).orderBy('id').execute();
  return rows.map(storedPolicy).filter(({ entry }) => {
    const { primary_region, allowed_regions, secondary_regions, prohibited_regions } = entry;
    const names = [primary_region, ...allowed_regions, ...secondary_regions, ...prohibited_regions];
    return names.includes(region.id) || names.includes(region.cloudRegion);
  });
}

/** Also what is not decided yet: it may come to be in force. */
async function wideningsNaming(db: Db, region: Named): Promise<string[]> {
  const found: string[] = [];
  for (const [table, word] of [
    ['requests', 'access request'],
    ['grants', 'grant'],
    ['overrides', 'override'],
  ] as const) {
    const { rows } = await sql<{ id: string }>`select id from ${sql.table(table)}
      where state in ('pending', 'active') and ${mentions(region)} order by id`.execute(db);
    found.push(...rows.map(({ id }) => `${word} ${id}`));
  }
  return found;
}

/** Whether a JSON document has one of a region's names as a text somewhere. */
function mentions({ id, cloudRegion }: Named): RawBuilder<SqlBool> {
  return sql`(body like ${`%"${id}"%`} or body like ${`%"${cloudRegion}"%`})`;
}

/** What is wrong with policies, also together. Paths begin with `policies` and the place in the list. */
export function errorsOf(
  policies: readonly Policy[],
  table: RegionTable,
  regimes: readonly RegimeRecord[],
  now: number,
): readonly Problem[] {
  const options = { now, defaultPolicy: null, unreadPolicies: NONE, unreadRegimes: NONE };
  return validatePolicySet({ policies, grants: [], overrides: [], regimes }, table, options).filter(
    ({ path, severity }) => path[0] === 'policies' && severity !== 'warning',
  );
}

const NONE: ReadonlySet<string> = new Set();

function wrong({ code, path, message, fix }: Problem): WriteProblem {
  return { code, path, message: `${message}; ${fix}`, conflict: false };
}

function conflict(code: string, path: WriteProblem['path'], message: string): WriteProblem {
  return { code, path, message, conflict: true };
}
