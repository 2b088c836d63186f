import type { Reason } from '../core/reasons.ts';
import { Refusal } from '../core/refusal.ts';
import type { AnswerWatcher, Verdict } from '../dialect/dialect.ts';
import { connectionNamed, HOP_BY_HOP } from '../inbound/framing.ts';
import type { Arrival, Call, Failure, FailureKind } from '../outbound/call.ts';
import { CHUNKED, UNTIL_CLOSE } from '../wire/framing.ts';
import { Gathered } from '../wire/gathered.ts';
import type { Exchange } from './exchange.ts';
import { decisionHeaders, noteError, refuse, rescue, writeHead } from './rescue.ts';
import { passable } from './trailers.ts';
import type { Upload } from './upload.ts';

const WAITING = 0;
const PASSING = 1;
const INSPECTING = 2;
const OVER = 3;

/**
 * The upstream's answer on its way to the client, with backpressure: when the client is slow the upstream connection is
 * not read. What is refused is not relayed, not even in part: its connection is cut.
 */
export class Answer implements Arrival {
  readonly #x: Exchange;
  #call: Call | null = null;
  #upload: Upload | null = null;
  #state = WAITING;
  #watcher: AnswerWatcher | null = null;
  #status = 0;
  #phrase = '';
  #headers: string[] = [];
  #length = 0;
  /** Of an answer that is inspected. */
  #body: Gathered | null = null;

  constructor(x: Exchange) {
    this.#x = x;
  }

