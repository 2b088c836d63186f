/**
 * Step 1: the canonical request (AWS "Create a signed AWS API request", "Create a canonical request"; S3 API "Signature
 * Calculations for the Authorization Header").
 *
 * Everything here works on bytes as they go over the wire: paths and queries are visible ASCII, header values are
 * latin1 strings as node's HTTP parsers make them.
 */

const PERCENT = 0x25;
const PLUS = 0x2b;
const SLASH = 0x2f;

const NOT_UNRESERVED = /[^A-Za-z0-9\-._~]/;
const NOT_PLAIN_PATH = /[^A-Za-z0-9\-._~/]/;
const NOT_VISIBLE = /[^!-~]/;
const PLAIN_PAIR = /^[A-Za-z0-9\-._~]+=[A-Za-z0-9\-._~]*$/;
const UNNORMALIZED = /\/(?:\/|\.\.?(?:\/|$))/;

/** Every byte as UriEncode writes it: unreserved characters as they are, the others as `%XY` in upper case. */
const ENCODED: readonly string[] = Array.from({ length: 256 }, encodeByte);
/** The same, with `/` as it is. */
const ENCODED_BUT_SLASH: readonly string[] = ENCODED.with(SLASH, '/');

function encodeByte(_: unknown, byte: number): string {
  const char = String.fromCharCode(byte);
  return NOT_UNRESERVED.test(char) ? `%${byte.toString(16).toUpperCase().padStart(2, '0')}` : char;
}

/**
 * The form of an S3 path that is both sent and signed: decoded and encoded once, `/` kept, dots and double slashes kept.
 * S3 computes it from whatever was sent; servers that sign the path as it came agree only if it was sent in this form.
 * `+` is a plus. `%2F` becomes `/`, which names the same key.
 *
 * @param path origin-form without query, as received: visible ASCII, starting with `/`
 * @throws TypeError when it is not that, or holds a `%` without two hex digits (refuse such a target before)
 */
export function canonicalS3Path(path: string): string {
  if (isPlainPath(path)) return path;
  checkPath(path);
  return reencode(path, ENCODED_BUT_SLASH, '%2B');
}

/**
 * The path as every other service signs it: dot segments and double slashes taken out, then encoded a second time.
 *
 * @param path origin-form without query, exactly as sent: visible ASCII, starting with `/`
 * @throws TypeError when it is not that
 */
export function canonicalPath(path: string): string {
  const plain = isPlainPath(path);
  if (!plain) checkPath(path);
  const normal = UNNORMALIZED.test(path) ? normalize(path) : path;
  if (plain) return normal;
  let out = '';
  for (let i = 0; i < normal.length; i++) out += ENCODED_BUT_SLASH[normal.charCodeAt(i)];
  return out;
}

/**
 * Pairs decoded, encoded, and sorted by name and then value; a name without `=` gets one; empty pairs are left out.
 * `+` is a space, as in an HTML form: so S3 and OpenSearch Service read it when they check a signature.
 *
 * @param query without `?`, exactly as sent: visible ASCII
 * @throws TypeError when it is not that, or holds a `%` without two hex digits (refuse such a target before)
 */
export function canonicalQuery(query: string): string {
  if (query === '' || PLAIN_PAIR.test(query)) return query;
  if (NOT_VISIBLE.test(query)) throw new TypeError('A signed query must be visible ASCII, as it is sent');
  const pairs: string[] = [];
  for (const pair of query.split('&')) if (pair !== '') pairs.push(sortablePair(pair));
  return pairs.sort().join('&').replaceAll('!', '=');
}

/** `!` is always encoded and sorts before all that is not, so that plain string order is order by name, then value. */
function sortablePair(pair: string): string {
  const equals = pair.indexOf('=');
  if (equals < 0) return `${canonicalComponent(pair)}!`;
  return `${canonicalComponent(pair.slice(0, equals))}!${canonicalComponent(pair.slice(equals + 1))}`;
}

