import { POLICY_FILE, type PolicyEntry } from '../../src/policy/schema.ts';
import { putPolicy } from '../../src/store/policies.ts';
import type { Store, Who } from '../../src/store/store.ts';

export const WHO: Who = { actor: 'bench', requestId: 'bench' };

/** Tenants that one change makes. */
const AT_ONCE = 1000;

export function tenantOf(i: number): string {
  return `tenant-${i}`;
}

/** The policy of a tenant that decides in what is measured here. @param version any number: no two versions are alike */
export function policyOf(tenant: string, version: number): PolicyEntry {
  return filled({
    id: `${tenant}-all`,
    tenant_id: tenant,
    mode: 'regional',
    primary_region: 'eu-west',
    allowed_regions: ['eu-central'],
    prohibited_regions: ['us-east'],
    allow_cross_region_failover: true,
    emergency_contact: `dpo-${version}@${tenant}.example`,
  });
}

/** Every other tenant has one more, for one person. */
function policiesOf(i: number): PolicyEntry[] {
  const tenant = tenantOf(i);
  const policies = [policyOf(tenant, 0)];
  if (i % 2 === 1)
    policies.push(
      filled({ id: `${tenant}-one`, tenant_id: tenant, subject_id: 'person-1', primary_region: 'eu-central' }),
    );
  return policies;
}

function filled(written: { readonly id: string; readonly primary_region: string; readonly [key: string]: unknown }) {
  return POLICY_FILE.withDefaults({ policies: [written] }).policies[0] as PolicyEntry;
}

/**
 * Puts so many tenants into a store.
 * @param revisions takes the revision of each tenant's first policy
 * @returns how many policies that makes
 */
export async function fill(
  store: Store,
  tenants: number,
  revisions: Map<string, number>,
  say: (text: string) => void,
): Promise<number> {
  let policies = 0;
  for (let from = 0; from < tenants; from += AT_ONCE) {
    const to = Math.min(from + AT_ONCE, tenants);
    await store.change(WHO, async (change) => {
      for (let i = from; i < to; i++) {
        for (const policy of policiesOf(i)) {
          await putPolicy(change, policy);
          policies++;
        }
        revisions.set(tenantOf(i), change.revision);
      }
    });
    if (to % 10_000 === 0) say(`${to} of ${tenants} tenants are in the store`);
  }
  return policies;
}
