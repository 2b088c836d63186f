/**
 * `npm run bench [-- --quick]`: what Domicile costs beside other proxies, on this machine, in one run. Linux only: CPU
 * time is read from /proc. Prints tables, and writes bench/results/latest.json (`--quick`: one round, local-quick.json).
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem, type, release } from 'node:os';
import { join } from 'node:path';
import { serverCache } from '../test/servers/programs.ts';
import { run as decisions } from './decide.ts';
import { autocannon, type Generator, wrk } from './load.ts';
import { run as metrics } from './metrics.ts';
import { cpuMicroseconds, Running } from './processes.ts';
import { found, type Proxy, startDomicile, startNativePeer, startNodePeer } from './proxies.ts';
import { type Ports, SMALL_HEADERS } from './routes.ts';
import { rounded, type Row, row, table } from './rows.ts';
import { run as signatures } from './sigv4.ts';
import { run as tenants } from './tenants.ts';
import { download, upload } from './transfer.ts';

const CONNECTIONS = 32;
const SECONDS = 2;
const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 1 : 5;

interface Measured {
  readonly proxy: string;
  readonly does: string;
  readonly rows: readonly Row[];
}

if (process.platform !== 'linux') {
  console.error('bench: CPU time is read from /proc, so this needs Linux');
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'domicile-bench-'));
const started: Running[] = [];
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => void stop().then(() => process.exit(1)));

try {
  const generators = loadGenerators();
  const proxies = await startAll();
  const wire = await measureWire(proxies, generators);
  for (const [name] of generators) show(`GET of 200 bytes over ${CONNECTIONS} connections, ${name}`, wire, `, ${name}`);
  const bulk = await measureTransfers(proxies);
  show('64 MB', bulk);
  await stop();
  const parts = [...decisions(ROUNDS), ...(await signatures()), ...(await metrics())];
  showRows('parts of a request', parts);
  const scale = await tenants(folder, quick ? 1 : 3);
  showRows('tenants', scale);
  write({ machine: machine(), rounds: ROUNDS, connections: CONNECTIONS, seconds: SECONDS, wire, bulk, parts, scale });
} finally {
  await stop();
}

function loadGenerators(): [name: string, generator: Generator][] {
  const program = found('wrk', serverCache(process.env));
  const all: [string, Generator][] = [['autocannon', autocannon]];
  if (program !== null) all.unshift(['wrk', wrk(program)]);
  return all;
}

async function startAll(): Promise<Proxy[]> {
  const upstream = new Running(process.execPath, [join(import.meta.dirname, 'upstream.ts')]);
  started.push(upstream);
  const ports = JSON.parse(await upstream.firstLine()) as Ports;
  const cache = serverCache(process.env);
  const proxies: Proxy[] = [];
  for (const start of [
    () => startDomicile(join(folder, 'domicile'), ports),
    () => startNodePeer('http-proxy.ts', 'http-proxy', ports),
    () => startNodePeer('reply-from.ts', '@fastify/reply-from', ports),
    () => startNativePeer('nginx', join(folder, 'nginx'), ports, cache),
    () => startNativePeer('haproxy', join(folder, 'haproxy'), ports, cache),
  ]) {
    const proxy = await start();
    if (proxy === null) continue;
    started.push(proxy.process);
    proxies.push(proxy);
  }
  return proxies;
}

/** Rounds are interleaved, so that a busy moment of the machine falls on all of them. */
async function measureWire(proxies: readonly Proxy[], generators: readonly [string, Generator][]): Promise<Measured[]> {
  const path = '/bench-bucket/object-1';
  const figures = new Map<string, number[]>();
  const note = (key: string, value: number) => figures.set(key, [...(figures.get(key) ?? []), value]);
  for (const { url } of proxies) await generators[0]![1](url + path, SMALL_HEADERS, CONNECTIONS, quick ? 1 : 3);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [generator, load] of generators) {
      for (const { name, url, process } of proxies) {
        const before = cpuMicroseconds(process.pid);
        const { requests, p50, p99 } = await load(url + path, SMALL_HEADERS, CONNECTIONS, SECONDS);
        note(`${name} CPU, ${generator}`, (cpuMicroseconds(process.pid) - before) / requests);
        note(`${name} rate, ${generator}`, requests / SECONDS);
        note(`${name} p50, ${generator}`, p50 / 1000);
        note(`${name} p99, ${generator}`, p99 / 1000);
      }
    }
  }
  return proxies.map(({ name, does }) => ({
    proxy: name,
    does,
    rows: generators.flatMap(([generator]) =>
      [
        ['CPU', 'µs/req'],
        ['rate', 'req/s'],
        ['p50', 'ms'],
        ['p99', 'ms'],
      ].map(([what, unit]) => row(`${what}, ${generator}`, unit!, figures.get(`${name} ${what}, ${generator}`)!)),
    ),
  }));
}

async function measureTransfers(proxies: readonly Proxy[]): Promise<Measured[]> {
  const up = proxies.map((): number[] => []);
  const down = proxies.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, { url }] of proxies.entries()) {
      const [upwards, downwards] = [await upload(url), await download(url)];
      if (round === 0) continue; // to warm up
      up[i]!.push(upwards);
      down[i]!.push(downwards);
    }
  }
  return proxies.map(({ name, does }, i) => ({
    proxy: name,
    does,
    rows: [row('PUT', 'MB/s', up[i]!), row('GET', 'MB/s', down[i]!)],
  }));
}

/** One table of the rows whose names end in `suffix`, which is left out of its heading. */
function show(title: string, measured: readonly Measured[], suffix = ''): void {
  const chosen = measured.map(({ rows }) => rows.filter(({ name }) => name.endsWith(suffix)));
  const columns = chosen[0]!.map(({ name, unit }) => `${name.slice(0, name.length - suffix.length)} (${unit})`);
  const lines = measured.map(({ proxy, does }, i) => [proxy, ...chosen[i]!.map(({ median }) => String(median)), does]);
  console.log(`\n${title}, medians of ${ROUNDS}\n\n${table(['proxy', ...columns, 'does beside forwarding'], lines)}`);
}

function showRows(title: string, rows: readonly Row[]): void {
  const lines = rows.map(({ name, unit, median, runs }) => [name, String(rounded(median)), unit, String(runs.length)]);
  console.log(`\n${title}\n\n${table(['what', 'median', 'unit', 'runs'], lines)}`);
}

function machine(): Record<string, string | number> {
  const processors = cpus();
  return {
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memory_mb: Math.round(totalmem() / 1024 / 1024),
    kernel: `${type()} ${release()}`,
    node: process.version,
    load_average: Number(readFileSync('/proc/loadavg', 'utf8').split(' ', 1)[0]),
    date: new Date().toISOString().slice(0, 10),
  };
}

function write(results: object): void {
  const home = join(import.meta.dirname, 'results');
  mkdirSync(home, { recursive: true });
  const file = join(home, quick ? 'local-quick.json' : 'latest.json');
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nwritten to ${file}`);
}

async function stop(): Promise<void> {
  await Promise.all(started.splice(0).map((running) => running.stop()));
}
