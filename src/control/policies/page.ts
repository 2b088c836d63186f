import type { Policy } from '../../policy/model.ts';
import { listPolicies } from '../../store/policies.ts';
import type { ControlContext } from '../context.ts';
import type { FilesInForce } from '../files.ts';
import { pageFrom } from '../page.ts';
import { fileView, storedView } from './views.ts';

/** Policies of files and store together, by id. @param tenant null: of all tenants, and the default policies */
export async function pageOfPolicies(
  { registry, store }: Pick<ControlContext, 'registry' | 'store'>,
  tenant: string | null,
  after: string | null,
  limit: number,
) {
  const page = { tenant, after, limit: limit + 1 };
  const ofFiles = policiesOfFiles(registry.files, page).map(fileView);
  const ofStore = (await listPolicies(store.db, page)).map(storedView);
  const found = [...ofFiles, ...ofStore].sort((a, b) => compare(a.id, b.id));
  return pageFrom(found, limit, ({ id }) => id);
}

/** Files hold many: they are sorted once. */
const sorted = new WeakMap<FilesInForce, readonly Policy[]>();

function policiesOfFiles(
  files: FilesInForce,
  page: { readonly tenant: string | null; readonly after: string | null; readonly limit: number },
): readonly Policy[] {
  let all = sorted.get(files);
  if (all === undefined) {
    all = [...files.policySet.policies].sort((a, b) => compare(a.id, b.id));
    sorted.set(files, all);
  }
  const found: Policy[] = [];
  for (const policy of all) {
    if (page.after !== null && compare(policy.id, page.after) <= 0) continue;
    if (page.tenant !== null && policy.tenantId !== page.tenant) continue;
    if (found.push(policy) === page.limit) break;
  }
  return found;
}

/** As the database compares: by code unit, whatever the language. */
function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
