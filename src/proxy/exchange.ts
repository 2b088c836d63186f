import type { Span } from '@opentelemetry/api';
import type { Head } from '../core/http.ts';
import type { Reason } from '../core/reasons.ts';
import type { Service } from '../core/vocabulary.ts';
import type { Call, Dialect, Inspection } from '../dialect/dialect.ts';
import type { Claims } from '../inbound/facts.ts';
import type { Request, Response } from '../inbound/listener.ts';
import type { Bundle } from '../policy/compile.ts';
import type { Decision, Facts } from '../policy/model.ts';
import type { Permit } from '../policy/permit.ts';
import type { DecidedPlace } from './place.ts';
import type { Proxy } from './proxy.ts';
import type { Snapshot } from './snapshot.ts';

/** One request and its answer, filled step by step. What a step needs, the steps before it have set. */
export class Exchange {
  readonly proxy: Proxy;
  readonly service: Service;
  readonly request: Request;
  readonly response: Response;
  /** The client waits for 100 Continue. */
  readonly expects: boolean;
  /** Frozen: a reload does not reach a request in flight. */
  readonly snapshot: Snapshot;
  /** Milliseconds: wall clock of the decision, and a monotonic start. */
  readonly now: number;
  readonly startedAt: number;

  requestId = '';
  /** As received, names in lower case. */
  head: Head = NO_HEAD;
  claims: Claims | null = null;
  dialect: Dialect | null = null;
  call: Call | null = null;
  bundle: Bundle | null = null;
  facts: Facts | null = null;
  decision: Decision | null = null;
  /** The decision on a second verb, where there was one (`Call.alsoVerb`). */
  alsoDecision: Decision | null = null;
  permit: Permit | null = null;
  place: DecidedPlace | null = null;
  inspection: Inspection | null = null;
  /** The upstream's answer, from the request's leaving on: to be told when the response closes. */
  answer: { closed(): void } | null = null;
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
  recorded = false;

  constructor(proxy: Proxy, service: Service, request: Request, response: Response, expects: boolean) {
    this.proxy = proxy;
    this.service = service;
    this.request = request;
    this.response = response;
    this.expects = expects;
    this.snapshot = proxy.snapshot;
    this.now = proxy.now();
    this.startedAt = performance.now();
  }

  get version(): string {
    return this.request.httpVersion;
  }

  /** Whether a body was announced. */
  get hasBody(): boolean {
    const { headers } = this.head;
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] === 'content-length') return headers[i + 1] !== '0';
      if (headers[i] === 'transfer-encoding') return true;
    }
    return false;
  }
}

const NO_HEAD: Head = { method: '', target: '/', headers: [] };
