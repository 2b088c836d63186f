import type { Span } from '@opentelemetry/api';
import type { Head } from '../core/http.ts';
import type { Reason } from '../core/reasons.ts';
import type { Service } from '../core/vocabulary.ts';
import type { Call, Dialect, Inspection } from '../dialect/dialect.ts';
import type { Claims } from '../inbound/facts.ts';
import type { Incoming, Owner } from '../inbound/incoming.ts';
import type { Bundle } from '../policy/compile.ts';
import type { Decision, Facts } from '../policy/model.ts';
import type { Permit } from '../policy/permit.ts';
import type { Answer } from './answer.ts';
import { UNRECORDED, type RecordState } from './evidence.ts';
import type { DecidedPlace } from './place.ts';
import type { Proxy } from './proxy.ts';
import { record } from './record.ts';
import type { Snapshot } from './snapshot.ts';

/** Who takes the body of a request: it is collected, or sent on as it comes. */
export interface BodyTaker {
  /** `bytes[from, to)`, valid during the call alone. */
  data(bytes: Buffer, from: number, to: number): void;
  end(trailers: readonly string[]): void;
  failed(why: string, status: number): void;
}

/** One request and its answer, filled step by step. What a step needs, the steps before it have set. */
export class Exchange implements Owner {
  readonly proxy: Proxy;
  readonly service: Service;
  readonly request: Incoming;
  /** Once decided it is kept: a reload does not reach a request in flight. */
  snapshot: Snapshot;
  /** Milliseconds: wall clock of the decision, and a monotonic start. */
  now: number;
  readonly startedAt: number;

  requestId = '';
  /** As received, names in lower case; once identified, without the identity prefix in its target. */
  head: Head;
  claims: Claims | null = null;
  dialect: Dialect | null = null;
  call: Call | null = null;
  bundle: Bundle | null = null;
  facts: Facts | null = null;
  decision: Decision | null = null;
  /** The less grave of two, where there was a second verb (`Call.alsoVerb`). */
  alsoDecision: Decision | null = null;
  permit: Permit | null = null;
  place: DecidedPlace | null = null;
  inspection: Inspection | null = null;
  body: BodyTaker | null = null;
  /** The upstream's answer, from the request's leaving on. */
  answer: Answer | null = null;
  span: Span | null = null;

  /** What became of it, for the record. Null until an answer has begun. */
  outcome: Reason | null = null;
  /** Fixed words for the log: what a refusal keeps from the client. */
  detail = '';
  status = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** Monotonic milliseconds of the request's leaving, 0 when it never left; and of the end of the upstream's answer. */
  sentAt = 0;
  upstreamEndedAt = 0;
  /** What the upstream answered, 0 when it did not. */
  upstreamStatus = 0;
  closedOnce = false;

  /** Of its record: where it stands, since when room is reserved (monotonic milliseconds), and its place in the log. */
  recordState: RecordState = UNRECORDED;
  reservedAt = 0;
  recordedAs = -1;
  /** Its neighbours among those that have room reserved. */
  openBefore: Exchange | null = null;
  openAfter: Exchange | null = null;

  constructor(proxy: Proxy, service: Service, request: Incoming) {
    this.proxy = proxy;
    this.service = service;
    this.request = request;
    this.head = request.head;
    this.snapshot = proxy.snapshot;
    this.now = proxy.now();
    this.startedAt = performance.now();
  }

  /** Whether a body was announced. */
  get hasBody(): boolean {
    return this.request.length !== 0;
  }

  /**
   * Begins anew with what is in force, where that has changed while it waited to be decided: regions and rules of before
   * must not decide. Returns whether it has.
   */
  renew(): boolean {
    const { snapshot } = this.proxy;
    if (snapshot === this.snapshot) return false;
    this.snapshot.door.left();
    snapshot.door.entered();
    this.snapshot = snapshot;
    this.head = this.request.head;
    this.claims = null;
    this.bundle = null;
    return true;
  }

  bodyData(bytes: Buffer, from: number, to: number): void {
    this.bytesIn += to - from;
    this.body?.data(bytes, from, to);
  }

  bodyEnd(trailers: readonly string[]): void {
    this.body?.end(trailers);
  }

  bodyFailed(why: string, status: number): void {
    this.body?.failed(why, status);
  }

  drained(): void {
    this.answer?.clientDrained();
  }

  closed(): void {
    try {
      try {
        this.answer?.closed(); // first: what it has seen by then belongs into the record
      } finally {
        record(this);
      }
    } catch (error) {
      this.proxy.log.error('unexpected error', { request_id: this.requestId, error });
    }
  }
}
