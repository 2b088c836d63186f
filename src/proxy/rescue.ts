import type { ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';
import { header } from '../core/http.ts';
import { REASONS, type Effect, type Reason } from '../core/reasons.ts';
import { Refusal } from '../core/refusal.ts';
import type { Decision } from '../policy/model.ts';
import type { Exchange } from './exchange.ts';
import { dialectOf } from './steps.ts';

/** Bytes of an unread request body that are taken in after a refusal, so that the client reads the answer. */
const DRAIN_BYTES = 4 * 1024 * 1024;
const DRAIN_MILLISECONDS = 2000;
/** A body up to this long is drained on a connection that is kept. */
const KEEP_BYTES = 256 * 1024;

/**
 * Refuses, in the words of the client's protocol. The only place where a reason becomes an answer. The answer holds the
 * reason, the request id and, once decided, the id of the tenant's own policy: nothing of what a policy says.
 */
export function refuse(x: Exchange, refusal: Refusal): void {
  x.outcome = refusal.reason;
  x.detail = refusal.detail;
  if (refusal.leak !== null) x.proxy.metrics.leakBlocked(x.dialect?.id ?? dialectOf(x), refusal.leak);
  if (x.response.headersSent || x.response.destroyed) return cutOff(x);
  const dialect = x.dialect ?? x.proxy.dialects[dialectOf(x)];
  const answer = dialect.refuse(x.head, refusal.reason, refusal.status, refusal.message, x.requestId);
  const headers = [...answer.headers, 'content-length', String(Buffer.byteLength(answer.body))];
  headers.push('x-residency-decision', effectOf(refusal.reason, x.decision), 'x-residency-reason', refusal.reason);
  headers.push('x-request-id', x.requestId, 'x-should-retry', 'false');
  // The tenant's own policy, by id alone; a region only where one was decided on and then failed.
  if (x.decision !== null && x.decision.label !== null) headers.push('x-residency-policy', x.decision.label);
  if (x.place !== null && UPSTREAM_FAILURES.has(refusal.reason)) headers.push('x-residency-region', x.place.region.id);
  if (answer.status === 429 || answer.status === 503) headers.push('retry-after', '1');
  const unread = x.hasBody && !x.request.complete;
  const closing =
    refusal.reason === 'request_malformed' || header(x.head.headers, 'upgrade') !== null || (unread && !isShort(x));
  if (closing && x.request.httpVersionMajor === 1) headers.push('connection', 'close');
  writeHead(x, answer.status, headers, undefined);
  x.response.end(answer.body);
  if (unread) drain(x);
}

/** Ends an answer so that it does not look whole: over HTTP/2 to destroy it would say that there was no error. */
export function cutOff(x: Exchange): void {
  if (x.request.httpVersionMajor === 2)
    (x.response as Http2ServerResponse).stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  else x.response.destroy();
}

/** A failing upstream is no decision: the one that let the request go stands (DESIGN 1.4). */
export function effectOf(reason: Reason, decision: Decision | null): Effect {
  return REASONS[reason] === 200 || UPSTREAM_FAILURES.has(reason) ? (decision?.effect ?? 'deny') : 'deny';
}

const UPSTREAM_FAILURES: ReadonlySet<Reason> = new Set<Reason>([
  'upstream_connect_failed',
  'upstream_timeout',
  'upstream_reset',
]);

/** An error of our own: a bare refusal for the client, the whole of it for the log. */
export function rescue(x: Exchange, error: unknown): void {
  x.proxy.log.error('unexpected error', { request_id: x.requestId, error });
  refuse(x, new Refusal('policy_unavailable', 'The request could not be decided.', 'unexpected error'));
}

function isShort(x: Exchange): boolean {
  const { headers } = x.head;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === 'content-length') return Number(headers[i + 1]) <= KEEP_BYTES && !x.expects;
  }
  return false;
}

/**
 * Reads on for a moment without keeping anything: closing a socket with unread bytes resets it, and the client would see
 * the reset instead of the answer (RFC 9112 §9.6).
 */
function drain(x: Exchange): void {
  const { request } = x;
  let left = DRAIN_BYTES;
  const stop = () => {
    if (!('stream' in request)) request.destroy();
    // RFC 9113 §8.1: no error, when the whole answer is out.
    else request.stream.close(request.stream.writableFinished ? constants.NGHTTP2_NO_ERROR : constants.NGHTTP2_CANCEL);
  };
  const cut = setTimeout(stop, DRAIN_MILLISECONDS);
  cut.unref();
  request.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) stop();
  });
  request.once('close', () => clearTimeout(cut));
  request.once('end', () => clearTimeout(cut));
  request.once('error', () => clearTimeout(cut));
  request.resume();
}

/** What every answer says of its decision. */
export function decisionHeaders(x: Exchange, headers: string[]): void {
  const decision = x.decision!;
  headers.push('x-residency-decision', decision.effect, 'x-residency-reason', decision.reason);
  headers.push('x-residency-region', x.place!.region.id, 'x-request-id', x.requestId);
  if (decision.label !== null) headers.push('x-residency-policy', decision.label);
}

/** Writes the head of an answer. `headers` flat, lower case, values as latin1 text; a `message` beyond ASCII is left out. */
export function writeHead(x: Exchange, status: number, headers: string[], message: string | undefined): void {
  x.status = status;
  if (x.request.httpVersionMajor === 2) {
    const response = x.response as Http2ServerResponse;
    // Without a prototype: an upstream may name a field `constructor`.
    const fields = Object.create(null) as Record<string, string | string[]>;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      const value = headers[i + 1] as string;
      const known = fields[name];
      if (known === undefined) fields[name] = value;
      else if (Array.isArray(known)) known.push(value);
      else fields[name] = [known, value];
    }
    response.writeHead(status, fields);
    return;
  }
  const response = x.response as ServerResponse;
  const unfinished = !x.request.complete && x.hasBody && headers.indexOf('connection') < 0 && x.sentAt > 0;
  // An answer that overtakes its request ends the connection; so does draining.
  if (x.proxy.draining || unfinished) headers.push('connection', 'close');
  if (header(headers, 'connection') !== null) response.shouldKeepAlive = false; // read by the listener
  if (message === undefined || !PHRASE.test(message)) response.writeHead(status, headers);
  else response.writeHead(status, message, headers);
}

/** node:http throws on what else a reason phrase may hold (RFC 9112 §4). */
const PHRASE = /^[\t\x20-\x7e]*$/;
