import { readFileSync } from 'node:fs';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  jwtVerify,
  type FetchImplementation,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose';

/** Where the public keys of an issuer are: fetched and cached, or given. */
export type IssuerKeys = { readonly url: URL } | { readonly jwks: JSONWebKeySet };

/** Whose tokens are believed. */
export interface IssuerSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly keys: IssuerKeys;
  /** Such as `RS256`: no token signed otherwise is believed. */
  readonly algorithms: readonly string[];
}

/** Seconds by which the issuer's clock and ours may differ. */
const LEEWAY = 30;
/** Milliseconds. Keys are fetched anew when they are this old; */
const KEYS_AGE = 300_000;
/** for an unknown key id at once, but not again so soon; */
const COOL_DOWN = 30_000;
/** and a fetch that failed is not tried again sooner. */
const FAILURE_PAUSE = 2000;
const FETCH_TIMEOUT = 5000;

/** The keys cannot be had: that says nothing about the token. */
export class KeysUnavailable extends Error {}

/** Verifies the tokens of one issuer (RFC 7519, with the rules of RFC 8725). */
export class Issuer {
  readonly #settings: IssuerSettings;
  readonly #keys: JWTVerifyGetKey;

  constructor(settings: IssuerSettings) {
    this.#settings = settings;
    const { keys } = settings;
    this.#keys =
      'jwks' in keys
        ? createLocalJWKSet(keys.jwks)
        : createRemoteJWKSet(keys.url, {
            cacheMaxAge: KEYS_AGE,
            cooldownDuration: COOL_DOWN,
            timeoutDuration: FETCH_TIMEOUT,
            [customFetch]: pausing(),
          });
  }

  /**
   * The claims of a token of this issuer for this audience, in its time, with `exp` and `sub`.
   * @param now milliseconds since the epoch
   * @throws KeysUnavailable; JOSEError for a token that is not to be believed, its `code` says why
   */
  async claimsOf(token: string, now: number): Promise<JWTPayload> {
    const { issuer, audience, algorithms } = this.#settings;
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer,
        audience,
        algorithms: [...algorithms],
        requiredClaims: ['exp', 'sub'],
        clockTolerance: LEEWAY,
        currentDate: new Date(now),
      });
      return payload;
    } catch (error) {
      if (error instanceof errors.JOSEError && !FETCH_CODES.has(error.code)) throw error;
      throw new KeysUnavailable('the keys of the token issuer cannot be had', { cause: error });
    }
  }
}

/** How jose tells of a fetch that failed, where it is not the network's own error. */
const FETCH_CODES: ReadonlySet<string> = new Set([
  errors.JOSEError.code,
  errors.JWKSInvalid.code,
  errors.JWKSTimeout.code,
]);

/** jose cools down after a fetch that went well; after one that did not, every token would try again. */
function pausing(): FetchImplementation {
  let until = 0;
  return async (url, options) => {
    if (performance.now() < until) throw new KeysUnavailable('the keys could not be fetched a moment ago');
    try {
      const response = await fetch(url, options);
      if (response.status !== 200) until = performance.now() + FAILURE_PAUSE;
      return response;
    } catch (error) {
      until = performance.now() + FAILURE_PAUSE;
      throw error;
    }
  };
}

/**
 * Reads a JWK set of public keys (RFC 7517).
 * @param path absolute
 * @throws Error in one line: the system's own, with its `code`, where the file cannot be read
 */
export function readJwks(path: string): JSONWebKeySet {
  const text = readFileSync(path, 'utf8');
  const fault = (what: string) => new Error(`${path} ${what}`);
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch {
    throw fault('is not JSON'); // its own words would quote the file, which may hold a key
  }
  const keys = (written as { keys?: unknown } | null)?.keys;
  if (!Array.isArray(keys) || keys.length === 0) throw fault('is not a JWK set: it has no keys');
  keys.forEach((key: { kty?: unknown; d?: unknown } | null, i) => {
    if (key?.kty !== 'RSA' && key?.kty !== 'EC' && key?.kty !== 'OKP')
      throw fault(`holds something that is no public key, the ${i + 1}. of its keys`);
    if (key.d !== undefined) throw fault(`holds a private key, the ${i + 1}. of its keys`);
  });
  return written as JSONWebKeySet;
}
