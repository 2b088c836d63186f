import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Running } from '../processes.ts';
import { startDecider } from './decision-service.ts';
import { found } from './found.ts';
import { REGIONS, routes } from './map.ts';
import type { Peer, Stage } from './peer.ts';

/** What nginx is set up to do. */
interface Face {
  readonly does: string;
  /** Its `location /`, beside the lines that forward. */
  readonly location: string;
  /** Upstream that it forwards to. */
  readonly to: '$region' | 'eu-west' | null;
}

const FACES = {
  map: { does: 'tenant × class map', location: 'if ($region = "") { return 403; }', to: '$region' },
  auth_request: {
    does: 'asks a Node decision service',
    location: 'auth_request /decide; auth_request_set $region $upstream_http_x_region;',
    to: '$region',
  },
  proxy_pass: { does: 'proxy_pass', location: '', to: 'eu-west' },
  unbuffered: { does: 'proxy_pass, unbuffered', location: 'proxy_buffering off;', to: 'eu-west' },
  refuse: { does: 'return 403', location: 'return 403;', to: null },
} as const satisfies Record<string, Face>;

/** nginx with one worker process and no access log; null, after one line that says so, where it is not installed. */
export async function startNginx(stage: Stage, face: keyof typeof FACES): Promise<Peer | null> {
  const program = found('nginx', stage.cache);
  if (program === null) return null;
  const decider = face === 'auth_request' ? await startDecider() : null;
  const folder = join(stage.folder, `nginx-${face}`);
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const file = join(folder, 'nginx.conf');
  const parts = face === 'map' ? mapping() : decider === null ? NOTHING : asking(decider.port);
  writeFileSync(file, configuration(FACES[face], folder, port, stage.upstream, parts));
  const nginx = new Running(program, ['-c', file, '-e', 'stderr']);
  const url = `http://127.0.0.1:${port}`;
  // Those that decide refuse a request that names no tenant.
  await nginx.answers(url, FACES[face].to === 'eu-west' ? 200 : 403);
  return {
    name: decider === null ? 'nginx' : 'nginx + auth_request',
    does: FACES[face].does,
    url,
    processes: decider === null ? [nginx] : [nginx, decider.process],
  };
}

/** What a face adds to the blocks `http` and `server`. */
interface Parts {
  readonly http: string;
  readonly server: string;
}

const NOTHING: Parts = { http: '', server: '' };

function mapping(): Parts {
  const lines = routes().map(([key, region]) => `    "${key}" ${region};\n`);
  const http = `  map "$http_x_tenant_id:$http_x_data_classification" $region {\n    default "";\n${lines.join('')}  }\n`;
  return { http, server: '' };
}

function asking(decider: number): Parts {
  const server = `    location = /decide {
      internal;
      proxy_pass http://decider/;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_pass_request_body off;
    }
`;
  return { http: pool('decider', decider), server };
}

function pool(name: string, port: number): string {
  return `  upstream ${name} { server 127.0.0.1:${port}; keepalive 256; keepalive_requests 1000000000; }\n`;
}

function configuration(face: Face, folder: string, port: number, upstream: number, parts: Parts): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (kind) => `  ${kind}_temp_path ${folder}/${kind};\n`,
  );
  const forward =
    face.to === null
      ? ''
      : `      proxy_pass http://${face.to};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
`;
  return `daemon off;
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
${temporary.join('')}${REGIONS.map((region) => pool(region, upstream)).join('')}${parts.http}
  server {
    listen 127.0.0.1:${port};
${parts.server}    location / {
      ${face.location}
${forward}    }
  }
}
`;
}
