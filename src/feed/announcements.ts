/** Tenants that are kept by name, of one client; beyond that it is told of all of them. */
const NAMED = 20_000;

/** What there is to tell a client at once. */
export interface Announcement {
  /** Null: all. */
  readonly tenants: readonly string[] | null;
  readonly world: boolean;
}

/**
 * What one client is yet to be told. Only tenants that it holds or has asked for, found or not, concern it. Bounded: with
 * too many to keep count of it is told of every tenant that changes, and of too many changes at once that all have changed.
 */
export class Announcements {
  /** Null: more than could be kept. Nobody is ever taken out: what is asked for may be on its way when it changes. */
  #concern: Set<string> | null = new Set();
  #tenants: Set<string> | null = new Set();
  #world = false;

  /** The client holds these, or will. */
  concern(tenants: readonly string[]): void {
    for (const tenant of tenants) this.#concern?.add(tenant);
    if (this.#concern !== null && this.#concern.size > NAMED) this.#concern = null;
  }

  /** @param tenants `*` among them: all, and the world. Null: it is not known which, so all, and the world. */
  add(tenants: readonly string[] | null): void {
    if (tenants === null || tenants.includes('*')) {
      this.#tenants = null;
      this.#world = true;
      return;
    }
    for (const tenant of tenants) {
      if (this.#tenants === null) return;
      if (this.#concern === null || this.#concern.has(tenant)) this.#tenants.add(tenant);
      if (this.#tenants.size > NAMED) this.#tenants = null;
    }
  }

  get empty(): boolean {
    return this.#tenants !== null && this.#tenants.size === 0 && !this.#world;
  }

  /** All that there is, which counts as told from now on. */
  take(): Announcement {
    const announcement = { tenants: this.#tenants && [...this.#tenants], world: this.#world };
    this.#tenants = new Set();
    this.#world = false;
    return announcement;
  }
}
