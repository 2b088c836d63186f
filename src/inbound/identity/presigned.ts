import { timingSafeEqual } from 'node:crypto';
import { pathOf, queryOf, type Head } from '../../core/http.ts';
import { PRESIGN_EXPIRES, PRESIGN_SIGNATURE, presignSignature } from '../../core/presign.ts';
import { Refusal } from '../../core/refusal.ts';
import type { Service } from '../../core/vocabulary.ts';

/** Seconds since the epoch as we write them, and a signature. */
const EXPIRES = /^[1-9][0-9]{0,11}$/;
const SIGNATURE = /^[0-9a-f]{64}$/;

/**
 * Checks a URL that was signed for `via: proxy`.
 *
 * The signature covers method, path and expiry, so nothing else may say what is done: another parameter would select
 * another operation, and an `x-amz-` header another object. A GET covers its HEAD.
 *
 * @param key null: nothing was ever signed
 * @param now milliseconds since the epoch
 * @returns the target without its query; null for a URL that is not presigned; or why it is refused
 */
export function readPresigned(head: Head, service: Service, key: Buffer | null, now: number): string | null | Refusal {
  const query = queryOf(head.target);
  if (query === '' || !namesOurs(query)) return null;
  const given = parametersOf(query);
  // Buckets and indices may share a path: what was signed for one store must not open another.
  if (given === null || key === null || service !== 'storage') return invalid();
  const path = pathOf(head.target);
  const method = head.method === 'HEAD' ? 'GET' : head.method;
  const expected = presignSignature(key, method, path, Number(given.expires));
  if (!timingSafeEqual(Buffer.from(given.signature), Buffer.from(expected))) return invalid();
  if (now >= Number(given.expires) * 1000)
    return new Refusal('identity_unauthenticated', 'The presigned URL has expired.', 'presigned URL expired');
  if (changesWhatIsDone(head.headers)) return invalid();
  return path;
}

function invalid(): Refusal {
  return new Refusal('identity_unauthenticated', 'The presigned URL is not valid.', 'presigned URL not valid');
}

/** Whether the name of any parameter looks like one of ours, in whatever spelling. */
function namesOurs(query: string): boolean {
  if (!/domicile|%/i.test(query)) return false;
  return query.split('&').some((parameter) => OURS.test(decoded(parameter.split('=', 1)[0]!)));
}

const OURS = /^x-domicile-/i;

/** ASCII alone: nothing else is in our names. */
function decoded(name: string): string {
  return name.replace(/%([0-7][0-9a-f])/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Both of ours, once each, in their own spelling, and nothing else. */
function parametersOf(query: string): { expires: string; signature: string } | null {
  let expires: string | null = null;
  let signature: string | null = null;
  for (const parameter of query.split('&')) {
    const equals = parameter.indexOf('=');
    const name = parameter.slice(0, Math.max(0, equals));
    const value = parameter.slice(equals + 1);
    if (name === PRESIGN_EXPIRES && expires === null && EXPIRES.test(value)) expires = value;
    else if (name === PRESIGN_SIGNATURE && signature === null && SIGNATURE.test(value)) signature = value;
    else return null;
  }
  return expires === null || signature === null ? null : { expires, signature };
}

/** `x-amz-` headers that only describe the body. S3 too refuses others that a presigned URL does not cover. */
const DESCRIBING = /^x-amz-(?:content-sha256|date|user-agent|sdk-checksum-algorithm|checksum-[a-z0-9]+)$/;

function changesWhatIsDone(headers: readonly string[]): boolean {
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (name.startsWith('x-amz-') && !DESCRIBING.test(name)) return true;
  }
  return false;
}
