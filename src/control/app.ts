import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import {
  fastify,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type FastifyServerOptions,
} from 'fastify';
import { isRequestId, newRequestId } from '../core/ids.ts';
import { tlsOptions, type TlsTexts } from '../inbound/tls.ts';
import type { Principal } from './principal.ts';
import { ApiError } from './problem.ts';
import { problemOf } from './reply.ts';
import type { AnyRoute } from './route.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null until it is proven, and on paths that take no token. */
    principal: Principal | null;
  }
  interface FastifyContextConfig {
    /** The route as it was declared; absent on the documentation's own. */
    declared?: AnyRoute;
  }
}

const BODY_BYTES = 1_048_576;
const HEAD_BYTES = 16_384;
/** A `data_id` may be a key of 1,024 characters, each of them percent-encoded. */
const PARAMETER_LENGTH = 8192;
const HEAD_MS = 10_000;
const REQUEST_MS = 30_000;
const KEEP_ALIVE_MS = 5000;

/** Answers a refusal. Does not reject. */
export type Refuse = (error: ApiError, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/**
 * Fastify with our limits, speaking in problems from the first byte on.
 * @param tls null: plain HTTP
 * @param refuse of requests that reach no route, and no hook
 */
export function newApp(tls: TlsTexts | null, refuse: Refuse): FastifyInstance {
  const limits = { maxHeaderSize: HEAD_BYTES, headersTimeout: HEAD_MS, connectionsCheckingInterval: 1000 };
  const options: FastifyServerOptions = {
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: PARAMETER_LENGTH },
    genReqId: ({ headers }) => {
      const sent = headers['x-request-id'];
      return typeof sent === 'string' && isRequestId(sent) ? sent : newRequestId();
    },
    // Of a URL that cannot be decoded.
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id);
      void refuse(refusalOf(error) ?? new ApiError(400, 'Bad request', 'the path cannot be read'), request, reply);
    },
    clientErrorHandler: refuseBytes,
  };
  const secure = { ...limits, ...(tls && tlsOptions(tls)), minVersion: 'TLSv1.2' } as const;
  // Its type tells the two kinds of server apart, and nothing here does.
  const app = fastify({ ...options, ...(tls === null ? { http: limits } : { https: secure }) } as FastifyServerOptions);
  // Checked by body.ts, which tells all problems at once; written by reply.ts.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(() => JSON.stringify);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const coding = request.headers['content-encoding'];
    if (coding === undefined || coding.toLowerCase() === 'identity') done(null, body);
    else done(new ApiError(415, 'Unsupported media type', 'send the body as it is, without Content-Encoding'));
  });
  app.decorateRequest('principal', null);
  return app;
}

/** What fastify refuses by itself, in our words; null for what nobody expected. */
export function refusalOf(error: unknown): ApiError | null {
  if (error instanceof ApiError) return error;
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message?: string };
  switch (code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return new ApiError(415, 'Unsupported media type', 'send JSON: Content-Type: application/json');
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ApiError(413, 'Too large', `a body is ${BODY_BYTES} bytes at most`);
    default:
      if (statusCode === undefined || statusCode < 400 || statusCode > 499) return null;
      return new ApiError(statusCode, 'Bad request', message ?? 'the request cannot be read');
  }
}

/** What is no request of HTTP, or does not come in time. */
function refuseBytes(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400;
  const title = STATUS_CODES[status] as string;
  const body = JSON.stringify(problemOf(new ApiError(status, title, 'the request cannot be read'), '/'));
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nX-Request-ID: ${newRequestId()}\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
