import { malformed, Refusal } from '../core/refusal.ts';
import { header } from '../core/http.ts';
import type { Exchange } from './exchange.ts';

/**
 * Whether the body must be read before anything leaves: a guard looks into it, or SigV4 signs its hash and the client
 * sent none (every service but S3).
 */
export function needsWholeBody(x: Exchange): boolean {
  if (x.call!.body === 'inspect') return true;
  return x.place!.endpoint.authentication.kind === 'sigv4' && x.dialect!.id !== 's3' && x.hasBody;
}

/**
 * Reads the whole body, up to `limit` bytes; past it, `body_too_large_to_inspect`, at once where Content-Length tells.
 * Calls back exactly once, unless the client goes first: then there is nobody to answer.
 */
export function collect(x: Exchange, limit: number, done: (x: Exchange, body: Buffer | Refusal) => void): void {
  const announced = Number(header(x.head.headers, 'content-length') ?? 0);
  if (announced > limit) return done(x, tooLarge());
  if (!x.hasBody) return done(x, EMPTY);
  const { request } = x;
  const chunks: Buffer[] = [];
  let length = 0;
  const finish = (body: Buffer | Refusal) => {
    request.off('data', onData).off('end', onEnd).off('error', onError);
    if (!x.response.destroyed) done(x, body);
  };
  const onData = (chunk: Buffer) => {
    length += chunk.length;
    x.bytesIn += chunk.length;
    if (length > limit) finish(tooLarge());
    else chunks.push(chunk);
  };
  const onEnd = () => finish(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, length));
  const onError = () => finish(malformed('The request body could not be read.'));
  request.on('data', onData).on('end', onEnd).on('error', onError);
  if (x.expects) continueNow(x);
}

/** Only after an allow: a client that waits has sent no byte of its body until then. */
export function continueNow(x: Exchange): void {
  x.response.writeContinue();
}

function tooLarge(): Refusal {
  return new Refusal('body_too_large_to_inspect', 'The request body is larger than can be inspected.');
}

const EMPTY = Buffer.alloc(0);
