import { isUtf8 } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import { leakBlocked, malformed, notPermitted, Refusal } from '../../core/refusal.ts';
import type { Inspection } from '../dialect.ts';
import { elementNames } from './xml.ts';

const NO_NAMES: readonly string[] = [];
const RESTORE_ELEMENTS = new Set(['RestoreRequest', 'Days', 'GlacierJobParameters', 'Tier', 'Description']);
/** A restore that selects writes what it selected into any bucket that it names. */
const RESTORE_OUTPUT = new Set(['OutputLocation', 'SelectParameters', 'Type']);
const CREATE_ELEMENTS = new Set(['CreateBucketConfiguration', 'LocationConstraint']);

/** The body of RestoreObject: allowed only where the object comes back to where it lies. */
export function inspectRestore(body: Buffer, contentEncoding: string | null, limit: number): Inspection | Refusal {
  const plain = inflate(body, contentEncoding, limit);
  if (plain instanceof Refusal) return plain;
  const names = plain.length === 0 ? NO_NAMES : namesOf(plain);
  if (names === null) return unreadable();
  for (const name of names) {
    if (RESTORE_OUTPUT.has(name))
      return leakBlocked('restore_output', 'A restore with an output is not accepted.', name);
    if (!RESTORE_ELEMENTS.has(name)) return notPermitted('The restore holds an element that is not known.', name);
  }
  return { body: plain, changed: plain !== body, resources: NO_NAMES, buckets: NO_NAMES, alsoVerb: null };
}

/**
 * The body of CreateBucket, made anew: `LocationConstraint` is the target's region whatever the client's was (its SDK
 * fills in the region that it believes to talk to), and absent for us-east-1, which S3 knows by no name.
 */
export function inspectCreateBucket(
  body: Buffer,
  contentEncoding: string | null,
  limit: number,
  cloudRegion: string,
): Inspection | Refusal {
  const plain = inflate(body, contentEncoding, limit);
  if (plain instanceof Refusal) return plain;
  const names = plain.length === 0 ? NO_NAMES : namesOf(plain);
  if (names === null) return unreadable();
  for (const name of names) {
    if (name === 'Location' || name === 'Bucket')
      return leakBlocked('s3_express', 'Directory buckets are not accepted.');
    if (!CREATE_ELEMENTS.has(name)) return notPermitted('The bucket configuration holds more than a location.', name);
  }
  const text =
    cloudRegion === 'us-east-1'
      ? ''
      : `<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>${cloudRegion}</LocationConstraint></CreateBucketConfiguration>`;
  return { body: Buffer.from(text), changed: true, resources: NO_NAMES, buckets: NO_NAMES, alsoVerb: null };
}

/** Bytes as they are read: plain, or gzip within the limit. Any other or stacked encoding is refused (DESIGN 1.9). */
export function inflate(body: Buffer, contentEncoding: string | null, limit: number): Buffer | Refusal {
  const coding = contentEncoding === null ? '' : contentEncoding.toLowerCase();
  if (coding === '' || coding === 'identity') return body;
  if (coding !== 'gzip') return malformed('The body has an encoding that cannot be inspected.');
  try {
    return gunzipSync(body, { maxOutputLength: limit });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      return new Refusal('body_too_large_to_inspect', 'The body is too large to be inspected.');
    }
    return malformed('The body does not inflate.');
  }
}

function namesOf(body: Buffer): readonly string[] | null {
  return isUtf8(body) ? elementNames(body.toString('utf8')) : null;
}

function unreadable(): Refusal {
  return malformed('The body is not XML that every parser reads alike.');
}
