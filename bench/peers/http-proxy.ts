import { Agent } from 'node:http';
import httpProxy from 'http-proxy';
import { routeTable, serve } from './listen.ts';

/** http-proxy with a keep-alive agent and the tenant × class map. */
const route = routeTable();
const proxy = httpProxy.createProxyServer({ agent: new Agent({ keepAlive: true, maxSockets: 256 }) });
proxy.on('error', (_error, _request, response) => response.destroy());

serve((request, response) => {
  const target = route(request.headers['x-tenant-id'], request.headers['x-data-classification']);
  if (target === null) response.writeHead(403).end();
  else proxy.web(request, response, { target });
});
