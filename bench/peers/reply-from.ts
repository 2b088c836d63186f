import type { AddressInfo } from 'node:net';
import replyFrom from '@fastify/reply-from';
import fastify from 'fastify';
import { routeTable } from './listen.ts';

/** @fastify/reply-from over undici, with the tenant × class map. Bodies pass as streams. */
const route = routeTable();
const app = fastify({ keepAliveTimeout: 600_000, bodyLimit: 1024 * 1024 * 1024 });
await app.register(replyFrom, { undici: { connections: 256, pipelining: 1 } });
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
app.all('/*', (request, reply) => {
  const target = route(request.headers['x-tenant-id'], request.headers['x-data-classification']);
  if (target === null) return reply.code(403).send();
  return reply.from(target + request.url);
});
await app.listen({ port: 0, host: '127.0.0.1' });
console.log((app.server.address() as AddressInfo).port);
