import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import { closed } from '../core/schema.ts';
import { etag } from './call.ts';
import type { ApiError } from './problem.ts';
import type { Answer } from './route.ts';

/** Schema of a problem (RFC 9457). */
export const PROBLEM = closed(
  {
    type: Type.String({ description: 'Always `about:blank`: the status and the title say what it is.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'What happened and what to do about it, for people.' }),
    instance: Type.String({ description: 'Path of the request.' }),
    reason: Type.Optional(Type.String({ description: 'Why a decision refused.' })),
    errors: Type.Optional(
      Type.Array(
        closed({
          path: Type.String({ description: 'JSON pointer to the field, by the name that was sent.' }),
          message: Type.String(),
        }),
        { description: 'Everything that is wrong in the body or the query.' },
      ),
    ),
  },
  { title: 'Problem' },
);

/** Sends what a handler answered. A client that has it already, and says so, gets it without its body. */
export function sendAnswer(reply: FastifyReply, { status = 200, body, revision, location }: Answer): FastifyReply {
  if (location !== undefined) reply.header('location', location);
  if (revision !== undefined) {
    const tag = etag(revision);
    reply.header('etag', tag);
    const { method, headers } = reply.request;
    const known = method === 'GET' || method === 'HEAD' ? (headers['if-none-match'] ?? '').split(',') : [];
    if (known.some((each) => each.trim().replace(/^W\//, '') === tag)) return reply.code(304).send();
  }
  if (body === undefined) return reply.code(status === 200 ? 204 : status).send();
  return reply.code(status).header('content-type', 'application/json; charset=utf-8').send(JSON.stringify(body));
}

/** Sends a refusal. */
export function sendProblem(reply: FastifyReply, error: ApiError): FastifyReply {
  const { status, retryAfter } = error;
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="domicile"');
  if (retryAfter !== null) reply.header('retry-after', retryAfter);
  const problem = problemOf(error, pathOf(reply.request.url));
  return reply.code(status).header('content-type', 'application/problem+json').send(JSON.stringify(problem));
}

/** A refusal as it is sent. @param instance path of the request */
export function problemOf({ status, title, message, reason, errors }: ApiError, instance: string) {
  return {
    type: 'about:blank',
    title,
    status,
    detail: message,
    instance,
    ...(reason === null ? {} : { reason }),
    ...(errors.length === 0 ? {} : { errors }),
  };
}

/** A URL without its query. */
export function pathOf(url: string): string {
  const mark = url.indexOf('?');
  return mark < 0 ? url : url.slice(0, mark);
}
