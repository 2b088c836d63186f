import { leakBlocked, malformed, Refusal } from '../../core/refusal.ts';
import type { Classification } from '../../core/vocabulary.ts';
import type { Place } from '../dialect.ts';

/** Server-side encryption that a client may ask for. Source: Amazon S3 API Reference, PutObject. */
const KNOWN: ReadonlySet<string> = new Set(['AES256', 'aws:kms', 'aws:kms:dsse']);

/** Classes whose objects are encrypted where they lie (DESIGN 1.5, step 9). */
function isEncrypted(classification: Classification): boolean {
  return classification === 'identity' || classification === 'transactional';
}

/**
 * What is wrong with the encryption that a request asks for. A weaker one than the endpoint's is refused rather than
 * replaced: replacing would change the key behind the client's back.
 *
 * @param encryption the client's `x-amz-server-side-encryption`, or null
 * @param kmsKey the client's key: an id, an alias or an ARN, or null
 */
export function checkEncryption(encryption: string | null, kmsKey: string | null, place: Place): Refusal | null {
  if (kmsKey !== null && kmsKey.indexOf(':') >= 0) {
    const arn = kmsKey.split(':');
    if (arn.length !== 6 || arn[0] !== 'arn' || arn[2] !== 'kms' || arn[3] !== place.region.cloudRegion) {
      return leakBlocked('kms_key', 'The KMS key is not one of the region that the data stays in.', kmsKey);
    }
  }
  if (encryption === null) return null;
  if (!KNOWN.has(encryption)) return malformed('x-amz-server-side-encryption has an unknown value.');
  if (
    encryption === 'AES256' &&
    place.endpoint.serverSideEncryption === 'aws:kms' &&
    isEncrypted(place.classification)
  ) {
    return new Refusal('encryption_required', 'This data needs server-side encryption with aws:kms.');
  }
  return null;
}

/** The `x-amz-server-side-encryption` to add to a write, or null when the client's own, or none, is right. */
export function encryptionToAdd(encryption: string | null, customerKey: string | null, place: Place): string | null {
  const setting = place.endpoint.serverSideEncryption;
  if (setting === 'provider' || encryption !== null || customerKey !== null) return null;
  return isEncrypted(place.classification) ? setting : null;
}
