/**
 * `node bench/evidence-log.ts [--folder PATH]`: what the evidence log costs on this machine: to append an entry, in CPU
 * with all that its thread does at a steady pace, and until an entry is durable where somebody waits for it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { EvidenceLog } from '../src/audit/evidence-log.ts';
import { keptText } from '../src/audit/entry-text.ts';
import { openThread, type OpenPort } from '../src/audit/thread.ts';
import { cpuSince, median, rounded } from './rows.ts';

const { values } = parseArgs({ options: { folder: { type: 'string', default: tmpdir() } } });
/** As long as a decision is, and made before, as most of one is. */
const REST = keptText(
  `"sidecar":"sidecar-1","request_id":"4f1c2a90b7d3e85a61f0c2d4-1x9","tenant":"acme","mode":"batch","subject":"student-123","user":"teacher-7","service":"storage","dialect":"s3","verb":"access","operation":"GetObject","classification":"identity","resource":"acme-records/2026/11/report-000123.json","caller_region":"eu-west","target_region":"eu-west","effect":"allow","reason":"in_residency","policy":"acme-eu","policy_revision":12,"frameworks":["gdpr"],"retention_days":365,"grant":null,"override":null,"status":200,"upstream_status":200,"bytes_in":0,"bytes_out":18234,"duration_ms":12}`,
);

let commits = 0;
const counted: OpenPort = (answer, lost) => {
  const port = openThread(answer, lost);
  const post: typeof port.post = (message, buffers) => {
    if (message.type === 'commit') commits += 1;
    port.post(message, buffers);
  };
  return { ...port, post };
};

const state = mkdtempSync(join(values.folder, 'domicile-bench-'));
const log = await EvidenceLog.open({
  state,
  sidecar: 'sidecar-1',
  name: '1',
  key: null,
  flushMs: 25,
  capacity: 1_000_000,
  onChange: ({ failing }) => console.error(failing),
  openPort: counted,
});

function append(): number {
  log.begin('decision').kept(REST);
  return log.end();
}

function durable(seq: number): Promise<void> {
  return new Promise((resolve, reject) => {
    log.durable(seq, (error) => (error === null ? resolve() : reject(error)));
  });
}

/** Nanoseconds of an append: the median of many short runs, which nothing else interrupts. */
async function appending(): Promise<number> {
  const runs: number[] = [];
  for (let run = 0; run < 400; run++) {
    const before = performance.now();
    for (let i = 0; i < 1000; i++) append();
    runs.push((performance.now() - before) * 1000);
    await durable(log.size + log.depth - 1);
  }
  return median(runs.slice(100));
}

/** Microseconds of CPU of the whole process for so many entries, at `rate` a second. */
async function paced(rate: number, seconds: number, each: () => void): Promise<number> {
  const before = process.cpuUsage();
  const start = performance.now();
  for (let done = 0; done < rate * seconds;) {
    await sleep(2);
    const due = Math.min(rate * seconds, ((performance.now() - start) / 1000) * rate);
    for (; done < due; done++) each();
  }
  await sleep(100);
  return cpuSince(before);
}

/** Milliseconds until an entry is durable, so many at once. */
async function waiting(lanes: number, each: number): Promise<{ readonly times: number[]; readonly seconds: number }> {
  const times: number[] = [];
  const start = performance.now();
  const lane = async () => {
    for (let i = 0; i < each; i++) {
      const asked = performance.now();
      await durable(append());
      times.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return { times: times.toSorted((a, b) => a - b), seconds: (performance.now() - start) / 1000 };
}

console.log(`entry: ${REST.length + 70} bytes, about; folder: ${values.folder}`);
console.log(`append: ${await appending()} ns`);
for (const rate of [5000, 20_000]) {
  const seconds = 4;
  const idle = await paced(rate, seconds, () => undefined);
  commits = 0;
  const used = await paced(rate, seconds, append);
  const cpu = rounded((used - idle) / (rate * seconds));
  console.log(
    `batch, ${rate} entries/s: ${cpu} µs of CPU an entry, thread and all; ${rounded(commits / seconds)} commits/s`,
  );
}
for (const lanes of [1, 64]) {
  commits = 0;
  const { times, seconds } = await waiting(lanes, 300);
  const [half, most] = [times[times.length >> 1]!, times[Math.floor(times.length * 0.99)]!];
  console.log(
    `strict, ${lanes} at once: ${rounded(times.length / seconds)} entries/s in ${rounded(commits / seconds)} commits/s; ` +
      `durable after ${rounded(half)} ms (p50), ${rounded(most)} ms (p99)`,
  );
}
await log.close(10_000);
rmSync(state, { recursive: true });
