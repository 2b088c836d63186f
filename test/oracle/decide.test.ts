import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { REASONS, type Reason } from '../../src/core/reasons.ts';
import { compileTenant } from '../../src/policy/compile.ts';
import { decide } from '../../src/policy/decide.ts';
import type { Decision } from '../../src/policy/model.ts';
import { scenario, type Request, type Scenario } from './arbitraries.ts';
import { referenceDecide, type ReferenceDecision } from './reference.ts';

const SCENARIOS = 4_000;
const REQUESTS = 50;
const AT_LEAST = 100;

/** Every reason that a decision can end in; the others belong to parsers, guards and upstreams. */
const DECIDED: readonly Reason[] = [
  'in_residency',
  'failover',
  'cross_border_logged',
  'cross_border_class',
  'grant',
  'emergency_override',
  'advisory',
  'no_policy',
  'resource_not_permitted',
  'region_not_allowed',
  'region_prohibited',
  'sovereign_no_cross_border',
  'cross_border_restricted',
  'grant_invalid',
  'evidence_missing',
  'encryption_required',
  'no_compliant_region',
];

/** To run a failure again: `ORACLE_SEED=… npx vitest run test/oracle`. */
const seed = Number(process.env['ORACLE_SEED'] ?? Date.now() % 2 ** 31);

describe('decide and the oracle', () => {
  test(`agree on ${SCENARIOS * REQUESTS} random decisions, seed ${seed}`, { timeout: 300_000 }, () => {
    const counts = new Map<string, number>(DECIDED.map((reason) => [reason, 0]));
    let decisions = 0;
    fc.assert(
      fc.property(scenario(REQUESTS), (s) => {
        const { tenantPolicies, table, regimes } = s;
        const bundle = tenantPolicies === null ? null : compileTenant(tenantPolicies, table, regimes);
        for (const request of s.requests) {
          const { facts, world } = request;
          const wanted = referenceDecide({ tenantPolicies, regions: table.regions, regimes, facts, world });
          const got = inShort(decide(bundle, facts, world));
          if (!same(got, wanted)) throw new Error(difference(s, request, got, wanted));
          decisions++;
          counts.set(wanted.reason, (counts.get(wanted.reason) ?? 0) + 1);
        }
      }),
      { seed, numRuns: SCENARIOS, interruptAfterTimeLimit: 240_000, markInterruptAsFailure: true },
    );
    console.log(
      `oracle: ${decisions} decisions, 0 different, seed ${seed}: ${JSON.stringify(Object.fromEntries(counts))}`,
    );
    expect(decisions).toBeGreaterThanOrEqual(200_000);
    expect([...counts.keys()].sort()).toEqual([...DECIDED].sort());
    expect(DECIDED.filter((reason) => (counts.get(reason) ?? 0) < AT_LEAST)).toEqual([]);
  });

  test('a reason is an allowance exactly when its status is 200', () => {
    fc.assert(
      fc.property(scenario(1), (s) => {
        const { facts, world } = s.requests[0] as Request;
        const bundle = s.tenantPolicies === null ? null : compileTenant(s.tenantPolicies, s.table, s.regimes);
        const d = decide(bundle, facts, world);
        expect(d.allowed).toBe(REASONS[d.reason] === 200);
        expect(d.effect).toBe(d.allowed ? (d.reason === 'advisory' ? 'audit' : 'allow') : 'deny');
        expect(d.target >= 0).toBe(d.allowed);
      }),
      { seed, numRuns: 2_000 },
    );
  });
});

function inShort(d: Decision): ReferenceDecision {
  return {
    allowed: d.allowed,
    effect: d.effect,
    reason: d.reason,
    target: d.target,
    policyId: d.policy?.id ?? null,
    grantId: d.allowed ? (d.grant?.id ?? null) : null,
    secondGrantId: d.allowed ? (d.secondGrant?.id ?? null) : null,
    overrideId: d.allowed ? (d.override?.id ?? null) : null,
  };
}

function same(a: ReferenceDecision, b: ReferenceDecision): boolean {
  return (
    a.allowed === b.allowed &&
    a.effect === b.effect &&
    a.reason === b.reason &&
    a.target === b.target &&
    a.policyId === b.policyId &&
    a.grantId === b.grantId &&
    a.secondGrantId === b.secondGrantId &&
    a.overrideId === b.overrideId
  );
}

function show(value: unknown): string {
  return JSON.stringify(value);
}

function difference(s: Scenario, request: Request, got: ReferenceDecision, wanted: ReferenceDecision): string {
  const uses = (s.tenantPolicies?.grants ?? []).map((g) => `${g.id}=${request.world.uses(g.id)}`);
  return [
    `decide: ${show(got)}`,
    `oracle: ${show(wanted)}`,
    `facts: ${show(request.facts)}`,
    `now ${request.world.now}, self ${request.world.selfRegion}, available ${request.world.available.join('')}, ` +
      `secure ${request.world.secure.join('')}, uses ${uses.join(' ')}`,
    ...s.table.regions.map((r) => `region ${show(r)}`),
    ...s.regimes.map((r) => `regime ${show(r)}`),
    ...(s.tenantPolicies?.policies ?? []).map((p) => `policy ${show(p)}`),
    ...(s.tenantPolicies?.grants ?? []).map((g) => `grant ${show(g)}`),
    ...(s.tenantPolicies?.overrides ?? []).map((o) => `override ${show(o)}`),
  ].join('\n');
}
