import type { AddressInfo } from 'node:net';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { isLoopback } from '../core/loopback.ts';
import { loopbackNames } from '../core/web-page.ts';
import type { Store } from '../store/store.ts';
import type { TlsTexts } from '../inbound/tls.ts';
import { bindError, bracketed, type Address } from '../wire/address.ts';
import { removeDeadSocket } from '../wire/dead-socket.ts';
import { newApp, refusalOf } from './app.ts';
import { parseBody, readBody, readQuery, refuseBody, refuseQuery } from './body.ts';
import { Call, notFound, oneHeader } from './call.ts';
import type { ControlContext } from './context.ts';
import { Gate } from './gate.ts';
import { Idempotency } from './idempotency.ts';
import { openApiHead, openApiOf } from './openapi.ts';
import { ApiError, auditUnavailable } from './problem.ts';
import { refusalFacts } from './refused.ts';
import { pathOf, sendAnswer, sendProblem } from './reply.ts';
import type { AnyRoute, Answer } from './route.ts';

/** How long `close` waits for answers that are being sent. */
const CLOSE_MS = 5000;

/** Nothing that the API answers is a page; the documentation is one, with scripts and styles of its own. */
const API_CSP = { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] };
const DOCS_CSP =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

export interface ControlOptions {
  readonly context: ControlContext;
  readonly routes: readonly AnyRoute[];
  /** Null: plain HTTP. */
  readonly tls: TlsTexts | null;
  /** Told of every answer. Its route is the path as declared; null: none that is. Default: nobody is told. */
  readonly onAnswer?: (method: string, route: string | null, status: number) => void;
}

/** The control API: routes, and what holds for all of them. */
export class ControlServer {
  readonly #app: FastifyInstance;
  readonly #gate: Gate;
  readonly #scheme: 'http' | 'https';

  private constructor(app: FastifyInstance, gate: Gate, scheme: 'http' | 'https') {
    this.#app = app;
    this.#gate = gate;
    this.#scheme = scheme;
  }

  /** A server that does not listen yet. */
  static async open({ context, routes, tls, onAnswer }: ControlOptions): Promise<ControlServer> {
    const app = newApp(tls, (error, request, reply) => refuse(error, request, reply, context, gate));
    const scheme = tls === null ? 'http' : 'https';
    app.setErrorHandler((error, request, reply) => refuse(error, request, reply, context, gate));
    await app.register(helmet, {
      contentSecurityPolicy: { useDefaults: false, directives: API_CSP },
      strictTransportSecurity: tls !== null,
      xFrameOptions: { action: 'deny' },
    });
    await app.register(rateLimit, { global: false });
    const gate = new Gate(app, context, scheme);
    app.addHook('onRequest', async (request, reply) => gate.admit(request, reply));
    await app.register(swagger, { openapi: openApiHead(context.version) });
    await app.register(swaggerUi, { routePrefix: '/docs', staticCSP: DOCS_CSP });
    for (const route of routes) addRoute(app, route, gate, context);
    refuseOtherMethods(app, routes, gate);
    app.setNotFoundHandler({ preValidation: (request: FastifyRequest) => gate.proveUnderApi(request) }, (request) => {
      throw notFound('path', pathOf(request.url));
    });
    app.addHook('onResponse', async (request, reply) => {
      tell(request, reply, context);
      onAnswer?.(request.method, request.routeOptions.config.declared?.path ?? null, reply.statusCode);
    });
    app.server.on('error', (error) => context.log.error('the control listener failed', { error }));
    await app.ready();
    return new ControlServer(app, gate, scheme);
  }

  /**
   * Begins to listen, and resolves to the address as a URL, or `unix:/path`.
   * Rejects with an Error of one line that names the address and the fix when it cannot be had.
   */
  async listen(address: Address): Promise<string> {
    if ('path' in address) await removeDeadSocket(address.path);
    try {
      await this.#app.listen({ ...address }); // a copy: fastify writes into it
    } catch (error) {
      throw bindError('control', address, error as NodeJS.ErrnoException);
    }
    if ('path' in address) return `unix:${address.path}`;
    const bound = this.#app.server.address() as AddressInfo;
    if (isLoopback(bound.address)) this.#gate.hosts = loopbackNames(bracketed(address.host));
    return `${this.#scheme}://${bracketed(bound.address)}:${bound.port}`;
  }

