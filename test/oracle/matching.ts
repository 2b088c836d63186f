import type { Facts, Policy, TenantPolicies } from '../../src/policy/model.ts';
import { globCovers } from './case.ts';

// ---- Step 3: effective policy and resources

/** "Effective policy, among the enabled ones that match" */
export function matchingPolicies(tenantPolicies: TenantPolicies, facts: Facts): Policy[] {
  const matching: Policy[] = [];
  for (const p of tenantPolicies.policies) {
    if (!p.enabled) continue;
    // "A policy without `tenant_id` is a default policy" (1.6); the caller gives one only where it is in force.
    if (p.tenantId !== null && p.tenantId !== facts.tenant) continue;
    if (p.subjectId !== null && p.subjectId !== facts.subject) continue;
    if (p.classifications.length > 0 && !p.classifications.includes(facts.classification)) continue;
    matching.push(p);
  }
  return matching;
}

/** "(subject, class), (subject, all), (tenant, class), (tenant, all)" */
export function effectivePolicy(matching: readonly Policy[]): Policy | null {
  for (const bySubject of [true, false]) {
    for (const byClass of [true, false]) {
      for (const p of matching) {
        if ((p.subjectId !== null) === bySubject && p.classifications.length > 0 === byClass) return p;
      }
    }
  }
  return null;
}

/**
 * "Where the policy lists `resources` for the service (globs over bucket, index or model names), a request must name
 * only such: every element of an index expression, copy source, body-named index; `_all`, no name at all, or a wildcard
 * wider than the list is not one." "An empty list anywhere in a policy is as none."
 */
export function resourcesPermitted(policy: Policy, facts: Facts): boolean {
  const globs = policy.resources[facts.service];
  if (globs.length === 0) return true;
  // "Calls that return no documents and name no index (`/`, `_cluster/health`) are exempt" (1.9)
  if (facts.naming === 'exempt') return true;
  // Decided again once the body has been read.
  if (facts.naming === 'body') return true;
  if (facts.naming === 'none' || facts.resources.length === 0) return false;
  for (const resource of facts.resources) {
    // "`resources` looks at its bucket, index or model, a grant's glob at all of it"
    const name = facts.service === 'storage' ? resource.split('/')[0]! : resource;
    if (name === '' || name === '_all') return false;
    let inside = false;
    for (const glob of globs) if (globCovers(glob, name)) inside = true;
    if (!inside) return false;
  }
  return true;
}
