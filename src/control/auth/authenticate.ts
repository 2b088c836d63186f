import type { IncomingMessage } from 'node:http';
import type { ControlContext } from '../context.ts';
import type { Principal } from '../principal.ts';
import { ApiError } from '../problem.ts';
import { JwtVerifier } from './jwt.ts';
import { principalOfToken, TOKEN_PREFIX } from './tokens.ts';

/** A refusal because nothing was proven. It never says what a right token would look like. */
function unauthenticated(detail: string): ApiError {
  return new ApiError(401, 'Not authenticated', detail);
}

/** RFC 6750, section 2.1; the scheme in any case of letters. */
const BEARER = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** Who calls: a bearer token of ours, or a JWT of the issuer that the configuration names. */
export class Authenticator {
  readonly #context: ControlContext;
  readonly #jwt: JwtVerifier | null;

  constructor(context: ControlContext) {
    this.#context = context;
    const { jwt } = context.settings;
    this.#jwt = jwt === null ? null : new JwtVerifier(jwt);
  }

  /** @throws ApiError 401 when nobody is proven, 503 when that cannot be told now */
  async principal(message: IncomingMessage): Promise<Principal> {
    const sent = message.headersDistinct['authorization'] ?? [];
    if (sent.length === 0) throw unauthenticated('send a token: Authorization: Bearer TOKEN');
    if (sent.length > 1) throw unauthenticated('Authorization was sent more than once: send it once');
    const token = BEARER.exec(sent[0] as string)?.[1];
    if (token === undefined) throw unauthenticated('Authorization must be: Bearer TOKEN');
    if (token.startsWith(TOKEN_PREFIX)) {
      const { store } = this.#context;
      const principal = await principalOfToken(store.db, token, await store.now());
      if (principal === null) throw unauthenticated('this token is unknown, has expired or was revoked');
      return principal;
    }
    if (this.#jwt === null) throw unauthenticated('this token is none of ours, and no JWT issuer is configured');
    return this.#jwt.principal(token, this.#context.now());
  }
}