function canonicalComponent(text: string): string {
  return NOT_UNRESERVED.test(text) ? reencode(text, ENCODED, '%20') : text;
}

function reencode(text: string, encoded: readonly string[], plus: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) {
    const byte = text.charCodeAt(i);
    if (byte === PERCENT) {
      out += encoded[16 * hexDigit(text, i + 1) + hexDigit(text, i + 2)];
      i += 2;
    } else {
      out += byte === PLUS ? plus : encoded[byte];
    }
  }
  return out;
}

function hexDigit(text: string, at: number): number {
  const code = text.charCodeAt(at); // NaN past the end: no branch takes it
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  if (lower >= 0x61 && lower <= 0x66) return lower - 0x57;
  throw new TypeError('A signed path or query holds a % without two hex digits');
}

function isPlainPath(path: string): boolean {
  return path.charCodeAt(0) === SLASH && !NOT_PLAIN_PATH.test(path);
}

function checkPath(path: string): void {
  if (path.charCodeAt(0) !== SLASH || NOT_VISIBLE.test(path)) {
    throw new TypeError('A signed path must start with / and be visible ASCII, as it is sent');
  }
}

/** AWS keeps a trailing slash only where the path as sent ends in one: not where it ends in `/.` or `/..`. */
function normalize(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '' && segment !== '.') kept.push(segment);
  }
  return kept.length > 0 && path.endsWith('/') ? `/${kept.join('/')}/` : `/${kept.join('/')}`;
}

const UNFOLDED = /[^\x20-\x7e]|^ | $| {2}/;
const NOT_ASCII = /[^\0-\x7f]/;
/** What RFC 9110 section 5.5 keeps out of a field value, and whatever is not a byte. */
const NOT_FIELD_VALUE = /[^\t\x20-\x7e\x80-\xff]/;

/** The headers under one signature, kept sorted by name. Made once and reset for each request. */
export class CanonicalHeaders {
  /** Whether all values are ASCII, so that their bytes are the same in UTF-8 as in latin1. */
  ascii = true;
  private count = 0;
  private readonly sorted: string[] = [];
  private readonly values: string[] = [];

  reset(): void {
    this.ascii = true;
    this.count = 0;
  }

  /**
   * Outer white space goes, runs of inner white space become one space. Values of one name are joined by commas in the
   * order in which they are added.
   *
   * @param name in lower case
   * @param value latin1 string
   * @throws TypeError when the value could not be sent as a header
   */
  add(name: string, value: string): void {
    this.insert(name, UNFOLDED.test(value) ? this.fold(value) : value);
  }

  /** A value without white space that is known to be good. */
  addPlain(name: string, value: string): void {
    this.insert(name, value);
  }

  private fold(value: string): string {
    if (NOT_FIELD_VALUE.test(value)) throw new TypeError('A signed header value holds a character that cannot be sent');
    if (NOT_ASCII.test(value)) this.ascii = false;
    return value.replace(/[\t ]+/g, ' ').replace(/^ | $/g, '');
  }

  private insert(name: string, value: string): void {
    const { sorted, values } = this;
    let at = 0;
    let high = this.count;
    while (at < high) {
      const middle = (at + high) >>> 1;
      if (sorted[middle]! <= name) at = middle + 1;
      else high = middle;
    }
    if (at > 0 && sorted[at - 1] === name) {
      values[at - 1] += `,${value}`;
      return;
    }
    for (let i = this.count++; i > at; i--) {
      sorted[i] = sorted[i - 1]!;
      values[i] = values[i - 1]!;
    }
    sorted[at] = name;
    values[at] = value;
  }

  /** `host;x-amz-date` */
  names(): string {
    let out = this.sorted[0] ?? '';
    for (let i = 1; i < this.count; i++) out += `;${this.sorted[i]}`;
    return out;
  }

  /** `host:example.com⏎x-amz-date:20130524T000000Z⏎` */
  lines(): string {
    let out = '';
    for (let i = 0; i < this.count; i++) out += `${this.sorted[i]}:${this.values[i]}\n`;
    return out;
  }
}