  /** Stops listening; resolves when the last connection is gone, at most five seconds later. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#app.server.closeAllConnections(), CLOSE_MS);
    await this.#app.close();
    clearTimeout(timer);
  }
}

function addRoute(app: FastifyInstance, route: AnyRoute, gate: Gate, context: ControlContext): void {
  app.route({
    method: route.method,
    url: fastifyPath(route.path),
    schema: openApiOf(route),
    config: { declared: route },
    onRequest: (request) => gate.permit(request),
    handler: async (request, reply) => sendAnswer(reply, await answer(route, request, context)),
  });
}

/** Reads what was sent as the route wants it, and has it handled; or answers what it has answered before. */
async function answer(route: AnyRoute, request: FastifyRequest, context: ControlContext): Promise<Answer> {
  const sent = (request.body as Buffer | undefined) ?? Buffer.alloc(0);
  if (route.query === undefined) refuseQuery(request.raw);
  if (route.body === undefined) refuseBody(sent);
  const query = route.query === undefined ? {} : readQuery(route.query, request.raw);
  const body = route.body === undefined ? NO_BODY : readBody(route.body, parseBody(sent), route.aliases);
  const key = route.method === 'POST' && !route.asks ? oneHeader(request.raw, 'idempotency-key') : null;
  const idempotency = new Idempotency(key, request.principal, pathOf(request.url), sent);
  const before = await idempotency.answered(context.store);
  if (before !== null) return before;
  const parts = {
    context,
    principal: request.principal,
    requestId: request.id,
    message: request.raw,
    params: request.params as Readonly<Record<string, string>>,
    sent: body.sent,
    sentAs: body.sentAs,
    idempotency,
  };
  // Health is told also where the store does not answer.
  if (route.action !== null) await context.registry.refresh();
  return route.handle(new Call(parts, body.value, query));
}

const NO_BODY = { value: {}, sent: new Set<string>(), sentAs: new Map<string, string>() };

/** Every error becomes a problem here; what is not a refusal is told in the log alone. */
async function refuse(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  context: ControlContext,
  gate: Gate,
): Promise<FastifyReply> {
  const { log, store } = context;
  const refusal = refusalOf(error) ?? ((await answers(store)) ? null : noStore(error));
  if (refusal === null || refusal.status >= 500)
    log.error('a control request failed', { request_id: request.id, error: refusal?.cause ?? error });
  const told = refusal ?? new ApiError(500, 'Internal error', 'this was not expected: see the log');
  return sendProblem(reply, forWhom(await recorded(told, request, context, gate), request));
}

/** Why no record can be kept names folders of this machine: that is for those who are for all tenants. */
function forWhom(refusal: ApiError, { principal }: FastifyRequest): ApiError {
  return refusal.reason === 'audit_unavailable' && principal?.tenant !== null
    ? auditUnavailable('see the log')
    : refusal;
}

/** A refusal that has left its evidence, or the one that it has not. */
async function recorded(
  refusal: ApiError,
  request: FastifyRequest,
  { evidence, log }: ControlContext,
  gate: Gate,
): Promise<ApiError> {
  try {
    const facts = refusalFacts(refusal, request);
    if (facts === null) return refusal;
    await gate.bound(request, refusal);
    await evidence.refused(facts);
    return refusal;
  } catch (error) {
    if (error instanceof ApiError && error.status === 429) return error;
    log.error('a refusal leaves no evidence', { request_id: request.id, error });
    return error instanceof ApiError ? error : auditUnavailable('see the log');
  }
}

/** Whether it was the store that failed, it says itself. */
async function answers(store: Store): Promise<boolean> {
  try {
    await store.ping();
    return true;
  } catch {
    return false; // why, the error that was met says
  }
}

function noStore(cause: unknown): ApiError {
  return new ApiError(503, 'Not available', 'the store does not answer: try again later', { cause, retryAfter: 5 });
}

/** A line for whatever changes something or is refused. */
function tell(request: FastifyRequest, reply: FastifyReply, { log }: ControlContext): void {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  if (reads && reply.statusCode < 400) return;
  log.info('control request', {
    request_id: request.id,
    tenant_id: request.principal?.tenant ?? null,
    operation_type: request.routeOptions.config.declared?.action ?? null,
    actor: request.principal?.subject ?? null,
    method: request.method,
    path: pathOf(request.url),
    status: reply.statusCode,
  });
}

/** A path that there is, by a method that it has not, is 405. */
function refuseOtherMethods(app: FastifyInstance, routes: readonly AnyRoute[], gate: Gate): void {
  for (const [path, known] of Map.groupBy(routes, ({ path }) => path)) {
    const own: string[] = known.map(({ method }) => method);
    const allowed = own.includes('GET') ? [...own, 'HEAD'] : own;
    app.route({
      method: app.supportedMethods.filter((method) => !allowed.includes(method)),
      url: fastifyPath(path),
      schema: { hide: true },
      // Before the body, which may be of any kind, is read.
      onRequest: async (request, reply) => {
        await gate.proveUnderApi(request);
        reply.header('allow', allowed.join(', '));
        throw new ApiError(405, 'Method not allowed', `${request.method} is nothing here: use ${allowed.join(', ')}`);
      },
      handler: () => Promise.reject(new TypeError('a method that there is not')),
    });
  }
}

/** `{id}` is `:id` to fastify. */
function fastifyPath(path: string): string {
  return path.replaceAll(/\{([a-z_]+)\}/g, ':$1');
}
