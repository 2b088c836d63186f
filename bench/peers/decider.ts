import { serve } from './listen.ts';
import { routes } from './map.ts';

/**
 * A decision service: the tenant × class map behind `node:http`. 200 with the region, or 403. Not 204: Envoy's
 * ext_authz takes 200 alone for a yes, nginx's auth_request any 2xx.
 */
const regions: ReadonlyMap<string, string> = new Map(routes());

serve(({ headers }, response) => {
  const region = regions.get(`${String(headers['x-tenant-id'])}:${String(headers['x-data-classification'])}`);
  if (region === undefined) response.writeHead(403, { 'content-length': 0 }).end();
  else response.writeHead(200, { 'content-length': 0, 'x-region': region }).end();
});
