import { hash } from 'node:crypto';

/**
 * Step 2 of a canonical request: what stands for the body (AWS "Create a signed AWS API request", HashedPayload; S3 API
 * "Authenticating Requests", x-amz-content-sha256).
 */

/** Hash of a body of no bytes. */
export const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** The body is not under the signature: only over TLS or to loopback. */
export const UNSIGNED_PAYLOAD = 'UNSIGNED-PAYLOAD';

/** `aws-chunked` without chunk signatures, checksum in a trailer. */
export const STREAMING_UNSIGNED_PAYLOAD_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/** `aws-chunked`, each chunk signed on from the request's own signature. Cannot be re-signed: decode it first. */
export const STREAMING_AWS4_HMAC_SHA256_PAYLOAD = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD';
export const STREAMING_AWS4_HMAC_SHA256_PAYLOAD_TRAILER = 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER';

/** Event streams with a signature in each frame. Cannot be re-signed. */
export const STREAMING_AWS4_HMAC_SHA256_EVENTS = 'STREAMING-AWS4-HMAC-SHA256-EVENTS';

const HEX_SHA256 = /^[0-9a-f]{64}$/;

/** SHA-256 of a body in lower-case hex. A string is hashed as UTF-8. */
export function hashHex(body: Buffer | string): string {
  return hash('sha256', body, 'hex');
}

/** Whether this is a SHA-256 in lower-case hex, as against a sentinel. */
export function isHash(payloadHash: string): boolean {
  return HEX_SHA256.test(payloadHash);
}
