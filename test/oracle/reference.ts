import type { Effect, Reason } from '../../src/core/reasons.ts';
import type { Grant, Override, Policy, PolicyRegion } from '../../src/policy/model.ts';
import { regionAt, regionNamed, regionsNamed, type Case, type ReferenceInput } from './case.ts';
import { effectivePolicy, matchingPolicies, resourcesPermitted } from './matching.ts';
import {
  carriesData,
  chooseAvailable,
  chooseTarget,
  refusalOfTarget,
  regimesInForce,
  stateOfBorder,
} from './placing.ts';
import { widen, type Crossing } from './widening.ts';

export interface ReferenceDecision {
  readonly allowed: boolean;
  readonly effect: Effect;
  readonly reason: Reason;
  /** Index of the region to forward to; -1 on a denial. */
  readonly target: number;
  readonly policyId: string | null;
  /** The widening that the target needed, else the one that the border needed; null on a denial. */
  readonly grantId: string | null;
  /** Another grant, that the border needed besides; one grant that serves both is one use. */
  readonly secondGrantId: string | null;
  /** As `grantId`; then the one that an advisory prohibition needed. */
  readonly overrideId: string | null;
}

/**
 * The oracle: DESIGN 1.5 read aloud. Each quotation is a sentence of the contract and the code below it does what the
 * sentence says, with plain lists and loops and nothing remembered between calls. It shares no code with `src/policy`,
 * so that a misreading there is not repeated here.
 */
export function referenceDecide(input: ReferenceInput): ReferenceDecision {
  const { tenantPolicies, facts, world } = input;

  // "A tenant without any policy: `default_policy` if configured, else `no_policy`."
  if (tenantPolicies === null || tenantPolicies.policies.length === 0) return deny('no_policy', null);

  // "A subject without a matching policy inherits; a known tenant none of whose policies matches gets `no_policy`."
  const matching = matchingPolicies(tenantPolicies, facts);
  const policy = effectivePolicy(matching);
  if (policy === null) return deny('no_policy', null);

  // "Else `resource_not_permitted`, advisory or not."
  if (!resourcesPermitted(policy, facts)) return deny('resource_not_permitted', policy);

  // "Prohibitions accumulate over all that match, each keeping the type of the policy that states it."
  const prohibited: PolicyRegion[] = [];
  for (const p of matching) {
    if (p.policyType === 'mandatory') prohibited.push(...regionsNamed(input.regions, p.prohibitedRegions));
  }
  const discouraged: PolicyRegion[] = [];
  for (const p of matching) {
    if (p.policyType !== 'advisory') continue;
    for (const r of regionsNamed(input.regions, p.prohibitedRegions)) if (!prohibited.includes(r)) discouraged.push(r);
  }
  const primary = regionNamed(input.regions, policy.primaryRegion);
  if (primary === null) throw new TypeError(`the primary ${policy.primaryRegion} is not in the catalogue`);
  const c: Case = { ...input, tenantPolicies, policy, primary, prohibited, discouraged };

  const target = chooseTarget(c);
  const caller = regionAt(c, facts.callerRegion);
  const targetRefusal = refusalOfTarget(c, target);
  const border = stateOfBorder(c, caller);

  // "Widening […] opens steps 5 and 6"; "each refusal needs a widening, and one may serve both".
  const crossings: Crossing[] = [];
  if (targetRefusal !== null) crossings.push({ reason: targetRefusal, to: target, atBorder: false });
  if (border !== 'closed' && border !== 'home' && border !== 'logged' && border !== 'passes') {
    crossings.push({ reason: border, to: caller, atBorder: true });
  }
  const grants: Grant[] = [];
  const overrides: Override[] = [];
  let audited = false;
  for (const crossing of crossings) {
    const widening = widen(c, crossing, target);
    if ('grant' in widening) grants.push(widening.grant);
    else if ('override' in widening) overrides.push(widening.override);
    // "`policy_type: advisory` turns a 403 of steps 5–7 into effect `audit`, reason `advisory`, allowed: forwarded to
    // the region asked for, […] and a mandatory policy's prohibition stays a refusal."
    else if (policy.policyType === 'advisory' && widening.reason !== 'region_prohibited') audited = true;
    else return deny(widening.reason, policy);
  }

  // "A prohibition stated only by an advisory policy is looked at last, just before step 8: it turns what would be
  // allowed into `audit`, unless an override opens it, names no refusal". It is looked at for the target and, for the
  // verbs of step 6, for the caller's region. What is `audit` already needs no override.
  if (!audited) {
    const looked: Crossing[] = [{ reason: 'region_prohibited', to: target, atBorder: false }];
    if (carriesData(facts.verb)) looked.push({ reason: 'region_prohibited', to: caller, atBorder: true });
    for (const crossing of looked) {
      if (!discouraged.includes(crossing.to)) continue;
      const widening = widen(c, crossing, target);
      if ('override' in widening) overrides.push(widening.override);
      else audited = true;
    }
  }

  const final = chooseAvailable(c, target);
  if (final === null) return deny('no_compliant_region', policy);

  // "Obligations: encryption (identity, transactional: TLS upstream, unless the endpoint is a loopback address or a
  // Unix socket, or `encryption_required` […])"
  const mustEncrypt = facts.classification === 'identity' || facts.classification === 'transactional';
  if (mustEncrypt && world.secure[final.index] !== 1) return deny('encryption_required', policy);
  if (!evidenceInForce(c, final, caller)) return deny('evidence_missing', policy);

  // "The reason of an allowed request is the first that applies of `advisory`, `emergency_override`, `grant`,
  // `failover`, `cross_border_logged`, `cross_border_class`, `in_residency`."
  let reason: Reason;
  if (audited) reason = 'advisory';
  else if (overrides.length > 0) reason = 'emergency_override';
  else if (grants.length > 0) reason = 'grant';
  else if (final !== target) reason = 'failover';
  else if (border === 'logged') reason = 'cross_border_logged';
  else if (border === 'passes') reason = 'cross_border_class';
  else reason = 'in_residency';
  return {
    allowed: true,
    effect: audited ? 'audit' : 'allow',
    reason,
    target: final.index,
    policyId: policy.id,
    grantId: grants[0]?.id ?? null,
    secondGrantId: grants[1] === grants[0] ? null : (grants[1]?.id ?? null),
    overrideId: overrides[0]?.id ?? null,
  };
}

