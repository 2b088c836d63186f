import type { Reason } from '../core/reasons.ts';
import type { Bundle, Effective } from './compile.ts';
import type { Facts, Grant, Override, World } from './model.ts';
import { resourceGranted } from './resources.ts';
import { traceWidening, type Trace } from './trace.ts';

/**
 * Step 7 for one request: opens its refusals by live grants and overrides, and remembers which were used. A grant is
 * used before an override; one that serves both refusals is one use. Never for fully-sovereign, never to a target that
 * is not active.
 */
export class Widening {
  /** The first grant used, and a different one that the second refusal needed. */
  grant: Grant | null = null;
  secondGrant: Grant | null = null;
  overrideUsed: Override | null = null;
  readonly #bundle: Bundle;
  readonly #eff: Effective;
  readonly #facts: Facts;
  readonly #world: World;
  readonly #trace: Trace | null;
  readonly #possible: boolean;

  constructor(bundle: Bundle, eff: Effective, facts: Facts, world: World, targetActive: boolean, trace: Trace | null) {
    this.#bundle = bundle;
    this.#eff = eff;
    this.#facts = facts;
    this.#world = world;
    this.#trace = trace;
    this.#possible = targetActive && !eff.sovereign;
  }

  /** Null when opened, else why not: the refusal itself, or `grant_invalid` when the grant asked for does not open it. */
  open(refusal: Reason, to: number): Reason | null {
    if (!this.#possible) return this.closed(refusal);
    if (refusal !== 'region_prohibited') {
      const grant = this.#find(to);
      if (grant !== null) {
        if (this.grant === null) this.grant = grant;
        else if (this.grant !== grant) this.secondGrant = grant;
        return null;
      }
      if (this.#facts.grant !== null) return this.closed(refusal);
    }
    return this.override(to) ? null : refusal;
  }

  /** What a refusal that stays closed is called. */
  closed(refusal: Reason): Reason {
    if (this.#eff.sovereign || refusal === 'region_prohibited' || this.#facts.grant === null) return refusal;
    return 'grant_invalid';
  }

  /** Whether a live override leads to this region. */
  override(to: number): boolean {
    if (!this.#possible || !this.#eff.overridable) return false;
    const { overrides } = this.#bundle;
    for (let i = 0; i < overrides.length; i++) {
      const { override, from, to: target } = overrides[i]!;
      const fits =
        from === this.#eff.primary && target === to && this.#live(override) && this.#covers(override.subjects);
      if (this.#trace !== null) traceWidening(this.#trace, 'override', override.id, to, this.#bundle, fits);
      if (!fits) continue;
      this.overrideUsed ??= override;
      return true;
    }
    return false;
  }

  #find(to: number): Grant | null {
    const { grants } = this.#bundle;
    for (let i = 0; i < grants.length; i++) {
      const { grant, from, to: target } = grants[i]!;
      const fits = from === this.#eff.primary && target === to && this.#usable(grant);
      if (this.#trace !== null) traceWidening(this.#trace, 'grant', grant.id, to, this.#bundle, fits);
      if (fits) return grant;
    }
    return null;
  }

  #usable(grant: Grant): boolean {
    const facts = this.#facts;
    return (
      (facts.grant === null || facts.grant === grant.id) &&
      this.#live(grant) &&
      facts.user === grant.userId &&
      this.#covers(grant.subjects) &&
      (grant.classifications.length === 0 || grant.classifications.includes(facts.classification)) &&
      grant.verbs.includes(facts.verb) &&
      resourceGranted(grant.resource, facts) &&
      (grant.maxUses === null || this.#world.uses(grant.id) < grant.maxUses)
    );
  }

  /** `notBefore ≤ now < notAfter`, and approved. */
  #live(widening: Grant | Override): boolean {
    const { now } = this.#world;
    return widening.approvedBy.length > 0 && widening.notBefore <= now && now < widening.notAfter;
  }

  #covers(subjects: readonly string[]): boolean {
    return subjects.length === 0 || (this.#facts.subject !== null && subjects.includes(this.#facts.subject));
  }
}
