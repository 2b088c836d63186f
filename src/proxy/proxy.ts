import type { HeadLimits } from '../inbound/framing.ts';
import type { Dialect } from '../dialect/dialect.ts';
import type { DialectId, Service } from '../core/vocabulary.ts';
import type { Signer } from '../sigv4/sign.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/trace.ts';
import type { Evidence } from './evidence.ts';
import type { Snapshot } from './snapshot.ts';
import type { Uses } from './uses.ts';

/** Bounds of the data path. Milliseconds and bytes. */
export interface Limits extends HeadLimits {
  readonly inspectBodyBytes: number;
  readonly inflight: number;
  readonly responseHead: number;
  readonly inferenceHead: number;
  readonly idle: number;
  /** From a request's leaving to the end of its answer; 0: no bound. */
  readonly total: number;
}

/** What one data plane shares among its requests. A reload replaces `snapshot`, `limits` and `shouldLog`. */
export interface Proxy {
  snapshot: Snapshot;
  limits: Limits;
  readonly dialects: Readonly<Record<DialectId, Dialect>>;
  readonly signer: Signer;
  readonly evidence: Evidence;
  readonly uses: Uses;
  /** `uses.of`, bound once. */
  readonly usesOf: (grantId: string) => number;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly tracing: Tracing;
  shouldLog: (allowed: boolean, notable: boolean) => boolean;
  /** Requests being served, by service. */
  readonly inflight: Record<Service, number>;
  /** Set once draining has begun: answers then close their connections. */
  draining: boolean;
  /** Milliseconds since the epoch, by the clock of whoever says what holds. */
  now(): number;
  /** Until when grants and overrides hold without a new word of that; by the same clock. Infinity: they are files. */
  wideningUntil(): number;
}
