import { IDENTITY_HEADERS } from '../core/http.ts';
import type { Problem } from '../core/problem.ts';
import type { CredentialEntries } from './schema.ts';

/** A credential ready for use. `name` is the one it has in `credentials`, safe to log. */
export type Credential =
  | {
      readonly kind: 'aws';
      readonly name: string;
      readonly accessKeyId: string;
      readonly secretAccessKey: string;
      readonly sessionToken: string | null;
    }
  /** `header` in lower case, `value` a legal header value. */
  | { readonly kind: 'header'; readonly name: string; readonly header: string; readonly value: string };

/** By name. Null: there is one, but something is wrong with it, and that has been told already. */
export type Credentials = ReadonlyMap<string, Credential | null>;

/** Headers that carry framing, routing or identity: no credential may be one. */
const RESERVED = new Set([
  'host',
  'connection',
  'content-length',
  'content-type',
  'content-encoding',
  'transfer-encoding',
  'expect',
  'upgrade',
  'te',
  'trailer',
  ...IDENTITY_HEADERS,
  'x-request-id',
  'traceparent',
]);

/** RFC 9110, section 5.5, without white space at either end and without what is not Latin-1. */
const HEADER_VALUE = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;

/** What may stand in an Authorization header as the key id of a signature, or as a token. */
const TOKEN = /^[^\s,/=\x00-\x1f\x7f-\uffff]+$/;
const VISIBLE = /^[\x21-\x7e]+$/;

/** Credentials from the section of the file, every reference resolved. Paths of problems begin with `credentials`. */
export function parseCredentials(entries: CredentialEntries): {
  readonly credentials: ReadonlyMap<string, Credential | null>;
  readonly problems: readonly Problem[];
} {
  const credentials = new Map<string, Credential | null>();
  const problems: Problem[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    const wrong = (key: string, message: string, fix: string) =>
      problems.push({ code: 'bad_credential', path: ['credentials', name, key], message, fix });
    const before = problems.length;
    let credential: Credential;
    if ('access_key_id' in entry) {
      if (!TOKEN.test(entry.access_key_id))
        wrong('access_key_id', 'is not an access key id', 'write it without spaces, commas, slashes or equals signs');
      if (!VISIBLE.test(entry.secret_access_key))
        wrong('secret_access_key', 'holds spaces or characters beyond ASCII', 'store the bare key');
      if (entry.session_token !== null && !VISIBLE.test(entry.session_token))
        wrong('session_token', 'holds spaces or characters beyond ASCII', 'store the bare token');
      credential = {
        kind: 'aws',
        name,
        accessKeyId: entry.access_key_id,
        secretAccessKey: entry.secret_access_key,
        sessionToken: entry.session_token,
      };
    } else if ('header' in entry) {
      const header = entry.header.toLowerCase();
      if (RESERVED.has(header))
        wrong('header', `${header} cannot carry a credential`, 'use authorization, x-api-key or the like');
      if (!HEADER_VALUE.test(entry.value))
        wrong('value', 'is not a legal header value', 'store it on one line, in Latin-1, without spaces at its ends');
      credential = { kind: 'header', name, header, value: entry.value };
    } else {
      const value = `Basic ${Buffer.from(`${entry.username}:${entry.password}`).toString('base64')}`;
      credential = { kind: 'header', name, header: 'authorization', value };
    }
    credentials.set(name, problems.length === before ? credential : null);
  }
  return { credentials, problems };
}
