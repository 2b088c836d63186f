/** A grant that a request is about to use. */
export interface TakenGrant {
  readonly id: string;
  /** Null: without limit. */
  readonly maxUses: number | null;
}

/** Who counts uses of grants and overrides, by their ids: these are unique across all tenants. */
export interface Uses {
  /** Uses known to have been made of a grant with a limit: never more than were made. */
  of(grantId: string): number;
  /**
   * Uses all of these grants once, or none where any is used up. Called just before a request departs; `done` is called
   * once, perhaps within the call. Not taken also means: not known to be taken, and the request must not depart.
   */
  take(grants: readonly TakenGrant[], done: (taken: boolean) => void): void;
  /** Counts a use that needs no leave: of an override, or of a grant without limit. */
  note(id: string): void;
}

/** Uses by this process alone, in memory. */
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

  note(id: string): void {
    this.#counts.set(id, this.of(id) + 1);
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
