import { hash } from 'node:crypto';
import { errors, type JWTPayload } from 'jose';
import { LRUCache } from 'lru-cache';
import { withoutBlanks } from '../../core/http.ts';
import { malformed, Refusal } from '../../core/refusal.ts';
import { connectionNamed, forwardable } from '../framing.ts';
import { Issuer, KeysUnavailable, type IssuerSettings } from './issuer.ts';
import { FACTS, type Fact, type Verified } from './verified.ts';

/** `identity.jwt`. */
export interface JwtSettings extends IssuerSettings {
  /** In lower case. `authorization` holds the token behind `Bearer`, any other by itself. */
  readonly header: string;
  /** The claim that holds a fact; `a.b` is b within a, where there is no claim `a.b`. Null: tokens do not say. */
  readonly claims: Readonly<Record<Fact, string | null>>;
}

/** Tokens that are remembered at once, and the milliseconds after which one is verified anew: its key may be gone. */
const TOKENS = 10_000;
const REMEMBERED = 300_000;

interface Known {
  readonly verified: Verified;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

/** Tokens as a source of identity. What was verified lately is known without asking anybody. */
export class JwtSource {
  readonly #issuer: Issuer;
  readonly #header: string;
  readonly #claims: JwtSettings['claims'];
  /** By SHA-256 of the token: a cache of tokens would be worth stealing. */
  readonly #known = new LRUCache<string, Known>({ max: TOKENS });
  /** Whether a token says whose data is asked for. */
  readonly namesTenant: boolean;
  /** Whether the token would travel on, were it not taken out. */
  readonly #travels: boolean;

  constructor(settings: JwtSettings) {
    this.#issuer = new Issuer(settings);
    this.#header = settings.header;
    this.#claims = settings.claims;
    this.namesTenant = settings.claims.tenant !== null;
    this.#travels = forwardable([settings.header, '']).length > 0;
  }

  /** The token of a request, or null when it has none. A token that is sent twice is refused, as identity is. */
  tokenOf(headers: readonly string[]): string | null | Refusal {
    let value: string | null = null;
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] !== this.#header) continue;
      if (value !== null) return new Refusal('header_conflict', 'The token is sent more than once.');
      value = headers[i + 1] as string;
    }
    if (value === null) return null;
    // Whoever reads Connection by the letter would have passed the request on without it.
    if (connectionNamed(headers)?.has(this.#header) === true)
      return malformed('Connection names the field of the token.');
    if (this.#header !== 'authorization') return value === '' ? null : value;
    // Other schemes are other protocols' own, such as the signature of an AWS SDK.
    return /^bearer(?: |$)/i.test(value) ? withoutBlanks(value.slice(6)) : null;
  }

  /** The head without the token, where it would travel on. */
  without(headers: readonly string[]): readonly string[] {
    if (!this.#travels) return headers;
    const kept: string[] = [];
    for (let i = 0; i < headers.length; i += 2)
      if (headers[i] !== this.#header) kept.push(headers[i] as string, headers[i + 1] as string);
    return kept;
  }

  /** What a token says, where it was verified lately; else null. @param now milliseconds since the epoch */
  known(token: string, now: number): Verified | null {
    const known = this.#known.get(keyOf(token));
    return known === undefined || known.until <= now ? null : known.verified;
  }

  /**
   * Verifies a token. Calls back later, once, with what it says or a refusal.
   * @param done must not throw
   */
  verify(token: string, now: number, done: (outcome: Verified | Refusal) => void): void {
    void this.#tell(token, now, done);
  }

  async #tell(token: string, now: number, done: (outcome: Verified | Refusal) => void): Promise<void> {
    done(await this.#outcome(token, now));
  }

  async #outcome(token: string, now: number): Promise<Verified | Refusal> {
    try {
      const payload = await this.#issuer.claimsOf(token, now);
      const verified = readFacts(payload, this.#claims);
      if (verified === null) return unauthenticated('The token makes a claim that cannot be read.', 'claim not a text');
      const until = Math.min(payload.exp! * 1000, now + REMEMBERED);
      if (until > now) this.#known.set(keyOf(token), { verified, until });
      return verified;
    } catch (error) {
      if (error instanceof errors.JOSEError) return unauthenticated('The token is not valid.', error.code);
      if (error instanceof KeysUnavailable)
        return new Refusal('policy_unavailable', 'The token cannot be verified now.', error.message);
      return new Refusal('policy_unavailable', 'The token cannot be verified.', 'unexpected error');
    }
  }
}

/** @param detail fixed words for the log */
function unauthenticated(message: string, detail = ''): Refusal {
  return new Refusal('identity_unauthenticated', message, detail);
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}

/** Null for a claim that is anything but a text. Absent, null and empty ones say nothing. */
function readFacts(payload: JWTPayload, claims: JwtSettings['claims']): Verified | null {
  const verified: Record<Fact, string | null> = { tenant: null, classification: null, subject: null, user: null };
  if (typeof payload.sub !== 'string' || payload.sub === '') return null;
  for (const fact of FACTS) {
    const name = claims[fact];
    const value = name === null ? null : (claimOf(payload, name) ?? null);
    if (value !== null && typeof value !== 'string') return null;
    verified[fact] = value === '' ? null : value;
  }
  return verified;
}

/** Own keys alone: a payload has no claim `constructor`. */
function claimOf(payload: object, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name as keyof typeof payload];
  let at: unknown = payload;
  for (const key of name.split('.')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined;
    at = at[key as keyof typeof at];
  }
  return at;
}
