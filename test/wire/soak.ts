// Whether anything is left behind by very many requests, well-behaved or broken off at any stage by either side.
//   node test/wire/soak.ts [--requests 1000000] [--seconds S] [--seed N] [--connections 64]
// A Domicile, an upstream and the clients, each in a process of its own. Ends with 1 when what is held has grown.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Cluster } from '../app/cluster-rig.ts';
import { ENV, regionAt, SETTINGS_CREDENTIALS } from '../rig/regions.ts';
import { Clients, type Tally } from './soak-client.ts';

/** What the process under test holds. Bytes of memory, else counts. */
export interface Figures {
  readonly rss: number;
  readonly heap: number;
  /** Beside the heap: buffers among it. */
  readonly external: number;
  readonly fds: number;
  readonly clients: number;
  readonly upstreamActive: number;
  readonly upstreamIdle: number;
  readonly upstreamPending: number;
  readonly inflight: number;
}

export interface Soaked {
  /** At rest, by share of the requests in percent: 0 is after a warm-up. */
  readonly figures: ReadonlyMap<number, Figures>;
  readonly tally: Tally;
  readonly seconds: number;
  /** What has grown or stayed, in words. Empty: nothing. */
  readonly faults: readonly string[];
}

export interface SoakOptions {
  readonly requests: number;
  readonly seed: number;
  readonly connections: number;
  /** Stops asking after so many; the shares are of what was asked by then. */
  readonly seconds: number;
}

const STAGES = [0, 10, 25, 50, 75, 100];
/** Requests before anything is measured: code is compiled, pools and caches fill. */
const WARM_UP = 3000;
/** Bytes that heap and buffers may each have grown by from 25 % to the end: of a million requests four each. */
const SLACK = 3 * 1024 * 1024;
/** Milliseconds until all is at rest: above the upstream's time at rest and ours for an unused connection. */
const REST = 8000;
const KEEP_ALIVE = 500;

const HERE = import.meta.dirname;

