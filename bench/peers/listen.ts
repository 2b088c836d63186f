import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { routes } from './map.ts';

/** Upstream of a request by the tenant × class map, or null. */
export type Route = (tenant: unknown, classification: unknown) => string | null;

/** The map of a Node peer, whose first argument is the port of the upstream. */
export function routeTable(): Route {
  const upstream = `http://127.0.0.1:${Number(process.argv[2])}`;
  const map = new Map(routes().map(([key]) => [key, upstream]));
  return (tenant, classification) => map.get(`${String(tenant)}:${String(classification)}`) ?? null;
}

/** Serves on a free port and prints it. */
export function serve(listener: RequestListener): void {
  const server = createServer(listener);
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
}
