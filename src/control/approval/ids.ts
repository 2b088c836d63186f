import { createHash, randomBytes } from 'node:crypto';

/**
 * Id of a request, grant or override, such as `grant-0mibvz5kq-9f86d081884c7d659a2f`: later ones sort after earlier ones.
 * @param now milliseconds since the epoch
 */
export function newId(kind: 'request' | 'grant' | 'override', now: number): string {
  return `${kind}-${now.toString(36).padStart(9, '0')}-${randomBytes(10).toString('hex')}`;
}

/** SHA-256 of a text, hexadecimal. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
