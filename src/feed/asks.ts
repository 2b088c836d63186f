import type { TenantDocument } from './documents.ts';

/** Milliseconds that somebody waits for an answer. */
const PATIENCE = 1000;
/** Milliseconds after which a question that was not answered is asked again by the next who wants to know. */
const FORGOTTEN = 5000;
/** Questions open at once. */
const OPEN = 20_000;
/** Milliseconds until an outdated answer is asked for again, at first and at most. */
const SOON = 50;
const LATE = 1000;

/** The document, null where the tenant has no policy, or why it cannot be had. */
export type Answered = (answer: TenantDocument | null | Error) => void;

interface Ask {
  /** An answer of a lower revision is outdated. */
  floor: number;
  askedAt: number;
  outdated: number;
  again: NodeJS.Timeout | null;
  readonly waiting: Set<Waiting>;
}

interface Waiting {
  readonly done: Answered;
  readonly timer: NodeJS.Timeout;
}

/**
 * Questions that are open: one for a tenant, however many wait for it. Those of one turn go out as one. Who waits is told
 * within a second; the question stays open, since its answer will be of use to the next.
 */
export class Asks {
  readonly #send: (tenants: readonly string[]) => void;
  readonly #asks = new Map<string, Ask>();
  #unsent: string[] = [];

  /** @param send asks the server */
  constructor(send: (tenants: readonly string[]) => void) {
    this.#send = send;
  }

  get size(): number {
    return this.#asks.size;
  }

  has(tenant: string): boolean {
    return this.#asks.has(tenant);
  }

  /**
   * Asks, unless it has been asked.
   * @param floor lowest revision that is not outdated
   * @param done null: nobody waits
   */
  ask(tenant: string, floor: number, done: Answered | null): void {
    let ask = this.#asks.get(tenant);
    if (ask === undefined) {
      if (this.#asks.size >= OPEN) return done?.(new Error('too many questions to the control plane are open'));
      ask = { floor, askedAt: 0, outdated: 0, again: null, waiting: new Set() };
      this.#asks.set(tenant, ask);
      this.#put(tenant, ask);
    } else if (ask.again === null && performance.now() - ask.askedAt > FORGOTTEN) this.#put(tenant, ask);
    if (done === null) return;
    const { waiting } = ask;
    const one: Waiting = {
      done,
      timer: setTimeout(() => {
        waiting.delete(one);
        done(new Error(`the control plane did not answer in ${PATIENCE} ms`));
      }, PATIENCE),
    };
    waiting.add(one);
  }

  /** These, or all, have changed: answers that may be on their way are outdated. */
  raise(tenants: readonly string[] | null, floor: number): void {
    if (tenants === null) for (const ask of this.#asks.values()) ask.floor = floor;
    else
      for (const tenant of tenants) {
        const ask = this.#asks.get(tenant);
        if (ask !== undefined) ask.floor = floor;
      }
  }

  /** Whether an answer is one: wanted, and not outdated. Of an outdated one the question is asked again, soon. */
  admits({ tenant, revision }: TenantDocument): 'yes' | 'unasked' | 'outdated' {
    const ask = this.#asks.get(tenant);
    if (ask === undefined) return 'unasked';
    if (revision >= ask.floor) return 'yes';
    if (ask.again === null) {
      const wait = Math.min(LATE, SOON * 2 ** ask.outdated++);
      ask.again = setTimeout(() => {
        ask.again = null;
        this.#put(tenant, ask);
      }, wait);
    }
    return 'outdated';
  }

  /** Answers all who wait for it. */
  settle(tenant: string, answer: TenantDocument | null | Error): void {
    const ask = this.#asks.get(tenant);
    if (ask === undefined) return;
    this.#asks.delete(tenant);
    if (ask.again !== null) clearTimeout(ask.again);
    for (const { done, timer } of ask.waiting) {
      clearTimeout(timer);
      done(answer);
    }
  }

  /** The server is gone: nothing that was asked will be answered. */
  fail(error: Error): void {
    this.#unsent = [];
    for (const tenant of this.#asks.keys()) this.settle(tenant, error);
  }

  #put(tenant: string, ask: Ask): void {
    ask.askedAt = performance.now();
    if (this.#unsent.length === 0)
      setImmediate(() => {
        const unsent = this.#unsent;
        this.#unsent = [];
        if (unsent.length > 0) this.#send(unsent);
      });
    this.#unsent.push(tenant);
  }
}
