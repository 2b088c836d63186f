import { hint } from '../core/closest.ts';
import type { Problem } from '../core/problem.ts';
import { CLASSIFICATIONS } from '../core/vocabulary.ts';
import type { Grant, Override, Policy, RegionTable } from './model.ts';
import type { RegimeRecord } from './policy-set.ts';
import { Report } from './report.ts';
import { validateGrant, validateOverride } from './validate-widening.ts';
import { validatePolicy } from './validate-policy.ts';

/** Policies as parsed, before anything is known about how they fit together. */
export interface UncheckedPolicySet {
  readonly policies: readonly Policy[];
  readonly grants: readonly Grant[];
  readonly overrides: readonly Override[];
  readonly regimes: readonly RegimeRecord[];
}

export interface ValidationOptions {
  /** Milliseconds since the epoch: which regimes and windows are in force. */
  readonly now: number;
  /** Id of the policy for tenants without one, or null. */
  readonly defaultPolicy: string | null;
  /** There is a store of the control plane too: a default policy that is not in the set may be in it. Default: none. */
  readonly store?: boolean;
  /** Ids of policies and regimes that exist but could not be read: naming one is no second problem. */
  readonly unreadPolicies: ReadonlySet<string>;
  readonly unreadRegimes: ReadonlySet<string>;
}

/**
 * Everything by which policies, grants, overrides and regimes contradict themselves, one another or the catalogue
 * (DESIGN 1.5), whatever the regions' statuses. Paths of problems begin with `policies`, `grants`, `overrides` or
 * `regimes` and the place in that list of the set, or are `default_policy`.
 * @param table null when the catalogue could not be read: what needs it is then left out
 */
export function validatePolicySet(
  set: UncheckedPolicySet,
  table: RegionTable | null,
  options: ValidationOptions,
): Problem[] {
  const report = new Report();
  const regimes = new Map<string, RegimeRecord>();
  set.regimes.forEach((regime, i) => {
    if (regimes.has(regime.id))
      report.error(
        'duplicate_regime',
        ['regimes', i, 'id'],
        `${regime.id} is there twice`,
        'keep one of the two files',
      );
    regimes.set(regime.id, regime);
    if (regime.reviewBy <= options.now)
      report.warning(
        'review_due',
        ['regimes', i, 'review_by'],
        'is past: the law may have changed since',
        'look at source_url, correct the file, and set a later review_by',
      );
  });

  const world = { table, regimes, now: options.now, unreadRegimes: options.unreadRegimes };
  set.policies.forEach((policy, i) => validatePolicy(policy, world, report.at(['policies', i])));
  set.grants.forEach((grant, i) => validateGrant(grant, table, options.now, report.at(['grants', i])));
  set.overrides.forEach((override, i) => validateOverride(override, table, options.now, report.at(['overrides', i])));
  validateIds('policies', 'policy', set.policies, report);
  validateIds('grants', 'grant', set.grants, report);
  validateIds('overrides', 'override', set.overrides, report);
  validateRanks(set.policies, report);
  validateDefault(set.policies, options, report);
  return report.problems;
}

function validateIds(list: string, word: string, entries: readonly { readonly id: string }[], report: Report): void {
  const seen = new Set<string>();
  entries.forEach(({ id }, i) => {
    if (seen.has(id))
      report.error(
        `duplicate_${word}`,
        [list, i, 'id'],
        `there is another ${word} ${id}`,
        'give each an id of its own',
      );
    seen.add(id);
  });
}

/** Two enabled policies of one rank would leave it to chance which of them holds. */
function validateRanks(policies: readonly Policy[], report: Report): void {
  const holders = new Map<string, number>();
  policies.forEach((policy, i) => {
    if (!policy.enabled || policy.tenantId === null) return;
    // Ids hold no spaces, so that the key is unambiguous.
    const person = `${policy.tenantId} ${policy.subjectId ?? ''}`;
    const classes = policy.classifications.length === 0 ? ['all classes'] : new Set(policy.classifications);
    const reported = new Set<number>();
    for (const classification of classes) {
      const key = `${person} ${classification}`;
      const holder = holders.get(key);
      if (holder === undefined) holders.set(key, i);
      else if (!reported.has(holder)) {
        reported.add(holder);
        const subject = policy.subjectId === null ? '' : ` and subject ${policy.subjectId}`;
        report.error(
          'equal_rank',
          ['policies', i, 'id'],
          `${policy.id} and ${policies[holder]?.id} both hold for tenant ${policy.tenantId}${subject}, ${classification}`,
          'disable or remove one, or give them different classifications or subjects',
        );
      }
    }
  });
}

function validateDefault(policies: readonly Policy[], options: ValidationOptions, report: Report): void {
  const name = options.defaultPolicy;
  if (name === null || options.unreadPolicies.has(name)) return;
  const path = ['default_policy'];
  const policy = policies.find(({ id }) => id === name);
  if (policy === undefined) {
    const known = policies.filter(({ tenantId }) => tenantId === null).map(({ id }) => id);
    if (options.store)
      return report.warning(
        'default_policy',
        path,
        `no file has the policy ${name}: unless the control plane has it, tenants without a policy are refused`,
        'make it by the API, or name the id of a policy without tenant_id, or null',
      );
    report.error(
      'default_policy',
      path,
      `there is no policy ${name}${hint(name, known)}`,
      'name the id of a policy without tenant_id, or null',
    );
    return;
  }
  if (!policy.enabled)
    report.error('default_policy', path, `${name} is disabled`, `enable ${name}, or name another policy`);
  if (policy.tenantId !== null)
    report.error(
      'default_policy',
      path,
      `${name} belongs to tenant ${policy.tenantId}`,
      'name a policy without tenant_id, or null',
    );
  if (policy.classifications.length > 0 && policy.classifications.length < CLASSIFICATIONS.length)
    report.warning(
      'default_policy',
      path,
      `${name} holds for ${policy.classifications.join(', ')} only; other classes get no_policy`,
      'leave its classifications empty to cover all five',
    );
}
