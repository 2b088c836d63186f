import type { Wheel } from '../../wire/wheel.ts';

/** What connections of clients are held to. A reload may change it. */
export interface ClientLimits {
  /** Milliseconds. */
  readonly requestHeadTimeout: number;
  readonly idleTimeout: number;
  readonly keepAliveTimeout: number;
  /** Of a head: bytes of all, bytes of its target, and how many fields. */
  readonly headBytes: number;
  readonly targetBytes: number;
  readonly headers: number;
}

/** The same, and the clock of it. */
export interface Http1Limits extends ClientLimits {
  readonly wheel: Wheel;
}
