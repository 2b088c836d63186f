import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fromPage, hostName } from '../core/web-page.ts';
import { Authenticator } from './auth/authenticate.ts';
import { authorize, forbidden } from './auth/authorize.ts';
import type { ControlContext } from './context.ts';
import { Limits } from './limits.ts';
import { ApiError } from './problem.ts';
import { pathOf } from './reply.ts';

/** What every request passes before its body is read. */
export class Gate {
  /** Host names that are answered; null: any (web-page.ts). */
  hosts: ReadonlySet<string> | null = null;
  readonly #scheme: 'http' | 'https';
  readonly #limits: Limits;
  readonly #authenticator: Authenticator;

  /** @param app with @fastify/rate-limit registered, not global */
  constructor(app: FastifyInstance, context: ControlContext, scheme: 'http' | 'https') {
    this.#scheme = scheme;
    this.#limits = new Limits(app, context.settings.rateLimit);
    this.#authenticator = new Authenticator(context);
  }

  /** @throws ApiError 400 for U+0000 in the path; 403 for a Host that is none of ours, and for what others' pages would change */
  admit(request: FastifyRequest, reply: FastifyReply): void {
    reply.header('x-request-id', request.id).header('cache-control', 'no-store');
    const hosts = request.raw.headersDistinct['host'] ?? [];
    if (this.hosts !== null && !(hosts.length === 1 && this.hosts.has(hostName(hosts[0] as string))))
      throw forbidden('Host is not a name of this port: use localhost or the address in control.listen');
    if (/%00/.test(pathOf(request.url))) throw new ApiError(400, 'Bad request', 'the path holds the character U+0000');
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const own = `${this.#scheme}://${hosts[0] ?? ''}`;
    if (!reads && fromPage(request.headers, own)) throw forbidden('requests made by pages of other sites are refused');
  }

  /** @throws ApiError 401, 429 or 503 */
  async prove(request: FastifyRequest): Promise<void> {
    try {
      request.principal = await this.#authenticator.principal(request.raw);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) await this.#limits.failure(request);
      throw error;
    }
    await this.#limits.request(request);
  }

  /**
   * Before a refusal is recorded: of somebody who is not known an address may leave so many only. A login that failed is
   * counted already. @throws ApiError 429
   */
  async bound(request: FastifyRequest, refusal: ApiError): Promise<void> {
    // Of a path that cannot be read fastify has made no whole request.
    if ((request.principal ?? null) === null && refusal.status !== 401)
      await this.#limits.failure(request, 'refused requests');
  }

  /** As `prove`, for what lies under `/api/`, so that nobody without a token learns what paths there are. */
  async proveUnderApi(request: FastifyRequest): Promise<void> {
    if (request.url.startsWith('/api/')) await this.prove(request);
  }

  /** Whether this principal may do this. @throws ApiError 401, 403, 428, 429 or 503 */
  async permit(request: FastifyRequest): Promise<void> {
    const { declared } = request.routeOptions.config;
    // The documentation's own paths are for everybody.
    if (declared === undefined || declared.action === null) return;
    await this.prove(request);
    if (request.principal === null) throw new TypeError('a request that nobody has proven');
    authorize(request.principal, declared.action);
    if (declared.ifMatch && request.headers['if-match'] === undefined)
      throw new ApiError(428, 'If-Match is missing', 'send the ETag of what you have read in If-Match');
  }
}
