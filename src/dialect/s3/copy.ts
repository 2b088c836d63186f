import { malformed, type Refusal } from '../../core/refusal.ts';
import { checkBucket, decode, hasDotSegment } from './address.ts';

/** Where a copy reads from: logical bucket, decoded key, and version or null. */
export interface CopySource {
  readonly bucket: string;
  readonly key: string;
  readonly version: string | null;
}

const VERSION = '?versionId=';

/**
 * Reads `x-amz-copy-source`: `bucket/key`, percent-encoded, with or without a leading slash, and `?versionId=`. ARNs of
 * buckets and access points are leaks. Source: Amazon S3 API Reference, CopyObject.
 */
export function readCopySource(value: string): CopySource | Refusal {
  const question = value.indexOf('?');
  const version = question < 0 ? null : value.slice(question + VERSION.length);
  if (version !== null && (!value.startsWith(VERSION, question) || !/^[A-Za-z0-9._~-]+$/.test(version))) {
    return malformed('The copy source has something other than a versionId behind its key.');
  }
  const raw = question < 0 ? value : value.slice(0, question);
  if (raw.indexOf('+') >= 0) return malformed('A + in the copy source reads as itself or as a space: encode it.');
  if (!/^[\x20-\x7e]*$/.test(raw)) return malformed('The copy source holds characters that must be percent-encoded.');
  const path = decode(raw);
  if (path === null) return malformed('The copy source does not decode.');
  const start = path.startsWith('/') ? 1 : 0;
  const slash = path.indexOf('/', start);
  const bucket = slash < 0 ? path.slice(start) : path.slice(start, slash);
  const fault = checkBucket(bucket);
  if (fault !== null) return fault;
  const key = slash < 0 ? '' : path.slice(slash + 1);
  if (key === '') return malformed('The copy source names no object.');
  if (hasDotSegment(key)) return malformed('The copy source has a segment . or ..');
  return { bucket, key, version };
}

/** The header for a physical bucket. Every segment of the key is encoded anew, in the one spelling that all decode alike. */
export function writeCopySource(physical: string, source: CopySource): string {
  const key = source.key
    .split('/')
    .map((segment) =>
      encodeURIComponent(segment).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`),
    )
    .join('/');
  return source.version === null ? `${physical}/${key}` : `${physical}/${key}${VERSION}${source.version}`;
}
