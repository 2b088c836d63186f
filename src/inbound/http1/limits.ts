import type { Wheel } from '../../wire/wheel.ts';

/** What a connection of a client is held to, and the clock of it. */
export interface Http1Limits {
  readonly wheel: Wheel;
  /** Milliseconds. */
  readonly requestHeadTimeout: number;
  readonly idleTimeout: number;
  readonly keepAliveTimeout: number;
  /** Of a head: bytes of all, bytes of its target, and how many fields. */
  readonly headBytes: number;
  readonly targetBytes: number;
  readonly headers: number;
}
