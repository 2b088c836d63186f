import { leakBlocked, malformed, type Refusal } from '../../core/refusal.ts';
import { decode } from './address.ts';
import { SELECTORS } from './operations.ts';

/** A query, sorted into what selects the operation, what goes upstream, and what a presigned URL put there. */
interface Query {
  /** The parameter that selects the operation, or `''`. */
  readonly selector: string;
  /** Decoded names that go upstream, each once. */
  readonly names: readonly string[];
  /** What goes upstream, without `?`; every character that is not unreserved is percent-encoded. */
  readonly text: string;
  /** Headers that a presigned URL carries as parameters: name, value, … in lower case and decoded. */
  readonly hoisted: readonly string[];
  /** Decoded `prefix`, or `''`. */
  readonly prefix: string;
}

const NONE: readonly string[] = [];
const NO_QUERY: Query = { selector: '', names: NONE, text: '', hoisted: NONE, prefix: '' };

/**
 * Credentials in a query: SigV4's and SigV2's. Dropped unread, as every inbound credential is; the expiry with them,
 * since nobody vouches for it once the signature goes unchecked.
 */
const CREDENTIALS: ReadonlySet<string> = new Set([
  'x-amz-algorithm',
  'x-amz-credential',
  'x-amz-date',
  'x-amz-expires',
  'x-amz-signedheaders',
  'x-amz-signature',
  'x-amz-security-token',
  'awsaccesskeyid',
  'signature',
  'expires',
]);

/** Parameters with a fixed form. Selectors that are not here are bare. */
const FORMS: ReadonlyMap<string, RegExp> = new Map([
  ['list-type', /^2$/],
  ['select-type', /^2$/],
  ['uploadId', /^.+$/s],
  ['partNumber', /^[1-9][0-9]{0,4}$/],
]);

/** Reads a query (without `?`). Names are compared exactly, after decoding; a repeated one is refused. */
export function readQuery(raw: string): Query | Refusal {
  if (raw === '') return NO_QUERY;
  let selector = '';
  let text = '';
  let prefix = '';
  const names: string[] = [];
  let hoisted: string[] | null = null;
  for (let at = 0; at < raw.length;) {
    const and = raw.indexOf('&', at);
    const end = and < 0 ? raw.length : and;
    const equals = raw.indexOf('=', at);
    const bare = equals < 0 || equals > end;
    const name = decode(raw.slice(at, bare ? end : equals));
    const rawValue = bare ? '' : raw.slice(equals + 1, end);
    at = end + 1;
    if (name === null || name === '') return malformed('The query holds a name that does not decode.');
    // `x-id` repeats the operation's name for the SDK's own logs.
    if (name === 'x-id') continue;
    const lower = name.toLowerCase();
    if (CREDENTIALS.has(lower)) {
      if (lower === 'x-amz-algorithm' && rawValue.startsWith('AWS4-ECDSA')) return multiRegion();
      continue;
    }
    if (rawValue.indexOf('+') >= 0) return malformed('A + in the query reads as itself or as a space: encode it.');
    const value = decode(rawValue);
    if (value === null) return malformed('The query holds a value that does not decode.');
    if (lower.startsWith('x-amz-')) {
      if (!isFieldValue(value)) return malformed('The query holds a header that no header could hold.');
      (hoisted ??= []).push(lower, value);
      continue;
    }
    if (names.includes(name)) return malformed('A query parameter is repeated.', name);
    names.push(name);
    const form = FORMS.get(name);
    if (SELECTORS.has(name)) {
      if (selector !== '') return malformed('The query selects two operations.', `${selector}, ${name}`);
      selector = name;
      if (form === undefined && value !== '') return malformed('A query parameter takes no value.', name);
    }
    if (form !== undefined && !form.test(value)) return malformed('A query parameter has a bad value.', name);
    if (name === 'prefix') prefix = value;
    if (text !== '') text += '&';
    text += bare ? encodeParameter(name) : `${encodeParameter(name)}=${encodeParameter(value)}`;
  }
  return { selector, names, text, hoisted: hoisted ?? NONE, prefix };
}

/** Checksums of no bytes: CRC32 and CRC32C, CRC64NVME, SHA-1, SHA-256. */
const EMPTY_CHECKSUMS: ReadonlySet<string> = new Set([
  'AAAAAA==',
  'AAAAAAAAAAA=',
  '2jmj7l5rSw0yVb/vlWAYkK/YBwk=',
  '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=',
]);

/**
 * The headers of a presigned URL as they are to be read. An SDK that presigns a PUT does not have the body yet and puts
 * the checksum of an empty one into the URL: sent as a header it would refuse every real body, so it is left out.
 */
export function hoistedHeaders(hoisted: readonly string[], hasBody: boolean): readonly string[] {
  if (!hasBody) return hoisted;
  const isEmptySum = (i: number): boolean =>
    (hoisted[i] as string).startsWith('x-amz-checksum-') && EMPTY_CHECKSUMS.has(hoisted[i + 1] as string);
  const kept: string[] = [];
  let dropped = false;
  for (let i = 0; i < hoisted.length; i += 2) if (isEmptySum(i)) dropped = true;
  for (let i = 0; i < hoisted.length; i += 2) {
    if (isEmptySum(i) || (dropped && hoisted[i] === 'x-amz-sdk-checksum-algorithm')) continue;
    kept.push(hoisted[i] as string, hoisted[i + 1] as string);
  }
  return kept;
}

/** SigV4a signs for a set of regions. */
export function multiRegion(): Refusal {
  return leakBlocked('multi_region', 'Signatures for several regions (SigV4a) are not accepted.');
}

/** One spelling only, so that no server splits a value at `;` or reads one character as another. */
function encodeParameter(text: string): string {
  if (isUnreserved(text)) return text;
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

function isUnreserved(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const letter = (c | 0x20) >= 97 && (c | 0x20) <= 122;
    if (!letter && !(c >= 48 && c <= 57) && c !== 45 && c !== 46 && c !== 95 && c !== 126) return false;
  }
  return true;
}

/** Visible ASCII, spaces and tabs: RFC 9110 §5.5 without obs-text. */
function isFieldValue(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c !== 9 && (c < 0x20 || c > 0x7e)) return false;
  }
  return true;
}