export async function soak({ requests, seed, connections, seconds }: SoakOptions): Promise<Soaked> {
  const upstream = spawn(process.execPath, [`${HERE}/soak-upstream.ts`, String(seed)], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  let cluster: Cluster | null = null;
  try {
    cluster = await serve(await portOf(upstream));
    await quieten(cluster);
    const clients = new Clients(Number(new URL(cluster.url('storage')).port), seed);
    await clients.ask(Math.min(WARM_UP, requests), connections);
    const started = performance.now();
    const figures = new Map<number, Figures>();
    for (const [i, share] of STAGES.entries()) {
      const before = STAGES[i - 1] ?? 0;
      const part = (requests * (share - before)) / 100;
      const most = clients.tally.asked + part;
      const due = started + (seconds * 1000 * share) / 100;
      if (part > 0) await clients.ask(most, connections, due);
      figures.set(share, await atRest(cluster));
    }
    const { tally } = clients;
    const faults = [...compare(figures.get(0)!, figures.get(25)!, figures.get(100)!), ...judge(tally, cluster)];
    return { figures, tally, seconds: (performance.now() - started) / 1000, faults };
  } finally {
    await cluster?.stop();
    upstream.kill();
  }
}

async function portOf(upstream: ChildProcess): Promise<number> {
  const [line] = (await once(upstream.stdout!, 'data')) as [Buffer];
  return Number(line);
}

function serve(upstream: number): Promise<Cluster> {
  const options = {
    regions: [regionAt('eu-west', { storage: `http://127.0.0.1:${upstream}` })],
    policies: [{ id: 'acme-eu', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' }],
    settings: {
      credentials: SETTINGS_CREDENTIALS,
      listeners: { storage: { listen: '127.0.0.1:0' } },
      timeouts: { response_head_ms: 1000, idle_ms: 2000, keep_alive_ms: 2000 },
      upstream: { keep_alive_ms: KEEP_ALIVE },
      log: { level: 'info', access: 0 },
    },
    env: { ...ENV, NODE_OPTIONS: `--expose-gc --import=${HERE}/soak-hook.ts` },
  };
  return Cluster.start(options, ['--workers', '1']);
}

/** The lines about refusals would be most of what is measured. */
async function quieten(cluster: Cluster): Promise<void> {
  const { ok, status } = await fetch(`${cluster.ops}/logging?level=fatal`, { method: 'POST' });
  if (!ok) throw new Error(`the level of the log could not be set: ${status}`);
}

/** What it holds once nothing is under way, garbage collected. What does not come to rest in time is given as it is. */
async function atRest(cluster: Cluster): Promise<Figures> {
  const deadline = performance.now() + REST;
  for (;;) {
    await wait(200);
    const figures = read(cluster, await cluster.metrics());
    const { clients, upstreamActive, upstreamIdle, upstreamPending, inflight } = figures;
    const held = clients + upstreamActive + upstreamIdle + upstreamPending + inflight;
    if (held > 0 && performance.now() < deadline) continue;
    // Not once: what is freed by one collection is counted by the next.
    for (let i = 0; i < 3; i++) {
      process.kill(cluster.pid, 'SIGPWR');
      await wait(100);
    }
    return read(cluster, await cluster.metrics());
  }
}

function read(cluster: Cluster, page: string): Figures {
  const sum = (name: string, label = '') => {
    const lines = page.split('\n').filter((line) => /^[\w]+/.exec(line)?.[0] === name && line.includes(label));
    if (lines.length === 0) throw new Error(`the metrics page has no ${name} ${label}`);
    return lines.reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
  };
  const state = (name: string) => sum('domicile_upstream_connections', `state="${name}"`);
  const status = readFileSync(`/proc/${cluster.pid}/status`, 'latin1');
  return {
    rss: Number(/VmRSS:\s+(\d+)/.exec(status)![1]) * 1024,
    heap: sum('nodejs_heap_size_used_bytes'),
    external: sum('nodejs_external_memory_bytes'),
    fds: sum('process_open_fds'),
    clients: sum('domicile_client_connections'),
    upstreamActive: state('active'),
    upstreamIdle: state('idle'),
    upstreamPending: state('pending'),
    inflight: sum('domicile_inflight_requests'),
  };
}

function compare(first: Figures, quarter: Figures, last: Figures): string[] {
  const faults: string[] = [];
  for (const name of ['clients', 'upstreamActive', 'upstreamIdle', 'upstreamPending', 'inflight'] as const) {
    if (last[name] !== 0) faults.push(`${name}: ${last[name]} at the end, when nothing is under way`);
  }
  if (last.fds > first.fds) faults.push(`fds: ${last.fds} at the end, ${first.fds} at the start`);
  for (const name of ['heap', 'external'] as const) {
    if (last[name] - quarter[name] > SLACK)
      faults.push(`${name}: ${mebi(quarter[name])} at 25 %, ${mebi(last[name])} at the end`);
  }
  return faults;
}

function judge({ hung }: Tally, { other, process: child }: Cluster): string[] {
  const faults = hung > 0 ? [`${hung} connections heard nothing for too long`] : [];
  if (other !== '') faults.push(`it said: ${other}`);
  if (child.exitCode !== null) faults.push(`it ended: ${child.exitCode}`);
  return faults;
}

function mebi(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** As a table, a row for each stage. */
export function tableOf({ figures, tally, seconds }: Soaked): string {
  const names = ['share', 'rss', 'heap', 'external', 'fds', 'clients', 'active', 'idle', 'pending', 'in flight'];
  const rows = [...figures].map(([share, f]) => [
    `${share} %`,
    mebi(f.rss),
    mebi(f.heap),
    mebi(f.external),
    ...[f.fds, f.clients, f.upstreamActive, f.upstreamIdle, f.upstreamPending, f.inflight].map(String),
  ]);
  const lines = [names, ...rows].map((row) => row.map((cell) => cell.padStart(10)).join(' '));
  const answered = [...tally.answered].sort(([a], [b]) => a - b).map(([status, count]) => `${status}: ${count}`);
  const { asked, aborted, cut, hung } = tally;
  lines.push(
    `${asked} asked in ${seconds.toFixed(0)} s; ${answered.join(', ')}; ${aborted} broken off, ${cut} cut, ${hung} hung`,
  );
  return lines.join('\n');
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '1000000' },
      seconds: { type: 'string', default: 'Infinity' },
      seed: { type: 'string', default: '1' },
      connections: { type: 'string', default: '64' },
    },
  });
  const soaked = await soak({
    requests: Number(values.requests),
    seconds: Number(values.seconds),
    seed: Number(values.seed),
    connections: Number(values.connections),
  });
  console.log(tableOf(soaked));
  for (const fault of soaked.faults) console.error(`soak: ${fault}`);
  process.exitCode = soaked.faults.length === 0 ? 0 : 1;
}
