import { LEASE } from './protocol.ts';

/** Beats that the clock is set by: a minute of them. */
const BEATS = 30;

/** Milliseconds; `monotonic` from any origin, `wall` since the epoch. */
export interface Clocks {
  monotonic(): number;
  wall(): number;
}

const SYSTEM: Clocks = { monotonic: () => performance.now(), wall: () => Date.now() };

/**
 * The store's clock as it is known here, and the lease of what widens by it. A beat that was long on its way must neither
 * set the clock back nor prolong the lease: the beats that took least time set the clock, and the lease ends five seconds
 * after the moment that the beat *names*. Between beats time passes by whichever of our clocks has gone further: the
 * monotonic one cannot be set back, and the other goes on while a machine sleeps.
 */
export class StoreClock {
  readonly #clocks: Clocks;
  readonly #ahead: number[] = [];
  #aheadOfMonotonic = 0;
  #aheadOfWall = 0;
  #leaseUntil = 0;

  constructor(clocks: Clocks = SYSTEM) {
    this.#clocks = clocks;
  }

  /** @param now of the store, when the beat was made */
  beat(now: number): void {
    this.#ahead.push(now - this.#clocks.monotonic());
    if (this.#ahead.length > BEATS) this.#ahead.shift();
    this.#aheadOfMonotonic = Math.max(...this.#ahead);
    this.#aheadOfWall = now - this.#clocks.wall();
    this.#leaseUntil = now + LEASE;
  }

  /** Milliseconds since the epoch by the store's clock; before the first beat, by ours. */
  now(): number {
    const wall = this.#clocks.wall() + this.#aheadOfWall;
    if (this.#ahead.length === 0) return wall;
    return Math.ceil(Math.max(this.#clocks.monotonic() + this.#aheadOfMonotonic, wall));
  }

  /** The end of the lease by the store's clock; 0 before the first beat. */
  get leaseUntil(): number {
    return this.#leaseUntil;
  }
}
