import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ControlSettings } from './context.ts';
import { ApiError } from './problem.ts';

const MINUTE = 60_000;

/** How often anybody may ask, and how often an address may fail to say who it is. */
export class Limits {
  readonly #requests: Check;
  readonly #failures: Check;

  /** @param app with @fastify/rate-limit registered, not global */
  constructor(app: FastifyInstance, { perMinute, failedLoginsPerMinute }: ControlSettings['rateLimit']) {
    const options = { timeWindow: MINUTE };
    this.#requests = app.createRateLimit({ ...options, max: perMinute, keyGenerator: callerOf });
    this.#failures = app.createRateLimit({ ...options, max: failedLoginsPerMinute, keyGenerator: addressOf });
  }

  /** Counts a request of a principal. @throws ApiError 429 past its limit */
  async request(request: FastifyRequest): Promise<void> {
    const seconds = await over(this.#requests, request);
    if (seconds !== null) throw tooMany('too many requests', seconds);
  }

  /**
   * Counts a login that failed. Past the limit the address is told 429 in place of 401; whoever has a good token at the
   * same address is not shut out by it, and so by nobody. So does whatever else is refused of somebody who is not known.
   * @throws ApiError 429 past its limit
   */
  async failure(request: FastifyRequest, what = 'failed logins'): Promise<void> {
    const seconds = await over(this.#failures, request);
    if (seconds !== null) throw tooMany(`too many ${what} from this address`, seconds);
  }
}

type Check = ReturnType<FastifyInstance['createRateLimit']>;

/** Seconds until there is room again, or null when there is. */
async function over(check: Check, request: FastifyRequest): Promise<number | null> {
  const result = await check(request);
  return !result.isAllowed && result.isExceeded ? Math.max(1, result.ttlInSeconds) : null;
}

/** A person of two tenants is two. */
function callerOf({ principal }: FastifyRequest): string {
  return JSON.stringify([principal?.subject, principal?.tenant]);
}

/** A Unix socket has no address. */
function addressOf({ socket }: FastifyRequest): string {
  return socket.remoteAddress ?? 'local';
}

function tooMany(what: string, seconds: number): ApiError {
  return new ApiError(429, 'Too many requests', `${what}: wait ${seconds} seconds`, { retryAfter: seconds });
}
