import { errors, type Dispatcher } from 'undici';
import type { Reason } from '../core/reasons.ts';
import { Refusal } from '../core/refusal.ts';
import type { AnswerWatcher } from '../dialect/dialect.ts';
import { connectionNamed, HOP_BY_HOP } from '../inbound/framing.ts';
import { OUTSIDE_REGION } from '../outbound/egress.ts';
import type { Exchange } from './exchange.ts';
import { cutOff, decisionHeaders, refuse, writeHead } from './rescue.ts';

/**
 * The upstream's answer on its way to the client, with backpressure: when the client is slow the upstream connection is
 * not read. What is refused is not relayed, not even in part: its connection is cut.
 */
export class Answer implements Dispatcher.DispatchHandler {
  readonly #x: Exchange;
  #controller: Dispatcher.DispatchController | null = null;
  #state: 'waiting' | 'passing' | 'inspecting' | 'over' = 'waiting';
  #watcher: AnswerWatcher | null = null;
  #status = 0;
  #message: string | undefined;
  #headers: string[] = [];
  #chunks: Buffer[] = [];
  #held = 0;
  /** Content-Length of the answer; -1 when it does not say. */
  #length = -1;

  constructor(x: Exchange) {
    this.#x = x;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#state === 'over') controller.abort(GONE);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    message?: string,
  ): void {
    if (status < 200 || this.#state === 'over') return;
    const x = this.#x;
    const { health } = x.snapshot;
    if (status === 502 || status === 503 || status === 504) health.failed(x.dialect!.id, x.permit!.target);
    else health.succeeded(x.dialect!.id, x.permit!.target);
    this.#status = status;
    this.#message = message;
    this.#headers = received(controller.rawHeaders as Buffer[]);
    if (REDIRECTS.has(status)) {
      const location = find(this.#headers, 'location') ?? find(this.#headers, 'x-amz-bucket-region') ?? '';
      return this.#fail(
        new Refusal(
          'upstream_region_mismatch',
          'The upstream answered with a redirect.',
          `${status} ${ORIGIN.exec(location)?.[0] ?? ''}`.trimEnd(), // its path names an object
        ),
      );
    }
    const verdict = x.dialect!.guardAnswer(x.call!, x.place!, status, this.#headers);
    switch (verdict.action) {
      case 'refuse':
        return this.#fail(verdict.refusal);
      case 'inspect':
        this.#state = 'inspecting';
        return;
      case 'watch':
        this.#watcher = verdict.watcher;
        return this.#pass();
      case 'pass':
        return this.#pass();
    }
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const x = this.#x;
    if (this.#state === 'passing') {
      const whole = x.bytesOut === 0 && chunk.length === this.#length;
      x.bytesOut += chunk.length;
      this.#watcher?.data(chunk);
      if (whole) endWith(x, chunk);
      else if (!(x.response as NodeJS.WritableStream).write(chunk)) {
        controller.pause();
        x.response.once('drain', () => controller.resume());
      }
    } else if (this.#state === 'inspecting') {
      this.#held += chunk.length;
      if (this.#held > x.proxy.limits.inspectBodyBytes) {
        return this.#fail(
          new Refusal('body_too_large_to_inspect', 'The answer is larger than can be inspected.', '', null, 502),
        );
      }
      this.#chunks.push(chunk);
    }
  }

  onResponseEnd(): void {
    const x = this.#x;
    x.upstreamEndedAt = performance.now();
    if (this.#state === 'inspecting') {
      const body = Buffer.concat(this.#chunks, this.#held);
      const refusal = x.dialect!.guardAnswerBody(x.call!, x.place!, this.#status, this.#headers, body);
      if (refusal !== null) return this.#fail(refusal);
      this.#pass();
      x.bytesOut += body.length;
      endWith(x, body);
    } else if (this.#state !== 'passing') {
      return;
    }
    this.#state = 'over';
    this.#noteSeen();
    if (!x.response.writableEnded) x.response.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#state === 'over') return;
    const x = this.#x;
    const { health } = x.snapshot;
    const reason = reasonOf(error, x);
    // Only what a bare connection can find out is probed: one with a bad certificate would be back at once, and out again.
    if (isUnreachable(error)) health.unreachable(x.dialect!.id, x.permit!.target);
    else if (reason === 'upstream_connect_failed' || reason === 'upstream_timeout')
      health.failed(x.dialect!.id, x.permit!.target);
    this.#fail(new Refusal(reason, UPSTREAM[reason] ?? 'The upstream failed.', error.message));
  }

  /** The body that was being sent broke its own framing: the upstream must not see a whole request. */
  bodyFailed(error: Error): void {
    if (this.#state === 'over') return;
    this.#fail(new Refusal('request_malformed', 'The request body is malformed.', error.message));
  }

  /** The response has closed. If the answer is not over yet, the client went away: the upstream request ends too. */
  closed(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#noteSeen();
    this.#controller?.abort(GONE);
  }

  #pass(): void {
    const x = this.#x;
    this.#state = 'passing';
    x.outcome = x.decision!.reason;
    const headers: string[] = [];
    const named = connectionNamed(this.#headers);
    for (let i = 0; i < this.#headers.length; i += 2) {
      const name = this.#headers[i] as string;
      if (
        HOP_BY_HOP.has(name) ||
        OURS.has(name) ||
        name.startsWith('x-residency-') ||
        (named !== null && named.has(name))
      )
        continue;
      if (name === 'content-length') this.#length = Number(this.#headers[i + 1]);
      headers.push(name, this.#headers[i + 1] as string);
    }
    decisionHeaders(x, headers);
    writeHead(x, this.#status, headers, this.#message);
  }

  /** Refuses, or cuts off what has begun; either way the upstream connection is cut. */
  #fail(refusal: Refusal): void {
    const begun = this.#state === 'passing';
    this.#state = 'over';
    this.#controller?.abort(GONE);
    if (begun) {
      // A cut-off body must not look like a whole one.
      this.#x.outcome = refusal.reason;
      this.#x.detail = refusal.detail;
      this.#noteSeen();
      cutOff(this.#x);
    } else {
      refuse(this.#x, refusal);
    }
  }

  /** Too late to refuse: the client has it. Counted and logged as what it is, also when the stream broke off. */
  #noteSeen(): void {
    const seen = this.#watcher?.end() ?? null;
    if (seen === null) return;
    this.#x.outcome = seen.reason;
    this.#x.detail = seen.detail;
  }
}

const GONE = new Error('the exchange is over');

const ORIGIN = /^(?:https?:\/\/[^/?#@]+|[a-z0-9-]+$)/i;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Fields that are ours to state; an upstream that sends them is not believed. By `alt-svc` it would send our clients past us. */
const OURS: ReadonlySet<string> = new Set(['x-request-id', 'x-should-retry', 'alt-svc']);

const UPSTREAM: Readonly<Partial<Record<Reason, string>>> = {
  upstream_connect_failed: 'The upstream could not be reached.',
  upstream_timeout: 'The upstream did not answer in time.',
  upstream_reset: 'The upstream broke off.',
  request_malformed: 'The request broke off.',
  egress_outside_region: 'The upstream is not where its region is.',
};

type NetworkError = Error & { code?: string; syscall?: string };

/** No connection came about: refused, no route, no address, no answer. */
function isUnreachable(error: NetworkError): boolean {
  return (
    error instanceof errors.ConnectTimeoutError ||
    error.syscall === 'connect' ||
    error.syscall === 'getaddrinfo' ||
    CONNECTING.has(error.code ?? '')
  );
}

function reasonOf(error: NetworkError, x: Exchange): Reason {
  if (error.code === OUTSIDE_REGION) return 'egress_outside_region';
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError)
    return 'upstream_timeout';
  if (isUnreachable(error) || error.code?.startsWith('ERR_TLS') === true || CERTIFICATE.test(error.code ?? ''))
    return 'upstream_connect_failed';
  return x.request.destroyed && !x.request.complete ? 'request_malformed' : 'upstream_reset';
}

const CONNECTING: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EAI_AGAIN',
  'ENOENT',
]);
const CERTIFICATE = /CERT|SELF_SIGNED|UNABLE_TO|HOSTNAME_MISMATCH/;

/** Header bytes as latin1 text, names in lower case. */
function received(raw: readonly Buffer[]): string[] {
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    headers.push((raw[i] as Buffer).toString('latin1').toLowerCase(), (raw[i + 1] as Buffer).toString('latin1'));
  }
  return headers;
}

function find(headers: readonly string[], name: string): string | null {
  const i = headers.indexOf(name);
  return i < 0 || i % 2 === 1 ? null : (headers[i + 1] ?? null);
}

/**
 * Ends an answer whose whole body is at hand. A small one goes as latin1 text, which is the same bytes: node:http joins
 * text with the head into one write, and a system call costs more than the copy.
 */
function endWith(x: Exchange, body: Buffer): void {
  const response = x.response as NodeJS.WritableStream;
  if (body.length > JOINED_BYTES || x.request.httpVersionMajor !== 1) response.end(body);
  else response.end(body.toString('latin1'), 'latin1');
}

const JOINED_BYTES = 8192;
