import type { Reason } from '../core/reasons.ts';
import {
  ADVISED_AGAINST,
  CLASS_INDEX,
  COLUMN,
  CROSS_FREELY,
  CROSS_LOGGED,
  IN_ACCESS,
  IN_FAILOVER,
  PROHIBITED,
  REPLICA,
  SERVICE_INDEX,
  STATUS_NEEDED,
  STATUS_WRITES,
  type Bundle,
  type Effective,
} from './compile.ts';
import type { Decision, Facts, World } from './model.ts';
import { resourcesPermitted } from './resources.ts';
import { traceAvailability, traceBorder, tracePolicy, traceTarget, traceOutcome, type Trace } from './trace.ts';
import { Widening } from './widen.ts';

/**
 * The decision (DESIGN 1.5, steps 2 to 10; step 1 has made `facts`). Pure: the same arguments give the same answer.
 *
 * In this order: a policy matches, else `no_policy`; the resources are its own; the target lies in the placement set;
 * the caller may see the answer where it is; what refused may be opened by a grant or an override; an advisory policy
 * turns what is left into `audit`; the target is available, or fails over inside the set; obligations hold. Whatever is
 * not allowed by name is refused, and so is any error on the way (`policy_unavailable`).
 *
 * @param bundle the tenant's, or null when it has no policy and there is no default
 * @param trace filled with what each step looked at and found; null on the request path
 */
export function decide(bundle: Bundle | null, facts: Facts, world: World, trace: Trace | null = null): Decision {
  let decision: Decision;
  try {
    decision = evaluate(bundle, facts, world, trace);
  } catch (error) {
    if (trace !== null) trace.error = String(error);
    decision = denied('policy_unavailable', null, null);
  }
  if (trace !== null) traceOutcome(trace, decision);
  return decision;
}

function evaluate(bundle: Bundle | null, facts: Facts, world: World, trace: Trace | null): Decision {
  const eff = bundle === null ? null : effectiveOf(bundle, facts);
  if (trace !== null) tracePolicy(trace, bundle, eff, facts);
  if (bundle === null || eff === null) return denied('no_policy', null, null);
  if (!resourcesPermitted(eff.resources[SERVICE_INDEX[facts.service]] ?? null, facts)) {
    return denied('resource_not_permitted', eff, null);
  }

  const column = COLUMN[facts.verb];
  const needed = STATUS_NEEDED[facts.verb];
  const named = facts.requestedRegion >= 0;
  const target = named ? facts.requestedRegion : pinnedOf(bundle, eff, facts, world, column, needed);
  const open = (bundle.statuses[target]! & needed) !== 0;
  let atTarget: Reason | null = null;
  if (!placed(eff, target, column, column, world.now) || (named && !open)) {
    atTarget = refusalFor(eff, target);
  }
  if (trace !== null) traceTarget(trace, bundle, eff, facts, world, target, atTarget);

  const carries = facts.verb === 'access' || facts.verb === 'process' || facts.verb === 'admin';
  const caller = facts.callerRegion;
  let atBorder: Reason | null = null;
  let crossed = -1;
  if (carries) {
    if (!placed(eff, caller, IN_ACCESS, IN_ACCESS, world.now)) {
      if ((eff.regions[caller]! & PROHIBITED) !== 0) atBorder = 'region_prohibited';
      else if (eff.sovereign) atBorder = 'sovereign_no_cross_border';
      else if (eff.border === CROSS_LOGGED || eff.border === CROSS_FREELY) crossed = eff.border;
      else atBorder = 'cross_border_restricted';
    }
    if (trace !== null) traceBorder(trace, bundle, eff, facts, atBorder, crossed);
  }

  // Most requests are refused by nothing: no widening is looked for, none is allocated.
  let widening: Widening | null = null;
  let advisory = false;
  if (atTarget !== null || atBorder !== null) {
    widening = new Widening(bundle, eff, facts, world, (bundle.statuses[target]! & STATUS_WRITES) !== 0, trace);
    if (atTarget !== null) atTarget = widening.open(atTarget, target);
    if (atBorder !== null) {
      atBorder =
        (bundle.statuses[caller]! & STATUS_WRITES) === 0 ? widening.closed(atBorder) : widening.open(atBorder, caller);
    }
    // A mandatory prohibition is never advice, whatever the effective policy.
    if (atTarget === 'region_prohibited' || atBorder === 'region_prohibited') {
      const reason = atTarget !== null && !(eff.advisory && atTarget !== 'region_prohibited') ? atTarget : atBorder;
      return denied(reason ?? 'region_prohibited', eff, null);
    }
    if (atTarget !== null || atBorder !== null) {
      if (!eff.advisory) return denied((atTarget ?? atBorder) as Reason, eff, null);
      advisory = true;
    }
  }

  if (!advisory) {
    const against = (eff.regions[target]! & ADVISED_AGAINST) !== 0;
    const callerAgainst = carries && (eff.regions[caller]! & ADVISED_AGAINST) !== 0;
    if (against || callerAgainst) {
      widening ??= new Widening(bundle, eff, facts, world, (bundle.statuses[target]! & STATUS_WRITES) !== 0, trace);
      if (against && !widening.override(target)) advisory = true;
      if (callerAgainst && ((bundle.statuses[caller]! & STATUS_WRITES) === 0 || !widening.override(caller)))
        advisory = true;
    }
  }

  let final = target;
  if (!open || world.available[target] !== 1) {
    final = eff.policy.allowCrossRegionFailover ? failover(bundle, eff, world, target, column, needed) : -1;
    if (trace !== null) traceAvailability(trace, bundle, eff, target, final, open);
    if (final < 0) return denied('no_compliant_region', eff, null);
  }

  if ((facts.classification === 'identity' || facts.classification === 'transactional') && world.secure[final] !== 1) {
    return denied('encryption_required', eff, null);
  }
  for (let i = 0; i < eff.conditions.length; i++) {
    const c = eff.conditions[i]!;
    if (world.now < c.from || world.now >= c.until || (c.columns & column) === 0) continue;
    if (c.foreign[final] !== 1 && !(carries && c.foreign[caller] === 1)) continue;
    if (world.now >= c.evidenceUntil) return denied('evidence_missing', eff, c.regime);
  }

  const grant = widening === null ? null : widening.grant;
  const override = widening === null ? null : widening.overrideUsed;
  const reason: Reason = advisory
    ? 'advisory'
    : override !== null
      ? 'emergency_override'
      : grant !== null
        ? 'grant'
        : final !== target
          ? 'failover'
          : crossed === CROSS_LOGGED
            ? 'cross_border_logged'
            : crossed === CROSS_FREELY
              ? 'cross_border_class'
              : 'in_residency';
  return {
    allowed: true,
    effect: advisory ? 'audit' : 'allow',
    reason,
    target: final,
    policy: eff.policy,
    label: eff.label,
    grant,
    secondGrant: widening === null ? null : widening.secondGrant,
    override,
    regime: null,
  };
}

