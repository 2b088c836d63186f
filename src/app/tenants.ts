import type { Grant, Override, Policy, TenantPolicies } from '../policy/model.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import type { TenantSource } from '../proxy/bundles.ts';

/**
 * Policies by tenant. A tenant that has none, not even a disabled one, gets the default policy, else null. Its grants
 * and overrides hold either way.
 */
export function tenantSource(set: PolicySet): (tenant: string) => TenantPolicies | null {
  const policies = Map.groupBy(set.policies, (policy: Policy) => policy.tenantId);
  const grants = Map.groupBy(set.grants, (grant: Grant) => grant.tenantId);
  const overrides = Map.groupBy(set.overrides, (override: Override) => override.tenantId);
  const fallback = set.defaultPolicy === null ? null : [set.defaultPolicy];
  return (tenant) => {
    const own = policies.get(tenant) ?? fallback;
    if (own === null) return null;
    return { tenant, policies: own, grants: grants.get(tenant) ?? [], overrides: overrides.get(tenant) ?? [] };
  };
}

/** The same as the source of a data plane that has nothing but its files: everything is here. */
export function fileSource(set: PolicySet): TenantSource {
  const get = tenantSource(set);
  return { get, fetch: (tenant, done) => done(get(tenant)) };
}
