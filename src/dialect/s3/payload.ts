import { leakBlocked, malformed, type Refusal } from '../../core/refusal.ts';
import {
  EMPTY_SHA256,
  isHash,
  STREAMING_AWS4_HMAC_SHA256_EVENTS,
  STREAMING_AWS4_HMAC_SHA256_PAYLOAD,
  STREAMING_AWS4_HMAC_SHA256_PAYLOAD_TRAILER,
  STREAMING_UNSIGNED_PAYLOAD_TRAILER,
  UNSIGNED_PAYLOAD,
} from '../../sigv4/payload.ts';
import type { HeadFacts } from './headers.ts';
import { multiRegion } from './query.ts';

/**
 * How the body is framed within HTTP. `plain`: not at all. `unsigned-trailer`: aws-chunked, passed byte for byte.
 * `signed`, `signed-trailer`: aws-chunked with a signature in each chunk, decoded and sent as `plain` or
 * `unsigned-trailer`, since a new seed signature breaks the chain of the old ones.
 */
type Framing = 'plain' | 'unsigned-trailer' | 'signed' | 'signed-trailer';

/** The body of a request, as it will be signed and sent. */
export interface Payload {
  /** What goes into `x-amz-content-sha256` upstream: hex or a sentinel. */
  readonly hash: string;
  readonly framing: Framing;
  /** No signature covers the bytes: only for a connection that is encrypted or never on a network. */
  readonly unsigned: boolean;
  /** Bytes of the object, where the framing says so; else -1. */
  readonly decodedLength: number;
  /** Names of the trailers, in lower case. */
  readonly trailers: readonly string[];
}

const NO_TRAILERS: readonly string[] = [];
const EMPTY: Payload = plain(EMPTY_SHA256, false);
const UNSIGNED: Payload = plain(UNSIGNED_PAYLOAD, true);

function plain(hash: string, unsigned: boolean): Payload {
  return { hash, framing: 'plain', unsigned, decodedLength: -1, trailers: NO_TRAILERS };
}

/**
 * The table of PROTOCOLS "Re-signing". A request without a body is signed with the empty hash, whatever unsigned form it
 * came in. Source: Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)", x-amz-content-sha256.
 */
export function payloadOf(facts: HeadFacts): Payload | Refusal {
  const { hash } = facts;
  const framed = hash !== null && hash.startsWith('STREAMING-');
  if (!framed) {
    if (facts.trailer !== null || facts.decodedLength !== null || isAwsChunked(facts.contentEncoding)) {
      return malformed('The request says aws-chunked in one header and not in another.');
    }
    if (hash === null || hash === UNSIGNED_PAYLOAD) return facts.hasBody ? UNSIGNED : EMPTY;
    if (hash === EMPTY_SHA256) return EMPTY;
    const lower = hash.toLowerCase();
    return isHash(lower)
      ? plain(lower, false)
      : malformed('x-amz-content-sha256 is neither a SHA-256 nor a known word.');
  }
  switch (hash) {
    case STREAMING_UNSIGNED_PAYLOAD_TRAILER:
      return chunked(facts, STREAMING_UNSIGNED_PAYLOAD_TRAILER, 'unsigned-trailer');
    case STREAMING_AWS4_HMAC_SHA256_PAYLOAD:
      return chunked(facts, UNSIGNED_PAYLOAD, 'signed');
    case STREAMING_AWS4_HMAC_SHA256_PAYLOAD_TRAILER:
      return chunked(facts, STREAMING_UNSIGNED_PAYLOAD_TRAILER, 'signed-trailer');
    case STREAMING_AWS4_HMAC_SHA256_EVENTS:
      return leakBlocked('event_stream', 'Signed event streams cannot be signed anew.');
    default:
      if (hash.startsWith('STREAMING-AWS4-ECDSA-')) return multiRegion();
      return malformed('x-amz-content-sha256 is neither a SHA-256 nor a known word.');
  }
}

function chunked(facts: HeadFacts, hash: string, framing: Framing): Payload | Refusal {
  const { decodedLength, trailer } = facts;
  if (!facts.hasBody) return malformed('The request says aws-chunked and has no body.');
  if (decodedLength === null || !/^(0|[1-9][0-9]{0,14})$/.test(decodedLength)) {
    return malformed('x-amz-decoded-content-length is missing or not a plain number.');
  }
  let trailers = NO_TRAILERS;
  if (framing === 'signed') {
    if (trailer !== null) return malformed('x-amz-trailer was sent with a payload that has no trailer.');
  } else {
    // A trailer is a header that comes late: only checksums may.
    if (trailer === null) return malformed('x-amz-trailer is missing.');
    trailers = trailer.split(',').map((name) => name.trim().toLowerCase());
    if (!trailers.every((name) => CHECKSUM_TRAILER.test(name)) || new Set(trailers).size !== trailers.length) {
      return malformed('x-amz-trailer names something other than checksums.');
    }
  }
  return { hash, framing, unsigned: true, decodedLength: Number(decodedLength), trailers };
}

const CHECKSUM_TRAILER = /^x-amz-checksum-[a-z0-9]{1,16}$/;

/** Whether `aws-chunked` is among the codings. */
function isAwsChunked(contentEncoding: string | null): boolean {
  return contentEncoding !== null && contentEncoding.toLowerCase().includes('aws-chunked');
}

/** The codings that are left once the body is decoded: those of the object itself. Empty when there are none. */
export function withoutAwsChunked(contentEncoding: string): string {
  return contentEncoding
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding.toLowerCase() !== 'aws-chunked')
    .join(',');
}
