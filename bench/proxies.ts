import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, howToGet, type ProgramName } from '../test/servers/programs.ts';
import { BENCH_ENVIRONMENT, writeBenchPolicies, writeConfig } from './config.ts';
import { freePort, Running } from './processes.ts';
import { type Ports, routes } from './routes.ts';

/** A proxy under measurement. */
export interface Proxy {
  readonly name: string;
  /** What it does to each request, beside forwarding it. */
  readonly does: string;
  readonly url: string;
  readonly process: Running;
}

const here = import.meta.dirname;

/** Domicile with its whole enforcement: facts, decision, guard, rewriting, SigV4, metrics. */
export async function startDomicile(folder: string, upstream: Ports): Promise<Proxy> {
  const [storage, control, ops] = [await freePort(), await freePort(), await freePort()];
  const config = writeConfig(folder, upstream, { storage, control, ops });
  writeBenchPolicies(folder);
  const process = domicile(config);
  await process.answers(`http://127.0.0.1:${ops}/readyz`, [200]);
  return { name: 'domicile', does: 'decision, guard, SigV4, metrics', url: `http://127.0.0.1:${storage}`, process };
}

/** `domicile serve` from the sources. */
export function domicile(config: string): Running {
  return new Running(process.execPath, [join(here, '../src/main.ts'), 'serve', '--config', config], BENCH_ENVIRONMENT);
}

/** A peer that is a Node program in `peers/`. */
export async function startNodePeer(file: string, name: string, upstream: Ports): Promise<Proxy> {
  const running = new Running(process.execPath, [join(here, 'peers', file), JSON.stringify(upstream)]);
  const port = await running.firstLine();
  return { name, does: 'tenant × class map', url: `http://127.0.0.1:${port}`, process: running };
}

/** A peer that may not be on this machine: null, after one line that says so. */
export async function startNativePeer(
  name: 'nginx' | 'haproxy',
  folder: string,
  upstream: Ports,
  cache: string,
): Promise<Proxy | null> {
  const program = found(name, cache);
  if (program === null) return null;
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const args = name === 'nginx' ? nginx(folder, port, upstream) : haproxy(folder, port, upstream);
  const running = new Running(program, args);
  await running.answers(`http://127.0.0.1:${port}/`, [403]);
  return { name, does: 'tenant × class map', url: `http://127.0.0.1:${port}`, process: running };
}

/** Path of a program, or null after one line on how to get it. */
export function found(name: ProgramName, cache: string): string | null {
  const program = findProgram(name, cache);
  if (program === null) console.log(`skipped: ${name} was not found; to get it: ${howToGet(name)}`);
  return program;
}

/** One worker process and no access log, as the others. */
function nginx(folder: string, port: number, upstream: Ports): string[] {
  const map = routes().map(([key, name]) => `    "${key}" ${name};`);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${folder}/${kind};`,
  );
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `daemon off;
master_process off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr error;
events { worker_connections 2048; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 0;
  map_hash_bucket_size 128;
${temporary.join('\n')}
  map "$http_x_tenant_id:$http_x_data_classification" $region {
    default "";
${map.join('\n')}
  }
  upstream quick { server 127.0.0.1:${upstream.quick}; keepalive 256; keepalive_requests 1000000000; }
  upstream bulk { server 127.0.0.1:${upstream.bulk}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      if ($region = "") { return 403; }
      proxy_pass http://$region;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
    }
  }
}
`,
  );
  return ['-c', file, '-e', 'stderr'];
}

function haproxy(folder: string, port: number, upstream: Ports): string[] {
  const map = join(folder, 'routes.map');
  writeFileSync(
    map,
    routes()
      .map(([key, name]) => `${key} ${name}\n`)
      .join(''),
  );
  const file = join(folder, 'haproxy.cfg');
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 2048
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend data
  bind 127.0.0.1:${port}
  http-request set-var-fmt(txn.key) "%[req.fhdr(x-tenant-id)]:%[req.fhdr(x-data-classification)]"
  http-request set-var(txn.region) var(txn.key),map_str(${map})
  http-request deny deny_status 403 unless { var(txn.region) -m found }
  use_backend %[var(txn.region)]
backend quick
  server upstream 127.0.0.1:${upstream.quick}
backend bulk
  server upstream 127.0.0.1:${upstream.bulk}
`,
  );
  return ['-db', '-f', file];
}
