import type { Reason } from '../../src/core/reasons.ts';
import type { Classification, Verb } from '../../src/core/vocabulary.ts';
import type { PolicyRegion, Regime } from '../../src/policy/model.ts';
import { regionAt, regionsNamed, type Case } from './case.ts';

// ---- Step 4: placement set

/** "Placement sets (delete and admin use the access column)" */
function column(verb: Verb): 'store' | 'process' | 'access' {
  return verb === 'store' || verb === 'process' ? verb : 'access';
}

/** The table of placement sets. */
function placementByMode(c: Case, verb: Verb): PolicyRegion[] {
  const { policy, primary } = c;
  const allowed = regionsNamed(c.regions, policy.allowedRegions);
  // "narrowed to primary + `allowed_regions` if given"
  const narrowed = (r: PolicyRegion): boolean => allowed.length === 0 || r === primary || allowed.includes(r);
  switch (policy.mode) {
    case 'single-country':
      return c.regions.filter((r) => r.country === primary.country && narrowed(r));
    case 'regional':
      return c.regions.filter((r) => r.geography === primary.geography && narrowed(r));
    case 'hybrid':
      // "the primary (failover: `allowed_regions`)" | "primary + `secondary_regions`"
      if (column(verb) !== 'access') return [primary];
      return [primary, ...regionsNamed(c.regions, policy.secondaryRegions)];
    case 'fully-sovereign':
      return c.regions.filter((r) => r.country === primary.country && r.sovereign && narrowed(r));
    case 'client-owned':
      return [primary, ...allowed];
  }
}

/** "minus prohibited regions, minus what a hard or blacklist regime of the policy's `compliance_frameworks` excludes" */
function withoutExcluded(c: Case, verb: Verb, regions: readonly PolicyRegion[]): PolicyRegion[] {
  const left: PolicyRegion[] = [];
  for (const r of regions) {
    let excluded = c.prohibited.includes(r);
    for (const regime of regimesInForce(c, verb)) {
      if (regime.type === 'H' && !regime.territory.includes(r.country)) excluded = true;
      // Local first: the law says where data is first put at rest, nothing of where it may be read.
      if (regime.type === 'L' && verb === 'store' && !regime.territory.includes(r.country)) excluded = true;
      if (regime.type === 'D' && regime.destinations.includes(r.country)) excluded = true;
    }
    if (!excluded) left.push(r);
  }
  return left;
}

/** Regimes of the policy's frameworks that speak of the verb: "`validFrom ≤ now < validUntil`"; "delete and admin count as access". */
export function regimesInForce(c: Case, verb: Verb): Regime[] {
  const inForce: Regime[] = [];
  for (const regime of c.regimes) {
    if (!c.policy.complianceFrameworks.includes(regime.id)) continue;
    if (!regime.verbs.includes(column(verb))) continue;
    if (c.world.now < regime.validFrom) continue;
    if (regime.validUntil !== null && c.world.now >= regime.validUntil) continue;
    inForce.push(regime);
  }
  return inForce;
}

/** "`active`: all verbs; `draining`: access, delete, admin; `inactive`: none" */
function statusPermits(r: PolicyRegion, verb: Verb): boolean {
  if (r.status === 'active') return true;
  return r.status === 'draining' && (verb === 'access' || verb === 'delete' || verb === 'admin');
}

function placementStatusAside(c: Case, verb: Verb): PolicyRegion[] {
  return withoutExcluded(c, verb, placementByMode(c, verb));
}

/** P(verb). "minus regions whose status forbids the verb" */
function placement(c: Case, verb: Verb): PolicyRegion[] {
  return placementStatusAside(c, verb).filter((r) => statusPermits(r, verb));
}

// ---- Step 5: target

/**
 * "the requested region; else, for *access*, the sidecar's own region if the policy declares it a replica
 * (`secondary_regions`) and it is in P; else the primary."
 */
export function chooseTarget(c: Case): PolicyRegion {
  if (c.facts.requestedRegion >= 0) return regionAt(c, c.facts.requestedRegion);
  if (c.facts.verb === 'access') {
    const self = regionAt(c, c.world.selfRegion);
    const replica = regionsNamed(c.regions, c.policy.secondaryRegions).includes(self);
    // "nothing is sent there that was not asked for by name or pinned there" (advisory prohibitions)
    if (replica && placement(c, 'access').includes(self) && !c.discouraged.includes(self)) return self;
  }
  return c.primary;
}

