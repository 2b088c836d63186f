import { header } from '../core/http.ts';
import { REASONS, type Effect, type Reason } from '../core/reasons.ts';
import { Refusal } from '../core/refusal.ts';
import type { Decision } from '../policy/model.ts';
import type { Exchange } from './exchange.ts';
import { dialectOf } from './steps.ts';

/**
 * Refuses, in the words of the client's protocol. The only place where a reason becomes an answer. The answer holds the
 * reason, the request id and, once decided, the id of the tenant's own policy: nothing of what a policy says.
 */
export function refuse(x: Exchange, refusal: Refusal): void {
  const { evidence, metrics } = x.proxy;
  // What cannot be recorded is not answered for: another refusal takes its place.
  const told = evidence.reserve(x) ?? refusal;
  x.outcome = told.reason;
  x.detail = told.detail;
  if (told.leak !== null) metrics.leakBlocked(x.dialect?.id ?? dialectOf(x), told.leak);
  if (x.request.answered || x.request.over) return x.request.cut();
  if (!evidence.mustBeDurable(x, told.reason)) return tell(x, told);
  x.status = told.status;
  evidence.secure(x, (_, failed) => {
    if (failed !== null) x.outcome = failed.reason;
    tell(x, failed ?? told);
  });
}

function tell(x: Exchange, refusal: Refusal): void {
  try {
    say(x, refusal);
  } catch (error) {
    noteError(x, error);
    x.request.cut(); // no words, then
  }
}

function say(x: Exchange, refusal: Refusal): void {
  const { request } = x;
  const dialect = x.dialect ?? x.proxy.dialects[dialectOf(x)];
  const answer = dialect.refuse(x.head, refusal.reason, refusal.status, refusal.message, x.requestId);
  const body = Buffer.from(answer.body);
  const headers = [...answer.headers, 'content-length', String(body.length)];
  headers.push('x-residency-decision', effectOf(refusal.reason, x.decision), 'x-residency-reason', refusal.reason);
  headers.push('x-request-id', x.requestId, 'x-should-retry', 'false');
  // The tenant's own policy, by id alone; a region only where one was decided on and then failed.
  if (x.decision !== null && x.decision.label !== null) headers.push('x-residency-policy', x.decision.label);
  if (x.place !== null && UPSTREAM_FAILURES.has(refusal.reason)) headers.push('x-residency-region', x.place.region.id);
  if (answer.status === 401) headers.push('www-authenticate', 'Bearer');
  if (answer.status === 429 || answer.status === 503) headers.push('retry-after', '1');
  if (refusal.reason === 'request_malformed' || header(x.head.headers, 'upgrade') !== null) request.closing = true;
  x.body = null; // what is left of it concerns nobody
  writeHead(x, answer.status, headers, '', body.length);
  request.write(body, 0, body.length);
  request.end([]);
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
  noteError(x, error);
  refuse(x, new Refusal('policy_unavailable', 'The request could not be decided.', 'unexpected error'));
}

/** What every answer says of its decision. */
export function decisionHeaders(x: Exchange, headers: string[]): void {
  const decision = x.decision!;
  headers.push('x-residency-decision', decision.effect, 'x-residency-reason', decision.reason);
  headers.push('x-residency-region', x.place!.region.id, 'x-request-id', x.requestId);
  if (decision.label !== null) headers.push('x-residency-policy', decision.label);
}

/** Gives the head of an answer to the wire. `headers` flat, lower case, values as latin1 text; `length` as the wire has it. */
export function writeHead(x: Exchange, status: number, headers: string[], phrase: string, length: number): void {
  const { request } = x;
  x.status = status;
  // An answer that overtakes its request ends the connection; so does draining.
  if (x.proxy.draining || (x.sentAt > 0 && !request.complete)) request.closing = true;
  request.writeHead(status, phrase, headers, length);
}

/** An error of our own where nothing can be refused any more. The record shows that it was not judged to its end. */
export function noteError(x: Exchange, error: unknown): void {
  x.outcome = 'policy_unavailable';
  x.detail = 'unexpected error';
  x.proxy.log.error('unexpected error', { request_id: x.requestId, error });
}
