import { Refusal } from '../core/refusal.ts';
import type { Effect, Reason } from '../core/reasons.ts';
import type { Service } from '../core/vocabulary.ts';
import type { Exchange } from './exchange.ts';

/** Where the record of an exchange stands. */
export const UNRECORDED = 0;
/** It is certain that there is room for it. */
export const RESERVED = 1;
/** Its decision is in the log, and how it ended is not. */
export const DECIDED = 2;
/** All of it is in the log, or it was given up by leave of the operator (best effort). */
export const RECORDED = 3;
export type RecordState = typeof UNRECORDED | typeof RESERVED | typeof DECIDED | typeof RECORDED;

/** What is kept of requests, for proof. Nothing leaves, and nothing is refused, without a place for its record. */
export interface Evidence {
  /** Makes sure of room for the record; else the refusal that takes the place of whatever was decided. */
  reserve(x: Exchange): Refusal | null;
  /** Whether the record of this decision, or of this refusal, must be durable before anybody sees its effect. */
  mustBeDurable(x: Exchange, refused: Reason | null): boolean;
  /** Has the decision made durable now. Calls `next` later, once; not at all when the client has gone by then. */
  secure(x: Exchange, next: (x: Exchange, failed: Refusal | null) => void): void;
  /** The end of an exchange. `ended`: monotonic milliseconds. */
  record(x: Exchange, reason: Reason, effect: Effect, ended: number): void;
  /** A request that was refused before there was an exchange: its bytes do not parse. */
  refused(service: Service, reason: Reason, status: number, requestId: string): void;
}

/** Keeps nothing: for what measures the rest of the path. */
export const NO_EVIDENCE: Evidence = {
  reserve: () => null,
  mustBeDurable: () => false,
  secure: (x, next) => queueMicrotask(() => next(x, null)),
  record: () => undefined,
  refused: () => undefined,
};

/** What a client is told whose request cannot be recorded. */
export function unrecordable(why: string): Refusal {
  return new Refusal('audit_unavailable', 'No record of the request can be kept now.', why);
}
