import { isUtf8 } from 'node:buffer';
import { leakBlocked, malformed, notPermitted, Refusal } from '../../core/refusal.ts';
import type { Inspection } from '../dialect.ts';
import { inflateBody } from '../inflate.ts';
import { elementNames } from './xml.ts';

const NO_NAMES: readonly string[] = [];
const RESTORE_ELEMENTS = new Set(['RestoreRequest', 'Days', 'GlacierJobParameters', 'Tier', 'Description']);
/** A restore that selects writes what it selected into any bucket that it names. */
const RESTORE_OUTPUT = new Set(['OutputLocation', 'SelectParameters', 'Type']);
const CREATE_ELEMENTS = new Set(['CreateBucketConfiguration', 'LocationConstraint']);

/** The body of RestoreObject: allowed only where the object comes back to where it lies. */
export function inspectRestore(body: Buffer, contentEncoding: string | null, limit: number): Inspection | Refusal {
  const plain = inflateBody(body, contentEncoding, limit);
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
  const plain = inflateBody(body, contentEncoding, limit);
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

function namesOf(body: Buffer): readonly string[] | null {
  return isUtf8(body) ? elementNames(body.toString('utf8')) : null;
}

function unreadable(): Refusal {
  return malformed('The body is not XML that every parser reads alike.');
}
