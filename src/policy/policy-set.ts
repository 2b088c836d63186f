import type { Grant, Override, Policy, Regime } from './model.ts';

/** A regime with what only people and reviews need. */
export interface RegimeRecord extends Regime {
  /** Milliseconds since the epoch: later than this, it is warned about. */
  readonly reviewBy: number;
  /** What recipients must fulfil besides, in words, or null. */
  readonly recipientCondition: string | null;
  readonly sourceUrl: string;
}

/** Everything that decides, for all tenants, as written in files. Immutable: a reload makes a new one. */
export interface PolicySet {
  readonly policies: readonly Policy[];
  readonly grants: readonly Grant[];
  readonly overrides: readonly Override[];
  readonly regimes: readonly RegimeRecord[];
  /** For tenants without a policy of their own; null refuses them. */
  readonly defaultPolicy: Policy | null;
}
