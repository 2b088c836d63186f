import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Ports } from '../routes.ts';

/** Upstream of a request by the tenant × class map, or null. */
export type Route = (tenant: unknown, classification: unknown) => string | null;

/** The map of a Node peer, from its first argument, the upstream's ports as JSON. */
export function routeTable(entries: readonly (readonly [string, keyof Ports])[]): Route {
  const ports = JSON.parse(process.argv[2] ?? '') as Ports;
  const map = new Map(entries.map(([key, upstream]) => [key, `http://127.0.0.1:${ports[upstream]}`]));
  return (tenant, classification) => map.get(`${String(tenant)}:${String(classification)}`) ?? null;
}

/** Serves on a free port and prints it. */
export function serve(listener: RequestListener): void {
  const server = createServer(listener);
  server.keepAliveTimeout = 600_000;
  server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
}
