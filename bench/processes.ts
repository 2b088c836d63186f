import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';

/** All that runs now: the bench leaves nothing behind. */
const running = new Set<Running>();

/** A process that a bench has started. */
export class Running {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  #errors = '';

  /** @throws Error when the program cannot be started */
  constructor(command: string, args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
    this.#child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
    });
    this.#child.on('error', (error) => (this.#errors += error.message));
    if (this.#child.pid === undefined) throw new Error(`cannot start ${command}`);
    this.pid = this.#child.pid;
    running.add(this);
    this.#exited = new Promise((resolve) =>
      this.#child.once('exit', () => {
        running.delete(this);
        resolve();
      }),
    );
    this.#child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors = (this.#errors + text).slice(-4000);
    });
  }

  /** First line of its output. The rest is read and dropped. @throws Error when the process ends before it */
  async firstLine(): Promise<string> {
    const lines = createInterface({ input: this.#child.stdout! });
    const line = await Promise.race([
      new Promise<string>((resolve) => lines.once('line', resolve)),
      this.#exited.then(() => null),
    ]);
    if (line === null) throw new Error(`ended before it was ready: ${this.#errors}`);
    return line;
  }

  /** Its whole output, once it has ended by itself. @throws Error when it fails */
  async output(): Promise<string> {
    let text = '';
    this.#child.stdout!.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    await new Promise((resolve) => this.#child.once('close', resolve));
    if (this.#child.exitCode === 0) return text;
    throw new Error(
      `${this.#child.spawnfile} ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${text}${this.#errors}`,
    );
  }

  /** Until `url` answers `status`. @throws Error after `seconds`, the process stopped, or when it ends */
  async answers(url: string, status: number, seconds = 20): Promise<void> {
    this.#child.stdout!.resume();
    const until = performance.now() + seconds * 1000;
    for (;;) {
      const got = await statusOf(url);
      if (this.#child.exitCode !== null) throw new Error(`ended before it was ready: ${this.#errors}`);
      if (got === status) return;
      if (performance.now() > until) {
        await this.stop();
        throw new Error(`${url} answered ${got} after ${seconds} s: ${this.#errors}`);
      }
      await wait(5);
    }
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    const late = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
    await this.#exited;
    clearTimeout(late);
  }

  /** At once, without a goodbye. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Stops whatever a bench has started and is not stopped yet. */
export async function stopAll(): Promise<void> {
  await Promise.all(Array.from(running, (each) => each.stop()));
}

/** The same where nothing can be waited for: in an `exit` listener. */
export function killAll(): void {
  for (const each of running) each.kill();
}

async function statusOf(url: string): Promise<number | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return null; // not yet
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const TICK_MICROSECONDS = 10_000; // USER_HZ is 100 on every Linux that Node runs on

/** Microseconds of CPU, user and system, of a process and its children so far (proc(5), `/proc/PID/stat`). */
export function cpuMicroseconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // Fields are counted from after the command's name, which may hold blanks: utime is the 14th of all, stime the 15th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  let total = (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
  for (const child of childrenOf(pid)) total += cpuMicroseconds(child);
  return total;
}

/** Resident megabytes of a process and its children; pages that they share are counted in each. */
export function residentMegabytes(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  let total = Number(kilobytes?.[1] ?? 0) / 1024;
  for (const child of childrenOf(pid)) total += residentMegabytes(child);
  return total;
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  );
}
