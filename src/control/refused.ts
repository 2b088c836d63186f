import type { FastifyRequest } from 'fastify';
import type { RefusalFacts } from './context.ts';
import type { ApiError } from './problem.ts';
import { pathOf } from './reply.ts';
import type { AnyRoute } from './route.ts';

/** Kind of object that a route is about, by what comes before the dot of its action. */
const OBJECT: Readonly<Record<string, string>> = {
  regions: 'region',
  policies: 'policy',
  records: 'record',
  access: 'request',
  overrides: 'override',
  storage: 'url',
  audit: 'audit',
  sidecars: 'sidecar',
  webhooks: 'webhook',
};

/** Characters of a path that is none of ours. */
const PATH_LENGTH = 1024;

/**
 * What evidence says of a request that is refused. Null: it leaves none, for it has asked for something that everybody may
 * ask for, and would have changed nothing.
 */
export function refusalFacts(error: ApiError, request: FastifyRequest): RefusalFacts | null {
  const { method } = request;
  // Of a path that cannot be read fastify has made no whole request.
  const principal = request.principal ?? null;
  const { status, title, message: detail, reason } = error;
  const reads = method === 'GET' || method === 'HEAD';
  // Nor does what comes too often: whoever sends it would fill the log.
  if (error.recorded || status === 429 || (reads && status !== 401 && status !== 403)) return null;
  const route = request.routeOptions.config?.declared;
  const isLogin = status === 401;
  return {
    requestId: request.id,
    tenant: principal?.tenant ?? null,
    actor: principal?.subject ?? '',
    action: isLogin ? 'login.failed' : `${objectOf(route)}.refused`,
    objectId: isLogin || route === undefined ? null : idIn(request),
    status,
    title,
    detail,
    data: {
      method,
      ...pathIn(request),
      address: request.socket.remoteAddress ?? null,
      ...(principal === null ? {} : { role: principal.role, proof: principal.by }),
      ...(reason === null ? {} : { reason }),
    },
  };
}

function objectOf(route: AnyRoute | undefined): string {
  const action = route?.action ?? null;
  return (action === null ? undefined : OBJECT[action.slice(0, action.indexOf('.'))]) ?? 'path';
}

/** As it was declared: what it names is told elsewhere. One that is none of ours may hold anything. */
function pathIn({ routeOptions, url }: FastifyRequest): object {
  const known = routeOptions.url?.replaceAll(/:([a-z_]+)/g, '{$1}');
  return known === undefined ? { unknown_path: pathOf(url).slice(0, PATH_LENGTH) } : { path: known };
}

/** What the path names, percent-decoded. */
function idIn({ params }: FastifyRequest): string | null {
  const [id] = Object.values((params ?? {}) as Readonly<Record<string, string>>);
  return id ?? null;
}
