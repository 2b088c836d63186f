import { errors, type JWTPayload } from 'jose';
import { isTenantId, isVisibleId } from '../../core/ids.ts';
import { Issuer, KeysUnavailable } from '../../inbound/identity/issuer.ts';
import type { JwtSettings } from '../context.ts';
import { ROLES, type Principal, type Role } from '../principal.ts';
import { ApiError } from '../problem.ts';

/** Believes the JWTs of one issuer, and reads in them who it is. */
export class JwtVerifier {
  readonly #claims: JwtSettings['claims'];
  readonly #issuer: Issuer;

  /** @throws TypeError for an algorithm by which whoever has the public key could sign, or anybody */
  constructor(settings: JwtSettings) {
    const symmetric = settings.algorithms.find((algorithm) => !/^(?:RS|PS|ES|Ed)/.test(algorithm));
    if (symmetric !== undefined || settings.algorithms.length === 0)
      throw new TypeError(`control.jwt.algorithms: ${symmetric ?? 'an empty list'} proves nothing with public keys`);
    this.#claims = settings.claims;
    this.#issuer = new Issuer(settings);
  }

  /**
   * @param now milliseconds since the epoch
   * @throws ApiError 401 for a token that proves nobody, 503 when the issuer's keys cannot be had
   */
  async principal(token: string, now: number): Promise<Principal> {
    const payload = await this.#verified(token, now);
    const { subject, role, tenant } = this.#claims;
    return {
      subject: subjectOf(payload, subject),
      role: roleOf(payload, role),
      tenant: tenant === null ? null : tenantOf(payload, tenant),
      by: 'jwt',
    };
  }

  async #verified(token: string, now: number): Promise<JWTPayload> {
    try {
      return await this.#issuer.claimsOf(token, now);
    } catch (error) {
      // What jose says of a token names the claim or the rule, and no content.
      if (error instanceof errors.JOSEError) throw refused(error.message);
      if (!(error instanceof KeysUnavailable)) throw error;
      const detail = `${error.message}: try again later`;
      throw new ApiError(503, 'Not available', detail, { cause: error, retryAfter: RETRY_S });
    }
  }
}

/** Seconds after which keys that could not be fetched may be there. */
const RETRY_S = 5;

function refused(why: string): ApiError {
  return new ApiError(401, 'Not authenticated', `this token is refused: ${why}`);
}

function subjectOf(payload: JWTPayload, claim: string): string {
  const subject = payload[claim];
  if (typeof subject !== 'string' || !isVisibleId(subject)) throw refused(`"${claim}" names nobody`);
  return subject;
}

function roleOf(payload: JWTPayload, claim: string): Role {
  const role = ROLES.find((known) => known === payload[claim]);
  if (role === undefined) throw refused(`"${claim}" is no role: it must be one of ${ROLES.join(', ')}`);
  return role;
}

function tenantOf(payload: JWTPayload, claim: string): string {
  const tenant = payload[claim];
  if (typeof tenant !== 'string' || !isTenantId(tenant)) throw refused(`"${claim}" names no tenant`);
  return tenant;
}