/** The (subject, class) row, else the tenant's: a subject without a matching policy inherits. */
export function effectiveOf(bundle: Bundle, facts: Facts): Effective | null {
  const rows = facts.subject === null ? undefined : bundle.subjects.get(facts.subject);
  return (rows ?? bundle.base)[CLASS_INDEX[facts.classification]] ?? null;
}

/** Whether the region is in the placement set, its status left aside. `bit` is the column, or its failover set. */
export function placed(eff: Effective, region: number, bit: number, column: number, now: number): boolean {
  if ((eff.regions[region]! & bit) === 0) return false;
  for (let i = 0; i < eff.exclusions.length; i++) {
    const e = eff.exclusions[i]!;
    if (now >= e.from && now < e.until && (e.closed[region]! & column) !== 0) return false;
  }
  return true;
}

/** Where a request goes that names no region: reads to this sidecar's own replica, all else to the primary. */
function pinnedOf(bundle: Bundle, eff: Effective, facts: Facts, world: World, column: number, needed: number): number {
  const self = world.selfRegion;
  if (
    facts.verb === 'access' &&
    (eff.regions[self]! & (REPLICA | ADVISED_AGAINST)) === REPLICA &&
    (bundle.statuses[self]! & needed) !== 0 &&
    placed(eff, self, column, column, world.now)
  ) {
    return self;
  }
  return eff.primary;
}

function refusalFor(eff: Effective, region: number): Reason {
  if ((eff.regions[region]! & PROHIBITED) !== 0) return 'region_prohibited';
  return eff.sovereign ? 'sovereign_no_cross_border' : 'region_not_allowed';
}

/** First candidate that is in the set, open, available, and that no policy advises against; -1 when there is none. */
function failover(
  bundle: Bundle,
  eff: Effective,
  world: World,
  target: number,
  column: number,
  needed: number,
): number {
  const bit = column === IN_ACCESS ? IN_ACCESS : IN_FAILOVER;
  for (let i = 0; i < eff.candidates.length; i++) {
    const region = eff.candidates[i]!;
    if (region === target || world.available[region] !== 1 || (bundle.statuses[region]! & needed) === 0) continue;
    if ((eff.regions[region]! & ADVISED_AGAINST) !== 0 || !placed(eff, region, bit, column, world.now)) continue;
    return region;
  }
  return -1;
}

function denied(reason: Reason, eff: Effective | null, regime: string | null): Decision {
  return {
    allowed: false,
    effect: 'deny',
    reason,
    target: -1,
    policy: eff === null ? null : eff.policy,
    label: eff === null ? null : eff.label,
    grant: null,
    secondGrant: null,
    override: null,
    regime,
  };
}
