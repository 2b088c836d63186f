/**
 * `node test/audit/crash.ts [--kills 200] [--mode strict|batch] [--folder PATH]`: a process that writes two logs, killed so many times in each mode, at random
 * moments, and what is there afterwards. Exit 1 when anything is lost, or a log does not verify as it lies.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { evidenceFolder, folderOf } from '../../src/audit/names.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { SCRATCH } from './scratch.ts';

export const MODES = ['strict', 'batch'] as const;
export type Mode = (typeof MODES)[number];

export interface Toll {
  readonly mode: Mode;
  readonly kills: number;
  /** Entries that were acknowledged (strict), or taken at least 50 ms before the last sign of life (batch). */
  readonly owed: number;
  /** Of those, the ones that are not in the log as it lies. */
  readonly lost: number;
  /** Milliseconds before that at which the oldest of those was taken. */
  readonly latest: number;
  /** Milliseconds for which a process had said nothing when it was killed, at most. */
  readonly silence: number;
  /** Entries of all logs at last. */
  readonly entries: number;
  /** Of a process that was killed while it opened its logs. */
  readonly killedOpening: number;
  /** Logs that do not verify, and starts that failed: a line each. */
  readonly faults: readonly string[];
}

const WRITER = fileURLToPath(new URL('crash-writer.ts', import.meta.url));
const LOGS = ['1', 'control'];
/** Milliseconds by which a batch entry is durable. */
const BOUND = 50;
/** Kills that one folder sees, one after the other. */
const LIVES = 10;
/** Milliseconds that a process writes before it is killed, at most. */
const LIFE = 250;

export async function killed(mode: Mode, kills: number, scratch = SCRATCH): Promise<Toll> {
  const toll = {
    mode,
    kills,
    owed: 0,
    lost: 0,
    latest: 0,
    silence: 0,
    entries: 0,
    killedOpening: 0,
    faults: [] as string[],
  };
  for (let done = 0; done < kills; done += LIVES) {
    const state = mkdtempSync(join(scratch, 'domicile-crash-'));
    let sizes: number[] = [];
    for (let life = done; life < Math.min(kills, done + LIVES); life++) sizes = await live(state, mode, life, toll);
    toll.entries += sizes.reduce((sum, size) => sum + size, 0);
    rmSync(state, { recursive: true, force: true });
  }
  return toll;
}

type Counting = { -readonly [key in keyof Toll]: Toll[key] } & { faults: string[] };

/** One process from its start to its death. @returns sizes of the logs that it leaves */
async function live(state: string, mode: Mode, life: number, toll: Counting): Promise<number[]> {
  const child = spawn(process.execPath, [WRITER, state, mode], { stdio: ['ignore', 'pipe', 'pipe'] });
  const gone = once(child, 'exit');
  const ready = Promise.withResolvers<void>();
  const lines: string[] = [];
  let complaint = '';
  child.stderr.on('data', (text: Buffer) => (complaint += String(text)));
  const reader = createInterface({ input: child.stdout });
  reader.on('line', (line) => (line === 'ready' ? ready.resolve() : lines.push(line)));
  const read = once(reader, 'close');
  // Every fifth is killed somewhere in its start.
  let isReady = false;
  if (life % 5 !== 4) isReady = await Promise.race([ready.promise.then(() => true), gone.then(() => false)]);
  await sleep(Math.random() * (isReady ? LIFE : 2 * LIFE));
  const at = Date.now();
  child.kill('SIGKILL');
  const [code, signal] = (await gone) as [number | null, string | null];
  await read;
  if (signal !== 'SIGKILL') toll.faults.push(`life ${life}: it ended by itself with code ${code}: ${complaint}`);
  else if (complaint !== '') toll.faults.push(`life ${life}: ${complaint}`);
  if (!isReady) toll.killedOpening += 1;
  // It speaks every millisecond (batch). A process that the machine does not let run was as good as killed before.
  const last = Math.min(at, Math.max(0, ...lines.map((line) => Number(line.split(' ')[3] ?? at))));
  if (lines.length > 0) toll.silence = Math.max(toll.silence, at - last);
  const sizes: number[] = [];
  for (const name of LOGS) {
    const folder = folderOf(evidenceFolder(state), 's1', name);
    const { fault, size } = existsSync(join(folder, 'checkpoint')) ? await verifyLog(folder) : NONE;
    if (fault !== null) toll.faults.push(`life ${life}: ${folder}/${fault.file} at ${fault.offset}: ${fault.message}`);
    sizes.push(size);
    for (const line of lines) {
      const [log, seq, count = '1', time] = line.split(' ');
      if (log !== name || (time !== undefined && Number(time) > last - BOUND)) continue;
      const lost = Math.min(Number(count), Math.max(0, Number(seq) - size + 1));
      toll.owed += Number(count);
      toll.lost += lost;
      if (lost > 0) toll.latest = Math.max(toll.latest, last - Number(time ?? last));
    }
  }
  return sizes;
}

const NONE = { fault: null, size: 0 };

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      kills: { type: 'string', default: '200' },
      mode: { type: 'string' },
      folder: { type: 'string', default: SCRATCH },
    },
  });
  for (const mode of MODES.filter((one) => values.mode === undefined || values.mode === one)) {
    const toll = await killed(mode, Number(values.kills), values.folder);
    const { kills, owed, lost, latest, silence, entries, killedOpening, faults } = toll;
    console.log(
      `${mode}: killed ${kills} times (${killedOpening} of them while opening), ${entries} entries; ` +
        `owed ${owed}, lost ${lost}${lost > 0 ? ` (up to ${latest} ms old)` : ''}, silent for up to ${silence} ms before; faults ${faults.length}`,
    );
    for (const fault of faults) console.log(`  ${fault}`);
    if (lost > 0 || faults.length > 0) process.exitCode = 1;
  }
}

if (import.meta.main) await main();
