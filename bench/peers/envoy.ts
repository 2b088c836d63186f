import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Running } from '../processes.ts';
import { startDecider } from './decision-service.ts';
import { REGIONS, routes, TENANTS } from './map.ts';
import type { Peer, Stage } from './peer.ts';

type Face = 'table' | 'ext_authz';

let told = false;

/** Envoy with one worker thread; null, after one line that says so, where it is not installed. */
export async function startEnvoy(stage: Stage, face: Face): Promise<Peer | null> {
  const program = envoyProgram(stage.cache);
  if (program === null) {
    if (!told) console.error('skipped: envoy was not found; to get it: bash test/servers/envoy.sh path');
    told = true;
    return null;
  }
  const decider = face === 'ext_authz' ? await startDecider() : null;
  const folder = join(stage.folder, `envoy-${face}`);
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const file = join(folder, 'envoy.json');
  const manager = decider === null ? byTable() : byDecision(decider.port);
  writeFileSync(file, JSON.stringify(bootstrap(port, stage.upstream, decider?.port ?? null, manager)));
  const envoy = new Running(program, ['-c', file, '--concurrency', '1', '--disable-hot-restart', '-l', 'error']);
  const url = `http://127.0.0.1:${port}`;
  await envoy.answers(url, 403);
  if (decider === null) return { name: 'envoy', does: 'table of 100 header routes', url, processes: [envoy] };
  const processes = [envoy, decider.process];
  return { name: 'envoy + ext_authz', does: 'asks a Node decision service', url, processes };
}

/** Where `test/servers/envoy.sh` puts it, or null. */
export function envoyProgram(cache: string): string | null {
  if (!existsSync(cache)) return null;
  const versions = readdirSync(cache).filter((name) => /^envoy-\d+\.\d+\.\d+$/.test(name));
  for (const version of versions.toSorted().toReversed()) {
    const program = join(cache, version, 'envoy/_bin/envoy');
    if (existsSync(program)) return program;
  }
  return null;
}

/** What a connection manager does with a request: its routes, and the filters before the router. */
interface Manager {
  readonly routes: readonly object[];
  readonly filters: readonly object[];
}

/**
 * A hundred routes of two headers each. Envoy tries them in order, so those that the load names stand in the middle:
 * the tenants of the map, with five others before them and five after.
 */
function byTable(): Manager {
  const others = Array.from({ length: 10 }, (_, i) => `other-${i}`);
  const table = routes([...others.slice(0, 5), ...TENANTS, ...others.slice(5)]).map(([key, region]) => {
    const [tenant, classification] = key.split(':') as [string, string];
    const headers = [exact('x-tenant-id', tenant), exact('x-data-classification', classification)];
    return { match: { prefix: '/', headers }, route: { cluster: region } };
  });
  return { routes: [...table, REFUSED], filters: [] };
}

function byDecision(decider: number): Manager {
  const table = REGIONS.map((region) => ({
    match: { prefix: '/', headers: [exact('x-region', region)] },
    route: { cluster: region },
  }));
  const filter = {
    name: 'envoy.filters.http.ext_authz',
    typed_config: {
      '@type': type('filters.http.ext_authz.v3.ExtAuthz'),
      clear_route_cache: true,
      allowed_headers: { patterns: [{ exact: 'x-tenant-id' }, { exact: 'x-data-classification' }] },
      http_service: {
        server_uri: { uri: `http://127.0.0.1:${decider}`, cluster: 'decider', timeout: '5s' },
        authorization_response: { allowed_upstream_headers: { patterns: [{ exact: 'x-region' }] } },
      },
    },
  };
  return { routes: [...table, REFUSED], filters: [filter] };
}

const REFUSED = { match: { prefix: '/' }, direct_response: { status: 403 } };

function exact(name: string, value: string): object {
  return { name, string_match: { exact: value } };
}

function type(name: string): string {
  return `type.googleapis.com/envoy.extensions.${name}`;
}

function bootstrap(port: number, upstream: number, decider: number | null, manager: Manager): object {
  const router = {
    name: 'envoy.filters.http.router',
    typed_config: { '@type': type('filters.http.router.v3.Router'), suppress_envoy_headers: true },
  };
  const connectionManager = {
    '@type': type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'bench',
    generate_request_id: false,
    // A client's own x-region would route where the decision service says nothing.
    early_header_mutation_extensions: [
      {
        name: 'envoy.http.early_header_mutation.header_mutation',
        typed_config: {
          '@type': type('http.early_header_mutation.header_mutation.v3.HeaderMutation'),
          mutations: [{ remove: 'x-region' }],
        },
      },
    ],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: manager.routes }] },
    http_filters: [...manager.filters, router],
  };
  const clusters = REGIONS.map((region) => cluster(region, upstream));
  if (decider !== null) clusters.push(cluster('decider', decider));
  const filters = [{ name: 'envoy.filters.network.http_connection_manager', typed_config: connectionManager }];
  return {
    static_resources: { listeners: [{ address: loopback(port), filter_chains: [{ filters }] }], clusters },
  };
}

function cluster(name: string, port: number): object {
  const many = 100_000;
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: { thresholds: [{ max_connections: many, max_pending_requests: many, max_requests: many }] },
    load_assignment: {
      cluster_name: name,
      endpoints: [{ lb_endpoints: [{ endpoint: { address: loopback(port) } }] }],
    },
  };
}

function loopback(port: number): object {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}
