import { crc32, inflateRawSync } from 'node:zlib';
import { malformed, Refusal } from '../core/refusal.ts';

const HEADER_CRC = 2;
const EXTRA = 4;
const NAME = 8;
const COMMENT = 16;
const RESERVED = 0xe0;
/** CRC-32 and size, RFC 1952 section 2.3.1. */
const TRAILER = 8;

/**
 * An inspected body as it reads once decoded. `encoding` is the value of `content-encoding`, null when there is none:
 * `identity` and one member of `gzip` (RFC 1952) are known. `limit` in bytes bounds the body and what it inflates to.
 * A server that ignores what it cannot inflate would act on another body than the one judged, so everything that is not
 * exactly one whole, valid member is `request_malformed`; over the limit is `body_too_large_to_inspect`.
 */
export function inflateBody(body: Buffer, encoding: string | null, limit: number): Buffer | Refusal {
  if (body.length > limit) return tooLarge();
  switch (encoding?.toLowerCase() ?? 'identity') {
    case 'identity':
      return body;
    case 'gzip':
      return gunzip(body, limit);
    default:
      return malformed('The content encoding of the body is not supported: use gzip or none.');
  }
}

function gunzip(body: Buffer, limit: number): Buffer | Refusal {
  const start = headerLength(body);
  if (start < 0) return broken();
  let inflated: { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } };
  try {
    inflated = inflateRawSync(body.subarray(start), { info: true, maxOutputLength: limit }) as never;
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error)) throw error;
    return error.code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge() : broken();
  }
  const end = start + inflated.engine.bytesWritten;
  // Anything after the trailer, a second member too, is read by some servers and dropped by others.
  if (end + TRAILER !== body.length) return broken();
  if (body.readUInt32LE(end) !== crc32(inflated.buffer)) return broken();
  if (body.readUInt32LE(end + 4) !== inflated.buffer.length) return broken();
  return inflated.buffer;
}

/** Length of the member's header, RFC 1952 section 2.3; -1 when it is none. */
function headerLength(body: Buffer): number {
  if (body.length < 10 || body[0] !== 0x1f || body[1] !== 0x8b || body[2] !== 8) return -1;
  const flags = body[3]!;
  if ((flags & RESERVED) !== 0) return -1;
  let at = 10;
  if ((flags & EXTRA) !== 0) {
    if (at + 2 > body.length) return -1;
    at += 2 + body.readUInt16LE(at);
  }
  if ((flags & NAME) !== 0) at = afterZero(body, at);
  if (at >= 0 && (flags & COMMENT) !== 0) at = afterZero(body, at);
  if (at >= 0 && (flags & HEADER_CRC) !== 0) {
    if (at + 2 > body.length || body.readUInt16LE(at) !== (crc32(body.subarray(0, at)) & 0xffff)) return -1;
    at += 2;
  }
  return at <= body.length ? at : -1;
}

function afterZero(body: Buffer, from: number): number {
  const zero = from > body.length ? -1 : body.indexOf(0, from);
  return zero < 0 ? -1 : zero + 1;
}

function broken(): Refusal {
  return malformed('The body is not one whole gzip member.');
}

function tooLarge(): Refusal {
  return new Refusal('body_too_large_to_inspect', 'The body is too large to be inspected.');
}
