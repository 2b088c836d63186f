import { createHmac } from 'node:crypto';

/** Parameters of a URL that was signed for `via: proxy`. */
export const PRESIGN_EXPIRES = 'X-Domicile-Expires';
export const PRESIGN_SIGNATURE = 'X-Domicile-Signature';

/**
 * The signature of a presigned `via: proxy` URL: HMAC-SHA-256, 64 hex digits in lower case.
 * @param method GET or PUT
 * @param path as it stands in the URL from `/t/` on, percent-encoding included, without the query
 * @param expires seconds since the epoch
 */
export function presignSignature(key: Buffer, method: string, path: string, expires: number): string {
  return createHmac('sha256', key).update(`${method}\n${path}\n${expires}`).digest('hex');
}
