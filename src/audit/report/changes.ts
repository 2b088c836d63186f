import type { Entry } from '../entry.ts';

/** A change of the control plane, as its entry tells it. */
export interface Change {
  readonly entry: Entry;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly inPeriod: boolean;
}

/** Objects whose changes a report tells of: of others, such as uses, there are too many to keep. */
const TOLD = new Set<unknown>(['policy', 'request', 'approval', 'grant', 'override']);

/**
 * Changes that were done. Each is on record before it is, so one that then failed has an entry that says `done` and one
 * after it, in the same log, that says `failed`: such a change never was.
 */
export class Changes {
  readonly #done = new Set<Change>();
  /** The last of each, for the same may be tried again. */
  readonly #last = new Map<string, Change>();

  add(change: Change): void {
    const { log, value } = change.entry;
    const { outcome, object, action, object_id: id, actor, revision, request_id: request } = value;
    if (!TOLD.has(object) || (outcome !== 'done' && outcome !== 'failed')) return;
    const key = JSON.stringify([log, request, revision, action, id, actor]);
    const before = this.#last.get(key);
    if (outcome === 'done') {
      this.#done.add(change);
      this.#last.set(key, change);
    } else if (before !== undefined) this.#done.delete(before);
  }

  /** In the order in which they came. */
  [Symbol.iterator](): Iterator<Change> {
    return this.#done.values();
  }
}
