import type { Catalogue } from '../region/catalogue.ts';
import type { Grant } from '../policy/model.ts';
import { listPolicies, policyOf, storedPolicy } from '../store/policies.ts';
import type { Db } from '../store/store.ts';
import type { FileIndex } from './files.ts';
import { errorsOf } from './write-checks.ts';

/** Rows or names in one statement. */
const PAGE = 1000;

interface Looking {
  /** Also whether all that is stored still fits the regions and regimes: they have changed. */
  readonly everything: boolean;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

/** Everything in which the store contradicts files, a line for people each. */
export async function conflictsOf(
  db: Db,
  index: FileIndex,
  catalogue: Catalogue,
  { everything, now }: Looking,
): Promise<string[]> {
  const found = [...(await sameIds(db, index)), ...(await equalRanks(db, index, catalogue, now))];
  if (everything)
    found.push(...(await brokenPolicies(db, index, catalogue, now)), ...(await lostWidenings(db, catalogue)));
  return found;
}

async function sameIds(db: Db, index: FileIndex): Promise<string[]> {
  const found: string[] = [];
  const { grants, overrides } = index.files.policySet;
  for (const [table, word, entries] of [
    ['policies', 'policy', [...index.byId.values()]],
    ['grants', 'grant', grants],
    ['overrides', 'override', overrides],
  ] as const) {
    for (const ids of pages(entries.map(({ id }) => id))) {
      const rows = await db.selectFrom(table).select('id').where('id', 'in', ids).orderBy('id').execute();
      for (const { id } of rows)
        found.push(`${word} ${id} of a file and ${word} ${id} of the store have one id: rename the one in the file`);
    }
  }
  return found;
}

async function equalRanks(db: Db, index: FileIndex, catalogue: Catalogue, now: number): Promise<string[]> {
  const found: string[] = [];
  const tenants = [...index.policies.keys()].filter((tenant) => tenant !== null);
  for (const names of pages(tenants)) {
    const rows = await db.selectFrom('policies').selectAll().where('tenant', 'in', names).orderBy('id').execute();
    for (const [tenant, stored] of Map.groupBy(rows.map(storedPolicy), ({ entry }) => entry.tenant_id)) {
      const ofFiles = index.policies.get(tenant) ?? [];
      // The second of a pair is the one that is told of: files first, so that it is the store's.
      const errors = errorsOf([...ofFiles, ...stored.map(policyOf)], catalogue, index.files.policySet.regimes, now);
      for (const { code, path, message } of errors)
        if (code === 'equal_rank' && (path[1] as number) >= ofFiles.length)
          found.push(`policies of the store and of a file: ${message}: remove or disable the one in the file`);
    }
  }
  return found;
}

/** Stored policies that were good by the regions and regimes before. */
async function brokenPolicies(db: Db, index: FileIndex, catalogue: Catalogue, now: number): Promise<string[]> {
  const found: string[] = [];
  let after: string | null = null;
  for (;;) {
    const page = await listPolicies(db, { tenant: null, after, limit: PAGE });
    const policies = page.map(policyOf);
    for (const { code, path, message } of errorsOf(policies, catalogue, index.files.policySet.regimes, now)) {
      const id = policies[path[1] as number]?.id;
      // A page holds tenants in part, whose ranks were told apart when they were written.
      if (code !== 'equal_rank') found.push(`policy ${id} of the store: ${path.slice(2).join('.')} ${message}`);
    }
    after = page.at(-1)?.entry.id ?? null;
    if (page.length < PAGE || after === null) return found;
  }
}

/** Grants and overrides in force whose regions there no longer are. */
async function lostWidenings(db: Db, catalogue: Catalogue): Promise<string[]> {
  const found: string[] = [];
  const look = (what: string, names: readonly string[]) => {
    for (const name of names)
      if (catalogue.find(name) === null) found.push(`${what} of the store: there is no region ${name}`);
  };
  const grants = await db.selectFrom('grants').select(['id', 'body']).where('state', '=', 'active').execute();
  for (const { id, body } of grants) {
    const { fromRegion, toRegion } = JSON.parse(body) as Grant;
    look(`grant ${id}`, [fromRegion, toRegion]);
  }
  const overrides = await db.selectFrom('overrides').select(['id', 'body']).where('state', '=', 'active').execute();
  for (const { id, body } of overrides) {
    const { sourceRegion, targetRegion } = JSON.parse(body) as { sourceRegion: string; targetRegion: string };
    look(`override ${id}`, [sourceRegion, targetRegion]);
  }
  return found;
}

function* pages<T>(list: readonly T[]): Iterable<readonly T[]> {
  for (let i = 0; i < list.length; i += PAGE) yield list.slice(i, i + PAGE);
}
