import type { Readable } from 'node:stream';
import { header, headerCount } from '../core/http.ts';
import { isTraceparent, newTraceparent } from '../core/ids.ts';
import { forwardable } from '../inbound/framing.ts';
import type { Endpoint, Region } from '../region/catalogue.ts';
import { EMPTY_SHA256, hashHex } from '../sigv4/payload.ts';
import type { Outgoing } from '../dialect/dialect.ts';
import type { Answer } from './answer.ts';
import { continueNow } from './collect.ts';
import type { Exchange } from './exchange.ts';

/**
 * Rewrites, signs and forwards. What is signed is what is sent. `body` is the collected body, or null to stream the
 * client's.
 * @throws TypeError without a permit: nothing leaves undecided
 */
export function depart(x: Exchange, body: Buffer | null, answer: Answer): void {
  const { permit, place, dialect, call, proxy } = x;
  if (permit === null || place === null || dialect === null || call === null)
    throw new TypeError('nothing leaves undecided');
  const { endpoint, region } = place;
  const onward = { method: x.head.method, target: x.head.target, headers: forwardable(x.head.headers) };
  const outgoing = dialect.rewrite(onward, call, place, x.inspection);
  const headers = outgoing.headers;
  if (body !== null) drop(headers, 'content-length'); // the client of the wire states the length of a whole body itself
  authenticate(x, outgoing, endpoint, region, body);
  headers.push('host', endpoint.host, 'x-request-id', x.requestId);
  correlate(x, headers);

  countUses(x);
  x.sentAt = performance.now();
  const target = endpoint.basePath + outgoing.path;
  x.snapshot.door.forward(
    permit,
    dialect.id,
    {
      method: outgoing.method,
      target: outgoing.query === '' ? target : `${target}?${outgoing.query}`,
      headers,
      body: body === null ? streamed(x, outgoing, answer) : body.length === 0 ? null : body,
      headTimeout: x.service === 'inference' ? proxy.limits.inferenceHead : proxy.limits.responseHead,
      idleTimeout: proxy.limits.idle,
    },
    answer,
  );
}

/** A trace goes on; where the client named none that is valid, one begins, and its `tracestate` says nothing. */
function correlate(x: Exchange, headers: string[]): void {
  const given = header(headers, 'traceparent');
  const continued = given !== null && isTraceparent(given) && headerCount(headers, 'traceparent') === 1;
  if (continued && x.span === null) return;
  if (given !== null) drop(headers, 'traceparent');
  if (!continued) drop(headers, 'tracestate');
  headers.push('traceparent', x.span === null ? newTraceparent() : x.proxy.tracing.traceparent(x.span));
}

/** The client's body as it comes, counted, and filtered where the dialect re-frames it. */
function streamed(x: Exchange, outgoing: Outgoing, answer: Answer): Readable | null {
  if (!x.hasBody) return null;
  const { request } = x;
  request.on('data', (chunk: Buffer) => {
    x.bytesIn += chunk.length;
  });
  request.pause(); // counting must not start the flow: the upstream connection does, at its own pace
  if (x.expects) continueNow(x);
  const { filter } = outgoing;
  if (filter === null) return request;
  // A body that breaks off, or whose framing is wrong, must not look whole to the upstream.
  request.once('error', (error) => filter.destroy(error));
  request.once('close', () => {
    if (!request.readableEnded) filter.destroy(new Error('the client went away'));
  });
  filter.once('error', (error) => answer.bodyFailed(error));
  return request.pipe(filter);
}

/** Adds what proves us to the upstream. Whatever credential the client sent is gone already (`forwardable`). */
function authenticate(x: Exchange, outgoing: Outgoing, endpoint: Endpoint, region: Region, body: Buffer | null): void {
  const { headers } = outgoing;
  const { authentication } = endpoint;
  if (authentication.kind === 'none') return;
  if (authentication.kind === 'header') {
    drop(headers, authentication.header);
    headers.push(authentication.header, authentication.value);
    return;
  }
  x.proxy.signer.sign(
    {
      method: outgoing.method,
      path: endpoint.basePath + outgoing.path,
      query: outgoing.query,
      host: endpoint.host,
      headers,
      payloadHash: outgoing.payloadHash ?? (body === null || body.length === 0 ? EMPTY_SHA256 : hashHex(body)),
    },
    authentication,
    region.cloudRegion,
    authentication.service,
    x.now,
  );
}

/** Takes a header out of a flat list, wherever it stands. */
function drop(headers: string[], name: string): void {
  if (header(headers, name) === null) return;
  let kept = 0;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) continue;
    headers[kept] = headers[i] as string;
    headers[kept + 1] = headers[i + 1] as string;
    kept += 2;
  }
  headers.length = kept;
}

/** A grant is used when the request leaves; one that serves two refusals, or two verbs, is one use. */
function countUses(x: Exchange): void {
  const { decision, alsoDecision, proxy } = x;
  if (alsoDecision === null && (decision === null || decision.reason === 'in_residency')) return;
  const used = new Set<string>();
  for (const made of [decision, alsoDecision]) {
    if (made === null) continue;
    if (made.grant !== null) used.add(made.grant.id);
    if (made.secondGrant !== null) used.add(made.secondGrant.id);
    if (made.override !== null) proxy.metrics.override('used');
  }
  for (const id of used) proxy.uses.add(id);
}
