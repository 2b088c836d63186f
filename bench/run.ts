/**
 * `npm run bench [-- --quick] [-- --only get,sigv4]`: what Domicile costs beside other proxies, on this machine, in one
 * run. Linux only: CPU time is read from /proc. Progress goes to stderr, tables to stdout. A whole run writes
 * bench/results/latest.json and the table in docs/performance.md; `--quick` (one round) and `--only` write
 * bench/results/local.json alone.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { serverCache } from '../test/servers/programs.ts';
import type { Bench, Findings, Work } from './bench.ts';
import { autocannon } from './load/autocannon.ts';
import { wrk } from './load/wrk.ts';
import { machine } from './machine.ts';
import { found as programFound } from './peers/found.ts';
import { killAll, stopAll } from './processes.ts';
import { linesOf, markdown, print, writeIntoPage, writeResults } from './report.ts';
import { rounded } from './rows.ts';
import { decision } from './work/decision.ts';
import { evidence } from './work/evidence.ts';
import { get, getAgain } from './work/get.ts';
import { bulk, chat } from './work/inspected.ts';
import { latency } from './work/latency.ts';
import { metrics, sigv4, tenants } from './work/parts.ts';
import { refusal } from './work/refusal.ts';
import { put, resign } from './work/storage.ts';
import { transfer } from './work/transfer.ts';

const WORKS: readonly Work[] = [
  get,
  getAgain,
  resign,
  put,
  bulk,
  chat,
  transfer,
  latency,
  decision,
  refusal,
  evidence,
  sigv4,
  metrics,
  tenants,
];

const began = performance.now();
const { quick, works } = readArguments();
const folder = mkdtempSync(join(tmpdir(), 'domicile-bench-'));
let interrupted = false;
process.once('exit', () => {
  killAll();
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    interrupted = true;
    void stopAll().then(() => process.exit(1));
  });
}

try {
  await run();
} catch (error) {
  if (!interrupted) throw error; // else it is what the stopping has broken off
} finally {
  await stopAll();
}

async function run(): Promise<void> {
  const bench = settle();
  const load = rounded(loadavg()[0]!);
  if (load > availableParallelism() / 4)
    bench.say(`the machine is busy (load average ${load}): CPU times come out too high, and latencies more so`);
  const found: [Work, Findings][] = [];
  for (const work of works) {
    const findings = await work.run(bench);
    found.push([work, findings]);
    print(work, findings);
  }
  const here = machine(bench.cache, load);
  const lines = linesOf(found);
  const table = markdown(lines, here, bench);
  if (lines.length > 0) console.log(`\n${table}`);
  const whole = !quick && works.length === WORKS.length;
  writeResults(whole ? 'latest.json' : 'local.json', found, here, bench);
  if (whole) writeIntoPage(table);
}

function settle(): Bench {
  const cache = serverCache(process.env);
  const program = programFound('wrk', cache);
  return {
    folder,
    cache,
    rounds: quick ? 1 : 5,
    connections: 64,
    seconds: 2,
    warmUpSeconds: quick ? 2 : 3,
    generator: program === null ? autocannon(folder) : wrk(program, folder),
    quick,
    say: (text) => console.error(`[${clock()}] ${text}`),
  };
}

/** Minutes and seconds since the start. */
function clock(): string {
  const seconds = Math.round((performance.now() - began) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function readArguments(): { readonly quick: boolean; readonly works: readonly Work[] } {
  const keys = WORKS.map(({ key }) => key);
  try {
    if (process.platform !== 'linux') throw new Error('CPU time is read from /proc, so this needs Linux');
    const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, only: { type: 'string' } } });
    const chosen = values.only?.split(',') ?? keys;
    for (const key of chosen)
      if (!keys.includes(key)) throw new Error(`--only ${key}: there is no such work, use ${keys.join(', ')}`);
    return { quick: values.quick, works: WORKS.filter(({ key }) => chosen.includes(key)) };
  } catch (error) {
    console.error(`bench: ${(error as Error).message}`);
    process.exit(2);
  }
}
