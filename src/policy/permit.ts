import type { Bundle } from './compile.ts';
import { decide } from './decide.ts';
import type { Decision, Facts, World } from './model.ts';

/** Set by the class itself, from inside; nobody else sees it. */
let issue: (decision: Decision) => Permit;

/**
 * Proof that a decision allowed a request, and to where. The only way to one is `authorize`, which decides; `forward`
 * takes nothing else. It cannot be built, subclassed or imitated: the constructor is private and the brand is a private
 * field, which no object literal has.
 */
export class Permit {
  readonly #decision: Decision;
  /** Place in the catalogue of the only region that the request may go to. */
  readonly target: number;

  private constructor(decision: Decision) {
    this.#decision = decision;
    this.target = decision.target;
  }

  get decision(): Decision {
    return this.#decision;
  }

  static {
    issue = (decision) => new Permit(decision);
  }
}

/** Decides, once, and turns an allowance into a permit. The denial comes back as it is. */
export function authorize(bundle: Bundle | null, facts: Facts, world: World): Permit | Decision {
  const decision = decide(bundle, facts, world);
  return decision.allowed ? issue(decision) : decision;
}
