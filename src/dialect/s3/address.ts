import { leakBlocked, malformed, notPermitted, type Refusal } from '../../core/refusal.ts';

/** Path of a request, percent-encoding as sent. `bucket` is empty for the service as a whole, `key` for a bucket. */
interface Address {
  readonly bucket: string;
  readonly key: string;
}

/**
 * Splits a path into bucket and key.
 *
 * @param hostBucket bucket that the Host names (virtual-host style), or null (path style)
 */
export function addressOf(path: string, hostBucket: string | null): Address {
  if (hostBucket !== null) return { bucket: hostBucket, key: path.slice(1) };
  const slash = path.indexOf('/', 1);
  if (slash < 0) return { bucket: path.slice(1), key: '' };
  return { bucket: path.slice(1, slash), key: path.slice(slash + 1) };
}

/**
 * The bucket that a Host names, or null when it is outside the suffix.
 *
 * @param host as sent, with or without a port
 * @param dotSuffix `.` and the suffix, in lower case
 */
export function bucketOfHost(host: string, dotSuffix: string): string | null {
  const colon = host.lastIndexOf(':');
  const name = (colon > host.lastIndexOf(']') ? host.slice(0, colon) : host).toLowerCase();
  return name.endsWith(dotSuffix) && name.length > dotSuffix.length ? name.slice(0, -dotSuffix.length) : null;
}

/** Hosts of AWS that reach past one region, or that are not S3's data plane. */
const FOREIGN_HOSTS: readonly (readonly [string, string])[] = [
  ['s3-accelerate', 'acceleration'],
  ['mrap.accesspoint', 'multi_region'],
  ['s3-global', 'multi_region'],
  ['s3-object-lambda', 'object_lambda'],
  ['s3-accesspoint', 'access_point'],
  ['s3-outposts', 'access_point'],
  ['s3express', 's3_express'],
  ['s3-control', 'control_plane'],
];

/** A Host such as `bucket.s3-accelerate.amazonaws.com` is refused: it asks for a service that no region bounds. */
export function hostLeak(host: string): Refusal | null {
  const name = host.toLowerCase();
  if (!name.includes('amazonaws.')) return null;
  for (const [part, leak] of FOREIGN_HOSTS) {
    if (name.includes(part)) return leakBlocked(leak, 'The Host names a service that is not bound to one region.');
  }
  return null;
}

/**
 * Percent-decodes a bucket, key or parameter. Null when it is not UTF-8 (overlong forms and surrogates included) or
 * holds a NUL: servers disagree on those.
 */
export function decode(raw: string): string | null {
  if (raw.indexOf('%') < 0) return raw;
  let text: string;
  try {
    text = decodeURIComponent(raw);
  } catch {
    return null;
  }
  return text.indexOf('\0') < 0 ? text : null;
}

/** Whether a decoded key has a segment `.` or `..`: servers and proxies disagree on whether to resolve them. */
export function hasDotSegment(key: string): boolean {
  for (let at = key.indexOf('.'); at >= 0; at = key.indexOf('.', at + 1)) {
    if (at !== 0 && key.charCodeAt(at - 1) !== SLASH) continue;
    const end = key.charCodeAt(at + 1) === DOT ? at + 2 : at + 1;
    if (end === key.length || key.charCodeAt(end) === SLASH) return true;
  }
  return false;
}

const SLASH = 47;
const DOT = 46;

/**
 * Whether a name, logical or physical, is one plain bucket of one region. ARNs, access points, multi-region and
 * directory buckets are leaks; what breaks the naming rules is malformed.
 * Source: Amazon S3 User Guide, "General purpose bucket naming rules".
 */
export function checkBucket(name: string): Refusal | null {
  const leak = leakOfBucket(name);
  if (leak !== null) return leakBlocked(leak, 'The bucket is not a plain bucket of one region.');
  if (name === 'v20180820') return notPermitted('The S3 control plane is not served.');
  return isBucketName(name) ? null : malformed('The bucket name is not valid.');
}

/** The row of the leak table that a bucket name belongs to, or null. */
function leakOfBucket(name: string): string | null {
  const c = name.charCodeAt(0);
  if ((c === 97 || c === 65) && name.slice(0, 4).toLowerCase() === 'arn:') return 'bucket_arn';
  // Reserved suffixes end in one of these letters, which few other names do.
  const last = name.charCodeAt(name.length - 1) | 0x20;
  if (last !== 51 && last !== 112 && last !== 115) return null;
  const lower = name.toLowerCase();
  if (lower.endsWith('--x-s3')) return 's3_express';
  if (lower.endsWith('.mrap')) return 'multi_region';
  if (lower.endsWith('-s3alias')) return 'access_point';
  if (lower.endsWith('--ol-s3')) return 'object_lambda';
  if (lower.endsWith('--table-s3') || lower.endsWith('--op-s3')) return 'access_point';
  return null;
}

function isBucketName(name: string): boolean {
  // Three characters at least is the store's own rule, and its refusal is harmless; length bounds are for safety only.
  if (name.length === 0 || name.length > 63) return false;
  let previous = DOT;
  let digitsAndDots = true;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (c === DOT || c === 45) {
      // A dot next to a dot, or a hyphen or dot at the start, is refused.
      if (previous === DOT && (c === DOT || i === 0)) return false;
      if (c === 45) digitsAndDots = false;
    } else if (c >= 97 && c <= 122) {
      digitsAndDots = false;
    } else if (c < 48 || c > 57) {
      return false;
    }
    previous = c;
  }
  // Four numbers with dots would be an address to some clients; no bucket is only digits and dots otherwise either.
  return previous !== DOT && previous !== 45 && !(digitsAndDots && name.indexOf('.') >= 0);
}
