import type { WorldDocument } from './documents.ts';
import { closedBy } from './refused-world.ts';
import type { FeedLog } from './source.ts';

/** What holds for all, as far as this machine can put it in force. */
export class HeldWorld {
  readonly #apply: (world: WorldDocument) => void;
  readonly #log: FeedLog;
  #world: WorldDocument | null = null;
  /** As of which it holds, and as of which it must. */
  #revision = 0;
  #floor = 0;
  #refused: { readonly world: WorldDocument; readonly why: string } | null = null;
  /** What a refused one closes is open here. */
  #isOpen = false;

  /** @param apply puts one in force; what it throws refuses it, and what held before goes on to hold */
  constructor(apply: (world: WorldDocument) => void, log: FeedLog) {
    this.#apply = apply;
    this.#log = log;
  }

  /** Null: not known, or announced to be outdated; then nothing may be decided. */
  get current(): WorldDocument | null {
    return this.#revision >= this.#floor ? this.#world : null;
  }

  /** Whether it may be decided by: not by one that is open where the control plane has closed something. */
  get holds(): boolean {
    return this.current !== null && !this.#isOpen;
  }

  /** The same with the revision as of which it holds, for what is kept across restarts. */
  get kept(): { readonly revision: number; readonly world: WorldDocument } | null {
    const world = this.holds ? this.current : null;
    return world && { revision: this.#revision, world };
  }

  /** The one that the control plane has, and that could not be put in force here; null: there is none. */
  get refused(): { readonly world: WorldDocument; readonly why: string } | null {
    return this.#refused;
  }

  /** Lowest revision that is not older than what is known. */
  get floor(): number {
    return Math.max(this.#revision, this.#floor);
  }

  /** It is outdated from this revision on. */
  outdate(revision: number): void {
    this.#floor = revision;
  }

  /** Takes up what was last known to be good. */
  restore(world: WorldDocument, revision: number): void {
    if (this.#refusal(world) !== null) return;
    this.#world = world;
    this.#revision = revision;
    this.#isOpen = false;
  }

  /**
   * Puts in force what the control plane says. Where it cannot be, what it closes is closed all the same.
   * @returns why it cannot, or null
   */
  offer(world: WorldDocument, revision: number): string | null {
    const why = this.#refusal(world);
    this.#isOpen = false;
    if (why === null) this.#world = world;
    else if (this.#world !== null) this.#close(closedBy(world, this.#world));
    this.#refused = why === null ? null : { world, why };
    this.#revision = revision;
    return why;
  }

  /** What was refused has been put in force after all, by files that agree with it. */
  accepted(): void {
    if (this.#refused === null) return;
    this.#world = this.#refused.world;
    this.#refused = null;
    this.#isOpen = false;
  }

  /** Null: it is in force. */
  #refusal(world: WorldDocument): string | null {
    try {
      this.#apply(world);
      return null;
    } catch (error) {
      this.#log.error(
        'what the control plane says of regions cannot be put in force here; what held before holds, but for what it closes',
        { error },
      );
      return `what holds for all cannot be put in force here: ${(error as Error).message}`;
    }
  }

  /** Where not even that can be put in force, nothing is decided. */
  #close(closed: WorldDocument): void {
    try {
      this.#apply(closed);
      this.#world = closed;
    } catch (error) {
      this.#isOpen = true;
      this.#log.error('what the control plane closes cannot be closed here, so nothing is decided', { error });
    }
  }
}
