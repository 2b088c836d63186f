import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  exportJWK,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JSONWebKeySet,
  type JWTHeaderParameters,
} from 'jose';

/** Claims of a token; undefined: left out. Numbers are seconds since the epoch. */
export type TokenClaims = Readonly<Record<string, unknown>>;

/** An issuer of tokens with keys of its own. */
export class TokenIssuer {
  static readonly ISSUER = 'https://issuer.test/';
  static readonly AUDIENCE = 'domicile';

  readonly algorithm: string;
  readonly kid: string;
  readonly jwks: JSONWebKeySet;
  readonly privateKey: CryptoKey;

  private constructor(algorithm: string, kid: string, jwks: JSONWebKeySet, privateKey: CryptoKey) {
    this.algorithm = algorithm;
    this.kid = kid;
    this.jwks = jwks;
    this.privateKey = privateKey;
  }

  static async make(algorithm = 'ES256', kid = 'key-1'): Promise<TokenIssuer> {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const jwk = { ...(await exportJWK(publicKey)), kid, use: 'sig' };
    return new TokenIssuer(algorithm, kid, { keys: [jwk] }, privateKey);
  }

  /** A token that is in order but for what is given: acme's, of teacher-1, for five minutes. */
  token(claims: TokenClaims = {}, header: Partial<JWTHeaderParameters> = {}): Promise<string> {
    return new SignJWT(TokenIssuer.claims(claims))
      .setProtectedHeader({ alg: this.algorithm, kid: this.kid, ...header })
      .sign(this.privateKey);
  }

  static claims(claims: TokenClaims = {}): Record<string, unknown> {
    const now = Math.floor(Date.now() / 1000);
    const all = {
      iss: TokenIssuer.ISSUER,
      aud: TokenIssuer.AUDIENCE,
      sub: 'teacher-1',
      exp: now + 300,
      tenant: 'acme',
      ...claims,
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  /** `identity.jwt` of domicile.yaml for it, with the keys in a file that goes when `done` is called. */
  settings(more: Readonly<Record<string, unknown>> = {}): { jwt: Record<string, unknown>; done: () => void } {
    const folder = mkdtempSync(join(tmpdir(), 'domicile-issuer-'));
    const file = join(folder, 'jwks.json');
    writeFileSync(file, JSON.stringify(this.jwks));
    const jwt = {
      issuer: TokenIssuer.ISSUER,
      audience: TokenIssuer.AUDIENCE,
      jwks_file: file,
      algorithms: [this.algorithm],
      ...more,
    };
    return { jwt, done: () => rmSync(folder, { recursive: true, force: true }) };
  }
}

/** A token put together by hand: `signature` is what stands behind the last dot. */
export function assemble(header: unknown, claims: unknown, signature: string | Buffer): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part(header)}.${part(claims)}.${typeof signature === 'string' ? signature : signature.toString('base64url')}`;
}
