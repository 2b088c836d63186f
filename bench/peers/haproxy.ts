import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, Running } from '../processes.ts';
import { found } from './found.ts';
import { REGIONS, routes } from './map.ts';
import type { Peer, Stage } from './peer.ts';

/** HAProxy with one thread and a map file; null, after one line that says so, where it is not installed. */
export async function startHaproxy(stage: Stage): Promise<Peer | null> {
  const program = found('haproxy', stage.cache);
  if (program === null) return null;
  const folder = join(stage.folder, 'haproxy');
  mkdirSync(folder, { recursive: true });
  const map = join(folder, 'routes.map');
  writeFileSync(
    map,
    `${routes()
      .map((entry) => entry.join(' '))
      .join('\n')}\n`,
  );
  const port = await freePort();
  const file = join(folder, 'haproxy.cfg');
  const backends = REGIONS.map((region) => `backend ${region}\n  server upstream 127.0.0.1:${stage.upstream}\n`);
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
${backends.join('')}`,
  );
  const haproxy = new Running(program, ['-db', '-f', file]);
  const url = `http://127.0.0.1:${port}`;
  await haproxy.answers(url, 403);
  return { name: 'haproxy', does: 'tenant × class map', url, processes: [haproxy] };
}
