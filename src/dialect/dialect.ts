import type { Head } from '../core/http.ts';
import type { Reason } from '../core/reasons.ts';
import type { Refusal } from '../core/refusal.ts';
import type { Classification, DialectId, Service, Verb } from '../core/vocabulary.ts';
import type { Naming } from '../policy/model.ts';
import type { Endpoint, Region } from '../region/catalogue.ts';
import type { Transform } from 'node:stream';

/** What a dialect reads off one head. Each dialect adds its own fields (bucket and key, index, model). */
export interface Call {
  /** Name in the dialect's table of operations. */
  readonly operation: string;
  readonly verb: Verb;
  /** A second verb that must be allowed too: a store whose answer carries documents is also an access. */
  readonly alsoVerb: Verb | null;
  readonly naming: Naming;
  /** As in `Facts.resources`: whole logical names, percent-decoded, before any template. */
  readonly resources: readonly string[];
  /** `stream`: never looked into. `inspect`: read whole, up to the limit, and given to `guardBody`. */
  readonly body: 'stream' | 'inspect';
}

/** Where an allowed request goes. Made once a decision has named the region. */
export interface Place {
  readonly region: Region;
  readonly endpoint: Endpoint;
  readonly tenant: string;
  readonly classification: Classification;
  readonly verb: Verb;
  /** Days that the policy wants data kept, or null. */
  readonly retentionDays: number | null;
  /** Whether an endpoint of the dialect lies inside P(process) of the policy: for destination sets of model prefixes.
   *  Takes a cloud region name such as `eu-north-1`; one that is not in the catalogue is outside. */
  mayProcessIn(cloudRegion: string): boolean;
  /** Physical name of a logical bucket in this place's region, by the storage endpoint's template; null without one. */
  bucketName(bucket: string): string | null;
}

/** What a guard found in a body. */
export interface Inspection {
  /** The body to send: the same bytes, or rewritten ones (never compressed when rewritten). */
  readonly body: Buffer;
  /** True when `body` is not what came: `content-encoding` is then dropped and the length and hash are made anew. */
  readonly changed: boolean;
  /** Everything that the body names, of this dialect's own service, to be decided with the head's names. */
  readonly resources: readonly string[];
  /** Buckets named by `s3://` URIs in the body, to be checked against the policy's storage list. */
  readonly buckets: readonly string[];
  /** As `Call.alsoVerb`, where only the body tells. */
  readonly alsoVerb: Verb | null;
}

/** A request as it will be sent. `sign` appends to `headers`. */
export interface Outgoing {
  readonly method: string;
  /** Path and query exactly as sent and signed, without the endpoint's base path. */
  readonly path: string;
  readonly query: string;
  /** Flat, lower-case names. Holds no hop-by-hop, identity, credential or `host` header. Holds `content-length` if the
   *  body has a known one. */
  readonly headers: string[];
  /** For SigV4: hex hash, `UNSIGNED-PAYLOAD`, `STREAMING-UNSIGNED-PAYLOAD-TRAILER`; null = hash the inspected body. */
  readonly payloadHash: string | null;
  /** A filter that the streamed body goes through (decoding of aws-chunked), or null. */
  readonly filter: Transform | null;
}

/** What to do with an answer, told from its status and headers. */
export type Verdict =
  /** Pass it on as it streams. */
  | { readonly action: 'pass' }
  /** Discard it and refuse. */
  | { readonly action: 'refuse'; readonly refusal: Refusal }
  /** Read the body (up to the inspection limit) and ask `guardAnswerBody`. */
  | { readonly action: 'inspect' }
  /** Pass it on, and show each chunk to the watcher; what it returns at the end is logged and counted. */
  | { readonly action: 'watch'; readonly watcher: AnswerWatcher };

export const PASS: Verdict = { action: 'pass' };
export const INSPECT: Verdict = { action: 'inspect' };

export interface AnswerWatcher {
  data(chunk: Buffer): void;
  /** Null: nothing wrong. */
  end(): Refusal | null;
}

/** A refusal in the protocol's own words. `headers` are flat, lower case, without `content-length`. */
export interface RefusalAnswer {
  readonly status: number;
  readonly headers: readonly string[];
  readonly body: string;
}

/**
 * One protocol. Stateless; everything it needs is made at start-up. Steps are called in this order, each only if the one
 * before did not refuse:
 *   read → (decision) → guardHead → guardBody when `call.body` is `inspect` → (decision with the body's names) → rewrite
 *   → (sign) → guardAnswer → guardAnswerBody
 */
export interface Dialect<C extends Call = Call> {
  readonly id: DialectId;
  readonly service: Service;
  /** Facts of the head, or `operation_not_permitted`, `leak_blocked`, `request_malformed`. */
  read(head: Head): C | Refusal;
  /** Leaks that the head shows, for the region decided on. */
  guardHead(head: Head, call: C, place: Place): Refusal | null;
  /** Leaks that the body shows. `body` as received, still compressed. `limit` in bytes also bounds what it inflates to. */
  guardBody(head: Head, call: C, place: Place, body: Buffer, limit: number): Inspection | Refusal;
  /** The request for the region decided on. `inspection` is null for streamed bodies. Hop-by-hop, connection-named and
   *  identity headers are already gone from `head.headers`; so are `host` and `expect`. */
  rewrite(head: Head, call: C, place: Place, inspection: Inspection | null): Outgoing;
  /** What to do with an upstream's answer. Redirects (301, 302, 303, 307, 308) never get here. `headers` flat, lower case. */
  guardAnswer(call: C, place: Place, status: number, headers: readonly string[]): Verdict;
  /** After an `inspect` verdict. `body` still compressed as `content-encoding` says. Null: pass it on. */
  guardAnswerBody(call: C, place: Place, status: number, headers: readonly string[], body: Buffer): Refusal | null;
  /** The refusal that this protocol's SDKs turn into their own typed error. */
  refuse(head: Head, reason: Reason, status: number, message: string, requestId: string): RefusalAnswer;
}
