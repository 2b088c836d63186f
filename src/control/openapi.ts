import type { FastifySchema } from 'fastify';
import type { SchemaNode } from '../core/conform.ts';
import { RULES } from './auth/authorize.ts';
import { aliasesFor } from './body.ts';
import { IDEMPOTENCY_KEY } from './idempotency.ts';
import { PROBLEM } from './reply.ts';
import type { AnyRoute } from './route.ts';

/** The document's head. Every path is in it, with what it takes and answers. */
export function openApiHead(version: string) {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Domicile control API',
      version,
      description:
        'Policies, regions, classification, access across borders and break-glass. Errors are RFC 9457 problems. ' +
        'PUT and DELETE need `If-Match` with the ETag of what was read; a POST that changes something may carry an `Idempotency-Key`.',
    },
    components: {
      securitySchemes: {
        bearer: {
          type: 'http' as const,
          scheme: 'bearer',
          description: 'A token of `domicile token create`, or a JWT of the configured issuer.',
        },
      },
    },
  };
}

/** What fastify is told of a route, for the document alone: body and query are checked by body.ts. */
export function openApiOf(route: AnyRoute): FastifySchema {
  const { action, answers, body, query } = route;
  const rule = action === null ? null : RULES[action];
  const who = rule === null ? 'Open to everybody.' : `Roles: ${rule.roles.join(', ')}.`;
  return {
    tags: [route.tag],
    summary: route.summary,
    description: [route.description, who].filter(Boolean).join('\n\n'),
    operationId: operationId(route),
    security: action === null ? [] : [{ bearer: [] }],
    ...(body ? { body: plain(bodySchema(route)) } : {}),
    ...(query ? { querystring: plain(query.schema) } : {}),
    params: paramsOf(route.path),
    headers: headersOf(route),
    response: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, schema]) => [
          status,
          schema === null
            ? { description: 'Done.', type: 'null' }
            : { description: 'Done.', content: { 'application/json': { schema: plain(schema) } } },
        ]),
      ),
      default: { description: 'Refused.', content: { 'application/problem+json': { schema: plain(PROBLEM) } } },
    },
  };
}

/** A copy that others may change, without what is not JSON. */
function plain(schema: unknown): object {
  return JSON.parse(JSON.stringify(schema)) as object;
}

function operationId({ method, path }: AnyRoute): string {
  const words = path.replace('/api/v1/', '').split(/[^a-z0-9_]+/i);
  return [method.toLowerCase(), ...words.filter((word) => word !== '')].join('_');
}

function paramsOf(path: string): object {
  const names = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name as string);
  const properties = Object.fromEntries(names.map((name) => [name, { type: 'string', minLength: 1 }]));
  return { type: 'object', properties, required: names };
}

const text = (description: string) => ({ type: 'string', description });

function headersOf({ method, ifMatch, asks }: AnyRoute): object {
  return {
    type: 'object',
    properties: {
      'x-request-id': text('Id of the request, 1 to 128 letters, digits and `._:-`; answered. Default: one is made.'),
      ...(ifMatch ? { 'if-match': text('ETag of what is changed.') } : {}),
      ...(method === 'POST' && !asks
        ? { 'idempotency-key': { ...text('The same change is not done again.'), pattern: IDEMPOTENCY_KEY.source } }
        : {}),
    },
    required: ifMatch ? ['if-match'] : [],
  };
}

/** The body with its other names: of each pair one may be sent. */
function bodySchema({ body, aliases = {}, examples = [] }: AnyRoute): SchemaNode & Record<string, unknown> {
  const { properties = {}, required = [], ...rest } = body!.schema as SchemaNode;
  const others = aliasesFor(properties, aliases);
  const renamed = new Set(others.map(([, name]) => name));
  return {
    ...rest,
    properties: {
      ...properties,
      ...Object.fromEntries(
        others.map(([alias, name]) => [alias, { ...properties[name], description: `The same as \`${name}\`.` }]),
      ),
    },
    required: required.filter((name) => !renamed.has(name)),
    ...(others.length === 0 ? {} : { allOf: others.map((pair) => oneOf(pair, required)) }),
    ...(examples.length === 0 ? {} : { examples }),
  };
}

function oneOf([alias, name]: readonly [string, string], required: readonly string[]): object {
  if (!required.includes(name)) return { not: { required: [alias, name] } };
  return { oneOf: [{ required: [alias] }, { required: [name] }] };
}
