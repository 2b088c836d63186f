import type { ObjectKind } from './tables.ts';

/** One thing that a transaction changes. */
export interface ChangeFact {
  /** `approval`: a person's word on the request or override that `id` names; `use`: of the grant or override. */
  readonly kind: ObjectKind | 'approval' | 'use';
  readonly id: string;
  /** Null: of no tenant. */
  readonly tenant: string | null;
  /** As in the history of the object, such as `created`. */
  readonly action: string;
  readonly actor: string;
  /** Empty: no single request. */
  readonly requestId: string;
  /** Null: it takes none. */
  readonly revision: number | null;
  /** The object after it, as the history keeps it; null when it is gone. */
  readonly body: unknown;
}

/** Whoever must know of every change before it is made. */
export interface Witness {
  /**
   * Told when all is written and nothing is committed yet: the transaction waits, and holds its locks, until this resolves.
   * When it rejects, nothing has changed, and the caller gets its error.
   * @param facts in the order in which they came about; never none
   */
  witnessed(facts: readonly ChangeFact[]): Promise<void>;
  /** What was witnessed the store has not confirmed: it is not made, or nobody knows. */
  notCommitted(facts: readonly ChangeFact[]): void;
}

/** Nobody must know. */
export const NO_WITNESS: Witness = {
  witnessed: () => Promise.resolve(),
  notCommitted: () => undefined,
};
