/**
 * `node bench/evidence-read.ts [--entries 1000000]`: how fast a log is verified and searched, on this machine. The log is
 * written by the product's own writer, without waiting for the disk, into the folder for temporary files, some 550 bytes
 * an entry, and removed when it ends or is interrupted.
 */
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { asciiJson } from '../src/audit/ascii.ts';
import { systemFiles, type NewFile } from '../src/audit/durable.ts';
import { EntryHead } from '../src/audit/entry-head.ts';
import { EntryMatcher, type EntryFilter } from '../src/audit/filter.ts';
import { query } from '../src/audit/query.ts';
import { LogReader } from '../src/audit/reader.ts';
import { verifyLog } from '../src/audit/verify.ts';
import { LogWriter } from '../src/audit/writer.ts';
import { cpuSince, rounded } from './rows.ts';

const RUNS = 3;
const BYTES_PER_ENTRY = 700;
/** Entries that are framed, and committed, together. */
const BATCH = 65_536;

const { values } = parseArgs({ options: { entries: { type: 'string', default: '1000000' } } });
const count = Number(values.entries);
if (!Number.isSafeInteger(count) || count < 1) throw new TypeError(`--entries ${values.entries}: give a whole number`);

const state = mkdtempSync(join(tmpdir(), 'domicile-evidence-read-'));
const remove = () => rmSync(state, { recursive: true, force: true });
process.on('exit', remove);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const { bavail, bsize } = statfsSync(state);
if (bavail * bsize < count * BYTES_PER_ENTRY)
  throw new Error(`${state} has no room for ${count} entries: choose another folder by TMPDIR`);

const folder = write();
console.log('what                                          entries/s    seconds  CPU seconds');
for (let run = 0; run < RUNS; run++)
  await timed('verify', async () => {
    const { fault, size } = await verifyLog(folder);
    if (fault !== null) throw new Error(`${fault.file} ${fault.offset}: ${fault.message}`);
    return size;
  });
const filters: readonly (readonly [string, EntryFilter])[] = [
  ['query --request-id (1 entry)', { requestId: `bench-${count - 7}` }],
  ['query --tenant (1 in 1000)', { tenant: 'tenant-7' }],
  ['query --tenant --effect deny (1 in 10,000)', { tenant: 'tenant-7', effect: 'deny' }],
  ['query --effect deny (1 in 10)', { effect: 'deny' }],
];
for (const [name, filter] of filters)
  for (let run = 0; run < RUNS; run++)
    await timed(name, () => {
      let found = 0;
      for (const entry of query([LogReader.open(folder)], new EntryMatcher(filter))) if (entry.seq >= 0) found++;
      if (found === 0) throw new Error(`${name} found nothing`);
      return count;
    });

async function timed(name: string, work: () => number | Promise<number>): Promise<void> {
  const from = performance.now();
  const cpu = process.cpuUsage();
  const entries = await work();
  const seconds = (performance.now() - from) / 1000;
  const used = cpuSince(cpu) / 1e6;
  const rate = String(rounded(entries / seconds)).padStart(12);
  console.log(`${name.padEnd(42)} ${rate}  ${seconds.toFixed(3).padStart(9)}  ${used.toFixed(3).padStart(11)}`);
}

/** Returns the folder of the log. */
function write(): string {
  const files = {
    ...systemFiles,
    write: (made: readonly NewFile[]) => {
      for (const { path, bytes } of made) writeFileSync(path, bytes);
    },
    syncFolder: () => {},
  };
  mkdirSync(state, { recursive: true });
  const from = performance.now();
  const writer = new LogWriter({ state, sidecar: 'bench', name: '1', key: null }, files);
  let bytes = 0;
  for (let seq = 1; seq < count;) {
    const frames: Buffer[] = [];
    for (const end = Math.min(count, seq + BATCH); seq < end; seq++) frames.push(frame(seq));
    const batch = Buffer.concat(frames);
    bytes += batch.length;
    writer.add(batch);
    writer.commit();
  }
  const seconds = (performance.now() - from) / 1000;
  console.log(`${count} entries of ${rounded(bytes / count)} bytes, written in ${seconds.toFixed(1)} s`);
  return writer.folder;
}

function frame(seq: number): Buffer {
  const deny = seq % 10 === 0;
  const rest = asciiJson({
    sidecar: 'bench',
    request_id: `bench-${seq}`,
    tenant: `tenant-${Math.floor(seq / 7) % 1000}`,
    subject: `learner-${seq % 10_007}`,
    user: `user-${seq % 101}`,
    resource: `records-eu/learners/${seq % 10_007}/profile.json`,
    service: 'storage',
    dialect: 's3',
    verb: 'access',
    operation: 'GetObject',
    classification: 'identity',
    caller_region: 'eu-west',
    ...(deny ? {} : { target_region: 'eu-west' }),
    effect: deny ? 'deny' : 'allow',
    reason: deny ? 'region_not_allowed' : 'in_residency',
    policy: 'acme-eu',
    policy_revision: 3,
    frameworks: ['gdpr'],
    retention_days: 365,
    status: deny ? 403 : 200,
    bytes_out: 1024 + (seq % 4096),
    duration_ms: 1.25,
  });
  const text = EntryHead.before(rest.slice(1), 'decision', seq);
  const bytes = Buffer.allocUnsafe(2 + text.length);
  bytes.writeUInt16BE(text.length);
  bytes.latin1Write(text, 2);
  return bytes;
}
