import { header, headerCount } from '../core/http.ts';
import { isTraceparent, newTraceparent } from '../core/ids.ts';
import { forwardable } from '../inbound/framing.ts';
import type { Endpoint, Region } from '../region/catalogue.ts';
import { CHUNKED } from '../wire/framing.ts';
import { EMPTY_SHA256, hashHex } from '../sigv4/payload.ts';
import type { Outgoing } from '../dialect/dialect.ts';
import type { Answer } from './answer.ts';
import type { Exchange } from './exchange.ts';
import { Upload } from './upload.ts';

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
  const length = body === null ? streamedLength(x, headers) : 0;
  const whole = body ?? (outgoing.filter === null ? arrived(x) : null);
  drop(headers, 'content-length'); // framing is the wire's
  authenticate(x, outgoing, endpoint, region, whole);
  headers.push('host', endpoint.host, 'x-request-id', x.requestId);
  correlate(x, headers);

  noteOverrides(x);
  x.sentAt = performance.now();
  const upload = whole === null && length !== 0 ? (x.body = new Upload(x, outgoing.filter)) : null;
  const target = endpoint.basePath + outgoing.path;
  const sent = x.snapshot.door.forward(
    permit,
    dialect.id,
    {
      method: outgoing.method,
      target: outgoing.query === '' ? target : `${target}?${outgoing.query}`,
      headers,
      body: whole === null || whole.length === 0 ? null : whole,
      length: upload === null ? 0 : length,
      headTimeout: x.service === 'inference' ? proxy.limits.inferenceHead : proxy.limits.responseHead,
      idleTimeout: proxy.limits.idle,
      totalTimeout: proxy.limits.total,
    },
    answer,
  );
  answer.left(sent, upload);
}

/** A body that came in together with its head is sent on together with it. */
function arrived(x: Exchange): Buffer | null {
  const whole = x.hasBody ? x.request.whole() : null;
  if (whole !== null) x.bytesIn = whole.length;
  return whole;
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

/** Bytes of the body that is streamed: what the dialect says of it, where it frames it anew. */
function streamedLength(x: Exchange, headers: readonly string[]): number {
  if (!x.hasBody) return 0;
  const stated = header(headers, 'content-length');
  return stated === null ? CHUNKED : Number(stated);
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

function noteOverrides({ decision, alsoDecision, proxy }: Exchange): void {
  if (decision !== null && decision.override !== null) proxy.metrics.overrideUsed();
  if (alsoDecision !== null && alsoDecision.override !== null) proxy.metrics.overrideUsed();
}