  /** The request has left. @param upload what of its body is still to come, or null */
  left(call: Call, upload: Upload | null): void {
    this.#call = call;
    this.#upload = upload;
    if (this.#state === OVER) this.#drop();
  }

  writable(): void {
    if (this.#state !== OVER) this.#upload?.begin(this.#call!);
  }

  drained(): void {
    this.#upload?.drained();
  }

  information(status: number, headers: string[]): void {
    if (this.#state === WAITING) this.#x.request.writeInformation(status, this.#passable(headers));
  }

  head(status: number, phrase: string, headers: string[], length: number): void {
    if (this.#state === OVER) return;
    const x = this.#x;
    const { health } = x.snapshot;
    if (status === 502 || status === 503 || status === 504) health.failed(x.dialect!.id, x.permit!.target);
    else health.succeeded(x.dialect!.id, x.permit!.target);
    this.#status = status;
    x.upstreamStatus = status;
    this.#phrase = phrase;
    this.#headers = headers;
    this.#length = length;
    if (REDIRECTS.has(status)) {
      const location = find(headers, 'location') ?? find(headers, 'x-amz-bucket-region') ?? '';
      return this.#fail(
        new Refusal(
          'upstream_region_mismatch',
          'The upstream answered with a redirect.',
          `${status} ${ORIGIN.exec(location)?.[0] ?? ''}`.trimEnd(), // its path names an object
        ),
      );
    }
    try {
      this.#judge(x.dialect!.guardAnswer(x.call!, x.place!, status, headers));
    } catch (error) {
      this.#broken(error);
    }
  }

  #judge(verdict: Verdict): void {
    switch (verdict.action) {
      case 'refuse':
        return this.#fail(verdict.refusal);
      case 'inspect':
        this.#state = INSPECTING;
        this.#body = new Gathered(Math.max(0, this.#length));
        return;
      case 'watch':
        this.#watcher = verdict.watcher;
        return this.#pass();
      case 'pass':
        return this.#pass();
    }
  }

  data(bytes: Buffer, from: number, to: number): void {
    const x = this.#x;
    if (this.#state === PASSING) {
      x.bytesOut += to - from;
      if (this.#watcher !== null && !this.#watched(bytes.subarray(from, to))) return;
      if (!x.request.write(bytes, from, to)) this.#call?.pause();
    } else if (this.#state === INSPECTING) {
      if (this.#body!.length + to - from > x.proxy.limits.inspectBodyBytes) {
        return this.#fail(
          new Refusal('body_too_large_to_inspect', 'The answer is larger than can be inspected.', '', null, 502),
        );
      }
      this.#body!.add(bytes, from, to);
    }
  }

  #watched(chunk: Buffer): boolean {
    try {
      this.#watcher!.data(chunk);
      return true;
    } catch (error) {
      this.#broken(error);
      return false;
    }
  }

  flush(): void {
    if (this.#state === PASSING) this.#x.request.flush();
  }

  end(trailers: readonly string[]): void {
    const x = this.#x;
    x.upstreamEndedAt = performance.now();
    try {
      if (this.#state === INSPECTING) {
        const body = this.#body!.take();
        const refusal = x.dialect!.guardAnswerBody(x.call!, x.place!, this.#status, this.#headers, body);
        if (refusal !== null) return this.#fail(refusal);
        this.#pass();
        x.bytesOut += body.length;
        x.request.write(body, 0, body.length);
      } else if (this.#state !== PASSING) {
        return;
      }
      this.#noteSeen();
    } catch (error) {
      return this.#broken(error);
    }
    this.#state = OVER;
    this.#upload?.stop();
    x.request.end(passable(trailers));
  }

  failed({ kind, message }: Failure): void {
    if (this.#state === OVER) return;
    const x = this.#x;
    const { health } = x.snapshot;
    // Only what a bare connection can find out is probed: one with a bad certificate would be back at once, and out again.
    if (kind === 'unreachable') health.unreachable(x.dialect!.id, x.permit!.target);
    else if (kind === 'untrusted' || kind === 'timeout') health.failed(x.dialect!.id, x.permit!.target);
    const [reason, words] = FAILURES[kind];
    this.#fail(new Refusal(reason, words, message));
  }

  /** The body that was being sent broke off or broke its framing: the upstream must not see a whole request. */
  bodyFailed(why: string, status: number): void {
    if (this.#state !== OVER)
      this.#fail(new Refusal('request_malformed', 'The request body is malformed.', why, null, status));
  }

  /** The client has taken what it was given. */
  clientDrained(): void {
    if (this.#state === PASSING) this.#call?.resume();
  }

  /** The exchange has closed. If the answer is not over yet, the client went away: the upstream request ends too. */
  closed(): void {
    if (this.#state === OVER) return;
    this.#state = OVER;
    this.#noteSeen();
    this.#drop();
  }

  #drop(): void {
    this.#upload?.stop();
    this.#call?.abort();
  }

  #pass(): void {
    const x = this.#x;
    this.#state = PASSING;
    x.outcome = x.decision!.reason;
    const headers = this.#passable(this.#headers);
    decisionHeaders(x, headers);
    // Ended by its connection a body that is cut would look whole to a client that sees no reset: over TLS, or a Unix socket.
    writeHead(x, this.#status, headers, this.#phrase, this.#length === UNTIL_CLOSE ? CHUNKED : this.#length);
  }

  /** What of an answer's fields travels on, in the same array. Its length does whatever `Connection` says: the engine frames by it. */
  #passable(headers: string[]): string[] {
    const named = connectionNamed(headers);
    let kept = 0;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      if (WITHHELD.has(name) || isOurs(name) || (named !== null && name !== 'content-length' && named.has(name)))
        continue;
      headers[kept] = name;
      headers[kept + 1] = headers[i + 1] as string;
      kept += 2;
    }
    headers.length = kept;
    return headers;
  }

  /** An error of our own: what cannot be judged is not handed on. */
  #broken(error: unknown): void {
    this.#state = OVER;
    this.#watcher = null;
    this.#drop();
    rescue(this.#x, error);
  }

  /** Refuses, or cuts off what has begun; either way the upstream connection is cut. */
  #fail(refusal: Refusal): void {
    const begun = this.#state === PASSING;
    this.#state = OVER;
    this.#drop();
    const x = this.#x;
    if (begun) {
      // A cut-off body must not look like a whole one.
      x.outcome = refusal.reason;
      x.detail = refusal.detail;
      this.#noteSeen();
      x.request.cut();
    } else {
      refuse(x, refusal);
    }
  }

  /** Too late to refuse: the client has it. Counted and logged as what it is, also when the stream broke off. */
  #noteSeen(): void {
    const watcher = this.#watcher;
    this.#watcher = null;
    if (watcher === null) return;
    try {
      const seen = watcher.end();
      if (seen === null) return;
      this.#x.outcome = seen.reason;
      this.#x.detail = seen.detail;
    } catch (error) {
      noteError(this.#x, error);
    }
  }
}

const ORIGIN = /^(?:https?:\/\/[^/?#@]+|[a-z0-9-]+$)/i;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Fields that end here, and those that are ours to state: an upstream that sends them is not believed. By `alt-svc` it
 *  would send our clients past us. */
const WITHHELD: ReadonlySet<string> = new Set([...HOP_BY_HOP, 'x-request-id', 'x-should-retry', 'alt-svc']);

function isOurs(name: string): boolean {
  return name.charCodeAt(0) === 120 && name.startsWith('x-residency-'); // `x`
}

const FAILURES: Readonly<Record<FailureKind, readonly [reason: Reason, words: string]>> = {
  unreachable: ['upstream_connect_failed', 'The upstream could not be reached.'],
  untrusted: ['upstream_connect_failed', 'The upstream could not be reached.'],
  outside_region: ['egress_outside_region', 'The upstream is not where its region is.'],
  overloaded: ['overloaded', 'Too many requests wait for the upstream.'],
  timeout: ['upstream_timeout', 'The upstream did not answer in time.'],
  reset: ['upstream_reset', 'The upstream broke off.'],
  malformed: ['upstream_reset', 'The upstream broke off.'],
};

function find(headers: readonly string[], name: string): string | null {
  const i = headers.indexOf(name);
  return i < 0 || i % 2 === 1 ? null : (headers[i + 1] ?? null);
}
