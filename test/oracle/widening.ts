import type { Reason } from '../../src/core/reasons.ts';
import type { Facts, Grant, Override, PolicyRegion } from '../../src/policy/model.ts';
import { globCovers, regionNamed, type Case } from './case.ts';

/** A refusal of step 5 or 6 and where the data would go. */
export interface Crossing {
  readonly reason: Reason;
  readonly to: PolicyRegion;
  readonly atBorder: boolean;
}

export type Widening =
  | { readonly grant: Grant }
  | { readonly override: Override }
  /** Not opened. */
  | { readonly reason: Reason };

// ---- Step 7: widening

export function widen(c: Case, crossing: Crossing, target: PolicyRegion): Widening {
  // "Widening, never for `fully-sovereign`"
  if (c.policy.mode === 'fully-sovereign') return { reason: crossing.reason };
  // "never to a target that is not active"; at the border the data would go to the caller's region
  const active = target.status === 'active' && (!crossing.atBorder || crossing.to.status === 'active');

  // "a live **grant** […] opens steps 5 and 6 but never a prohibited region"; "a grant is used before an override"
  if (crossing.reason !== 'region_prohibited') {
    for (const grant of c.tenantPolicies.grants) {
      // "`X-Residency-Grant` | use this grant | the matching one is found" (1.3)
      if (c.facts.grant !== null && grant.id !== c.facts.grant) continue;
      if (active && grantMatches(c, grant, crossing.to)) return { grant };
    }
    if (c.facts.grant !== null) return { reason: 'grant_invalid' };
  }

  // "a live **emergency override** […] opens also a prohibited one, unless the policy says `emergency_override: denied`,
  // which shuts out every override"
  if (c.policy.emergencyOverride !== 'denied') {
    for (const override of c.tenantPolicies.overrides) {
      if (active && overrideMatches(c, override, crossing.to)) return { override };
    }
  }
  return { reason: crossing.reason };
}

/** "(tenant, subjects, user, classifications, verbs, resource glob, from → to region, window, uses left)" */
function grantMatches(c: Case, grant: Grant, to: PolicyRegion): boolean {
  const { facts, world } = c;
  if (grant.tenantId !== facts.tenant) return false;
  if (!subjectsMatch(grant.subjects, facts.subject)) return false;
  // "`user` is who may use it"
  if (grant.userId !== facts.user) return false;
  // "no subjects, classifications or resource given (or `*`) = all"
  if (grant.classifications.length > 0 && !grant.classifications.includes(facts.classification)) return false;
  if (!grant.verbs.includes(facts.verb)) return false;
  if (!resourceMatches(grant.resource, facts)) return false;
  // "*From* is where the data is pinned (the primary), *to* where it would go"
  if (regionNamed(c.regions, grant.fromRegion) !== c.primary) return false;
  if (regionNamed(c.regions, grant.toRegion) !== to) return false;
  // "live is `not_before ≤ now < not_after` and approved"
  if (!live(grant, world.now)) return false;
  return grant.maxUses === null || world.uses(grant.id) < grant.maxUses;
}

/** "(tenant, subjects, source → target region, window)" */
function overrideMatches(c: Case, override: Override, to: PolicyRegion): boolean {
  if (override.tenantId !== c.facts.tenant) return false;
  if (!subjectsMatch(override.subjects, c.facts.subject)) return false;
  if (regionNamed(c.regions, override.sourceRegion) !== c.primary) return false;
  if (regionNamed(c.regions, override.targetRegion) !== to) return false;
  return live(override, c.world.now);
}

function subjectsMatch(subjects: readonly string[], subject: string | null): boolean {
  if (subjects.length === 0 || subjects.includes('*')) return true;
  return subject !== null && subjects.includes(subject);
}

function live(widening: Grant | Override, now: number): boolean {
  return widening.notBefore <= now && now < widening.notAfter && widening.approvedBy.length > 0;
}

/** "a grant's glob at all of it, every element of an index expression" */
function resourceMatches(glob: string | null, facts: Facts): boolean {
  if (glob === null || glob === '*') return true;
  if (facts.naming === 'body') return true;
  if (facts.naming !== 'named' || facts.resources.length === 0) return false;
  for (const resource of facts.resources) if (resource === '_all' || !globCovers(glob, resource)) return false;
  return true;
}
