import { header, headerCount, IDENTITY_HEADERS, withoutBlanks, type Head } from '../core/http.ts';
import { malformed, notPermitted, Refusal } from '../core/refusal.ts';

/** Bounds of a head, in bytes and fields. */
export interface HeadLimits {
  readonly headers: number;
  /** Of the whole head. The parser of HTTP/1 keeps to it by itself. */
  readonly headBytes: number;
  /** Of the target alone; over it the answer is 414. */
  readonly targetBytes: number;
}

/** Hop-by-hop fields (RFC 9110 §7.6.1), and those that belong to this hop alone. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
]);

/** Asking a server to take one method for another would get past the table of operations. */
const METHOD_OVERRIDES: ReadonlySet<string> = new Set(['x-http-method-override', 'x-http-method', 'x-method-override']);

/**
 * What the parser lets through and we do not: heads that two servers could read in two ways. Runs before any fact is
 * read. Null when the head is fine.
 *
 * @param version `1.0`, `1.1` or `2.0`
 */
export function checkFraming(head: Head, version: string, limits: HeadLimits): Refusal | null {
  const { headers, target } = head;
  if (target.length > limits.targetBytes)
    return new Refusal('request_malformed', 'The request target is too long.', '', null, 414);
  if (headers.length / 2 > limits.headers) {
    return new Refusal('request_malformed', 'The request has too many header fields.', '', null, 431);
  }
  // What node:http2 is told is advice: a stream that opens before the client took note of it is held to 64 KiB.
  if (version === '2.0' && headBytes(head) > limits.headBytes)
    return new Refusal('request_malformed', 'The request head is too large.', '', null, 431);
  const fault = targetFault(target);
  if (fault !== null) return malformed(fault);
  if (headerCount(headers, 'host') > 1) return malformed('The Host field is repeated.');
  if (version !== '1.0' && (header(headers, 'host') ?? '') === '')
    return malformed('The Host field is missing or empty.');
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    const value = headers[i + 1] as string;
    if (name === 'transfer-encoding') {
      if (version === '1.0' || value.toLowerCase() !== 'chunked')
        return malformed('Transfer-Encoding must be exactly chunked.');
      if (headerCount(headers, 'transfer-encoding') > 1) return malformed('Transfer-Encoding is repeated.');
      if (header(headers, 'content-length') !== null)
        return malformed('Both Content-Length and Transfer-Encoding were sent.');
    } else if (name === 'content-length') {
      if (!isLength(value)) return malformed('Content-Length is not a plain number.');
      if (headerCount(headers, 'content-length') > 1) return malformed('Content-Length is repeated.');
    } else if (name === 'expect') {
      // node:http finds `100-continue` within any list; a server behind might make something of the rest.
      if (value.toLowerCase() !== '100-continue')
        return new Refusal('request_malformed', 'The expectation cannot be met.', '', null, 417);
    } else if (METHOD_OVERRIDES.has(name)) {
      return malformed('Method override fields are not allowed.');
    } else if (name === 'connection') {
      if (namesJudged(value)) return malformed('Connection names a field that this request is judged by.');
    } else if (name === 'upgrade' && version !== '2.0') {
      return notPermitted('Protocol upgrades are not supported.');
    }
  }
  return null;
}

function headBytes({ method, target, headers }: Head): number {
  let bytes = method.length + target.length;
  for (let i = 0; i < headers.length; i++) bytes += (headers[i] as string).length;
  return bytes;
}

/** Digits only, and no more than a double holds exactly. */
function isLength(value: string): boolean {
  if (value.length === 0 || value.length > 15) return false;
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c < 48 || c > 57) return false;
  }
  return true;
}

function targetFault(target: string): string | null {
  if (target.charCodeAt(0) !== 47) return 'The request target must be a path.';
  for (let i = 0; i < target.length; i++) {
    const c = target.charCodeAt(i);
    if (c <= 0x20 || c >= 0x7f) return 'The request target holds characters that must be percent-encoded.';
    if (c === 35) return 'The request target holds a fragment.';
    if (c === 92) return 'The request target holds a backslash.';
    if (c === 37) {
      const high = hexDigit(target.charCodeAt(i + 1));
      const low = hexDigit(target.charCodeAt(i + 2));
      if (high < 0 || low < 0) return 'The request target holds a broken percent-encoding.';
      if (high === 0 && low === 0) return 'The request target holds a NUL.';
    }
  }
  return null;
}

function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 65 && c <= 70) return c - 55;
  if (c >= 97 && c <= 102) return c - 87;
  return -1;
}

/** Identity, and what tells how a body reads: without them it is not the request judged that travels. */
const JUDGED: ReadonlySet<string> = new Set([
  ...IDENTITY_HEADERS,
  'host',
  'content-encoding',
  'content-length',
  'content-type',
]);

function namesJudged(connection: string): boolean {
  if (connection === 'keep-alive' || connection === 'close') return false;
  for (const token of connection.split(',')) if (JUDGED.has(withoutBlanks(token).toLowerCase())) return true;
  return false;
}

/**
 * Every field by which a client of one of our protocols proves itself, and those that signing makes: upstream sees our
 * credentials alone. `x-amz-content-sha256` stays for the s3 dialect, which reads it.
 */
const CREDENTIALS = ['authorization', 'x-amz-date', 'x-amz-security-token', 'x-api-key', 'api-key', 'cookie'];

const NOT_FORWARDED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...IDENTITY_HEADERS,
  ...CREDENTIALS,
  'host',
  'expect',
  'x-request-id',
]);

/**
 * The client's fields that travel on: without hop-by-hop fields, those that `Connection` names, identity, credentials,
 * and what the caller sets anew (`host`, `expect`, `x-request-id`). Connection-named fields go before anything of ours is
 * added (GHSA-79qm-7rj5-m7r9).
 */
export function forwardable(headers: readonly string[]): string[] {
  const named = connectionNamed(headers);
  const kept: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (NOT_FORWARDED.has(name) || (named !== null && named.has(name))) continue;
    kept.push(name, headers[i + 1] as string);
  }
  return kept;
}

/** Names in `Connection`, other than the usual two; null when there are none. */
export function connectionNamed(headers: readonly string[]): ReadonlySet<string> | null {
  let names: Set<string> | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'connection') continue;
    const value = headers[i + 1] as string;
    if (value === 'keep-alive' || value === 'close') continue;
    for (const token of value.split(',')) (names ??= new Set()).add(withoutBlanks(token).toLowerCase());
  }
  return names;
}
