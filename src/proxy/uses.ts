/** A grant that a request is about to use. */
export interface TakenGrant {
  readonly id: string;
  /** Null: without limit, and then its uses are not counted. */
  readonly maxUses: number | null;
}

/** Uses of grants that are kept as files: in memory, by grant id. Grants have ids of their own across all tenants. */
export interface Uses {
  /** Uses known to have been made of a grant: never more than were made. */
  of(grantId: string): number;
  /**
   * Uses all of these grants once, or none where any is used up. Called just before a request departs; `done` is called
   * once, perhaps within the call. Not taken also means: not known to be taken, and the request must not depart.
   */
  take(grants: readonly TakenGrant[], done: (taken: boolean) => void): void;
}

/** Uses by this process alone. */
export class LocalUses implements Uses {
  readonly #counts = new Map<string, number>();

  of(grantId: string): number {
    return this.#counts.get(grantId) ?? 0;
  }

  /** Calls `done` within the call. */
  take(grants: readonly TakenGrant[], done: (taken: boolean) => void): void {
    let taken = 0;
    while (taken < grants.length && this.#takeOne(grants[taken]!)) taken++;
    const all = taken === grants.length;
    if (!all) while (taken-- > 0) this.#giveBack(grants[taken]!);
    done(all);
  }

  /** Every count that there is. */
  counts(): [string, number][] {
    return [...this.#counts];
  }

  #takeOne({ id, maxUses }: TakenGrant): boolean {
    if (maxUses === null) return true;
    const uses = this.of(id);
    if (uses >= maxUses) return false;
    this.#counts.set(id, uses + 1);
    return true;
  }

  #giveBack({ id, maxUses }: TakenGrant): void {
    if (maxUses !== null) this.#counts.set(id, this.of(id) - 1);
  }
}

/** A worker asks its primary to use these grants once. */
export interface TakeRequest {
  readonly id: number;
  readonly grants: readonly TakenGrant[];
}

/** The primary's answer. `counts` are the uses of each grant asked for, after it. */
export interface TakeAnswer {
  readonly id: number;
  readonly taken: boolean;
  readonly counts: readonly (readonly [string, number])[];
}

/** What a primary does with a request of one of its workers. */
export function answerTake(uses: Uses, { id, grants }: TakeRequest, send: (answer: TakeAnswer) => void): void {
  uses.take(grants, (taken) => {
    const counted = grants.filter(({ maxUses }) => maxUses !== null);
    send({ id, taken, counts: counted.map((grant) => [grant.id, uses.of(grant.id)]) });
  });
}

/** Milliseconds that the primary has to answer. */
const ANSWER_BOUND = 1000;

interface Waiting {
  readonly done: (taken: boolean) => void;
  readonly timer: NodeJS.Timeout;
}

/**
 * Uses by all workers together, counted by their primary. What it last told is mirrored here, so that a grant that is
 * used up is refused without asking. No answer in a second, or no primary: not taken.
 */
export class SharedUses implements Uses {
  readonly #ask: (request: TakeRequest) => boolean;
  readonly #bound: number;
  readonly #counts: Map<string, number>;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;

  /**
   * @param ask sends a request to the primary; false when there is none
   * @param counts as the primary has them now
   * @param bound milliseconds that it has to answer
   */
  constructor(
    ask: (request: TakeRequest) => boolean,
    counts: readonly (readonly [string, number])[] = [],
    bound: number = ANSWER_BOUND,
  ) {
    this.#ask = ask;
    this.#counts = new Map(counts);
    this.#bound = bound;
  }

  of(grantId: string): number {
    return this.#counts.get(grantId) ?? 0;
  }

  take(grants: readonly TakenGrant[], done: (taken: boolean) => void): void {
    if (grants.every(({ maxUses }) => maxUses === null)) {
      done(true);
      return;
    }
    const id = ++this.#asked;
    if (!this.#ask({ id, grants })) {
      done(false);
      return;
    }
    const timer = setTimeout(() => this.#settle(id, false), this.#bound);
    this.#waiting.set(id, { done, timer });
  }

  /** Takes the primary's answer in. One that comes too late changes the counts only: its use is lost, not made twice. */
  answered({ id, taken, counts }: TakeAnswer): void {
    for (const [grant, count] of counts) this.#counts.set(grant, Math.max(count, this.of(grant)));
    this.#settle(id, taken);
  }

  /** The primary is gone: nothing that waits is taken. */
  lost(): void {
    for (const id of this.#waiting.keys()) this.#settle(id, false);
  }

  #settle(id: number, taken: boolean): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    waiting.done(taken);
  }
}