export function refusalOfTarget(c: Case, target: PolicyRegion): Reason | null {
  if (placement(c, c.facts.verb).includes(target)) return null;
  // "A primary that nobody asked for by name and that only its status keeps out of P counts as unhealthy (step 8)."
  const unasked = c.facts.requestedRegion < 0 && target === c.primary;
  if (unasked && placementStatusAside(c, c.facts.verb).includes(target)) return null;
  // "A target outside P is refused: prohibited → `region_prohibited`; else fully-sovereign →
  // `sovereign_no_cross_border`; else `region_not_allowed`"
  if (c.prohibited.includes(target)) return 'region_prohibited';
  if (c.policy.mode === 'fully-sovereign') return 'sovereign_no_cross_border';
  return 'region_not_allowed';
}

// ---- Step 6: border

/** "for the verbs whose answer carries data (access, process, admin […])" */
export function carriesData(verb: Verb): boolean {
  return verb === 'access' || verb === 'process' || verb === 'admin';
}

/** A reason is a refusal; `closed`: the verb crosses nothing; `home`: the caller is not abroad. */
export function stateOfBorder(c: Case, caller: PolicyRegion): 'closed' | 'home' | 'logged' | 'passes' | Reason {
  if (!carriesData(c.facts.verb)) return 'closed';
  // "A caller's region is abroad when it is outside P(access), statuses left aside."
  if (placementStatusAside(c, 'access').includes(caller)) return 'home';
  // "A prohibited caller's region is refused `region_prohibited` whatever the class; fully-sovereign refuses every
  // class `sovereign_no_cross_border`."
  if (c.prohibited.includes(caller)) return 'region_prohibited';
  if (c.policy.mode === 'fully-sovereign') return 'sovereign_no_cross_border';
  const rule = strictest(byClassification(c.facts.classification), c.policy.crossBorder[c.facts.classification]);
  return rule === 'restricted' ? 'cross_border_restricted' : rule;
}

type BorderRule = 'passes' | 'logged' | 'restricted';

/** "identity and transactional are *restricted* […]; operational passes and is always recorded […]; content and analytical pass" */
function byClassification(classification: Classification): BorderRule {
  if (classification === 'identity' || classification === 'transactional') return 'restricted';
  return classification === 'operational' ? 'logged' : 'passes';
}

/** "A policy's `cross_border: {class: logged | restricted}` may be stricter, never looser." */
function strictest(ours: BorderRule, theirs: BorderRule | undefined): BorderRule {
  for (const rule of ['restricted', 'logged'] as const) if (ours === rule || theirs === rule) return rule;
  return 'passes';
}

// ---- Step 8: availability

/**
 * "an unhealthy target (or one without an endpoint for the dialect) fails over, if `allow_cross_region_failover`, to the
 * first healthy of `allowed_regions`, `secondary_regions`, catalogue order that is inside P […]; else
 * `no_compliant_region` (503). Never outside." Null: no compliant region.
 */
export function chooseAvailable(c: Case, target: PolicyRegion): PolicyRegion | null {
  const healthy = (r: PolicyRegion): boolean => c.world.available[r.index] === 1 && statusPermits(r, c.facts.verb);
  if (healthy(target)) return target;
  if (!c.policy.allowCrossRegionFailover) return null;
  const inside = placement(c, c.facts.verb);
  // "for hybrid and store or process: `allowed_regions` serve failover only"
  if (c.policy.mode === 'hybrid' && column(c.facts.verb) !== 'access') {
    inside.push(...withoutExcluded(c, c.facts.verb, regionsNamed(c.regions, c.policy.allowedRegions)));
  }
  const candidates = [
    ...regionsNamed(c.regions, c.policy.allowedRegions),
    ...regionsNamed(c.regions, c.policy.secondaryRegions),
    ...c.regions,
  ];
  for (const r of candidates) {
    // "nothing is sent there that was not asked for by name or pinned there" (advisory prohibitions)
    if (r !== target && healthy(r) && inside.includes(r) && !c.discouraged.includes(r)) return r;
  }
  return null;
}