function deny(reason: Reason, policy: Policy | null): ReferenceDecision {
  const policyId = policy === null ? null : policy.id;
  return {
    allowed: false,
    effect: 'deny',
    reason,
    target: -1,
    policyId,
    grantId: null,
    secondGrantId: null,
    overrideId: null,
  };
}

// ---- Step 9: transfer evidence

/**
 * "where a conditional regime (type C) of the policy's frameworks applies and the target's country, or for the verbs of
 * step 6 the caller's, is neither in the regime's own territory nor an adequate destination, the policy must carry
 * `transfer_evidence` that is in force, else `evidence_missing`."
 */
function evidenceInForce(c: Case, target: PolicyRegion, caller: PolicyRegion): boolean {
  for (const regime of regimesInForce(c, c.facts.verb)) {
    if (regime.type !== 'C') continue;
    const countries = [target.country];
    if (carriesData(c.facts.verb)) countries.push(caller.country);
    for (const country of countries) {
      if (regime.territory.includes(country) || regime.destinations.includes(country)) continue;
      let carried = false;
      for (const evidence of c.policy.transferEvidence) {
        if (evidence.regime !== regime.id) continue;
        if (evidence.validUntil !== null && c.world.now >= evidence.validUntil) continue;
        if (regime.mechanisms.length > 0 && !regime.mechanisms.includes(evidence.mechanism)) continue;
        carried = true;
      }
      if (!carried) return false;
    }
  }
  return true;
}
