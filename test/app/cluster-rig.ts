import { spawn, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { sample } from '../telemetry/exposition.ts';
import { writeFiles, type RigOptions } from '../rig/domicile.ts';

const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
/** What a first start prints, in one piece: it is nothing that went wrong. */
const FIRST_START = /First start: .*\n(dom_.*)\nMake others with: .*\n/;

/** Milliseconds that anything here may take: processes are started, on a machine that does other things too. */
const BOUND = 30_000;

export type LogLine = Readonly<Record<string, unknown>>;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** A command that goes on until it is stopped. */
export type Command = 'serve' | 'control' | 'proxy';

/** Domicile as a process of its own, from files in a folder of its own. */
export class Cluster {
  readonly folder: string;
  readonly process: ChildProcess;
  readonly log: LogLine[] = [];
  /** What came that is no line of the log: errors, and what Node says of a crash. */
  other = '';
  /** The token that a first start prints. */
  firstToken = '';
  readonly closed: Promise<[number | null, NodeJS.Signals | null]>;
  readonly #lines = new EventEmitter();

  private constructor(folder: string, env: NodeJS.ProcessEnv, args: readonly string[], command: Command) {
    this.folder = folder;
    this.process = spawn(process.execPath, [MAIN, command, '--config', join(folder, 'domicile.yaml'), ...args], {
      env: { ...process.env, ...env },
    });
    this.closed = once(this.process, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    let rest = '';
    this.process.stdout!.setEncoding('utf8').on('data', (part: string) => {
      const lines = (rest + part).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.log.push(JSON.parse(line) as LogLine);
      this.#lines.emit('more');
    });
    this.process.stderr!.setEncoding('utf8').on('data', (part: string) => {
      this.firstToken ||= FIRST_START.exec(part)?.[1] ?? '';
      this.other += part.replace(FIRST_START, '');
    });
  }

  /** Starts it; resolves when it is ready. */
  static async start(options: RigOptions, args: readonly string[] = ['--workers', '2']): Promise<Cluster> {
    const cluster = Cluster.begin(options, args);
    await cluster.logged('ready');
    return cluster;
  }

  /** Starts it, and does not wait. */
  static begin(options: RigOptions, args: readonly string[] = ['--workers', '2']): Cluster {
    const any = () => ({ listen: `127.0.0.1:${20_000 + Math.floor(Math.random() * 10_000)}` });
    // Below the ports that the system gives away: one of those could be somebody else's once the workers bind it.
    const listeners = { storage: any(), search: any(), inference: any() };
    const settings = { listeners, ...options.settings };
    return Cluster.in(writeFiles({ ...options, settings }), options.env ?? {}, args);
  }

  /** Starts it from the files of a folder, and does not wait. */
  static in(
    folder: string,
    env: NodeJS.ProcessEnv = {},
    args: readonly string[] = ['--workers', '2'],
    command: Command = 'serve',
  ): Cluster {
    return new Cluster(folder, env, args, command);
  }

  /** The first line of the log, from `from` on, whose message begins so. */
  async logged(message: string, from = 0): Promise<LogLine> {
    const signal = AbortSignal.timeout(BOUND);
    for (;;) {
      const found = this.log.slice(from).find((line) => String(line['message']).startsWith(message));
      if (found !== undefined) return found;
      if (this.process.exitCode !== null || this.process.signalCode !== null)
        throw new Error(`it ended before "${message}": ${this.other}`);
      await Promise.race([once(this.#lines, 'more', { signal }), this.closed]);
    }
  }

  get ops(): string {
    return this.#at('ops');
  }

  get control(): string {
    return this.#at('control');
  }

  get feed(): string {
    return this.#at('feed');
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** Process ids of the workers that live, oldest first. */
  get workers(): number[] {
    return readFileSync(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8')
      .split(' ')
      .filter((pid) => pid !== '')
      .map(Number)
      .filter(lives);
  }

  url(listener: 'storage' | 'search' | 'inference'): string {
    const line = this.log.find((each) => each['listener'] === `listeners.${listener}`);
    return `http://127.0.0.1:${String(line?.['port'])}`;
  }

  write(name: string, content: unknown): void {
    writeFileSync(join(this.folder, name), JSON.stringify(content));
  }

  async metrics(): Promise<string> {
    return (await ask(`${this.ops}/metrics`)).body;
  }

  /** The sum of all series of a metric. */
  async total(metric: string): Promise<number> {
    const page = await this.metrics();
    return page
      .split('\n')
      .filter((line) => line.startsWith(`${metric}{`) || line.startsWith(`${metric} `))
      .reduce((sum, line) => sum + sample(line, line.slice(0, line.lastIndexOf(' ')))!, 0);
  }

  /** Resolves when so many workers serve. */
  async serving(count: number): Promise<void> {
    const signal = AbortSignal.timeout(BOUND);
    for (;;) {
      const { body } = await ask(`${this.ops}/readyz`);
      if ((JSON.parse(body) as { workers: { serving: number } }).workers.serving === count) return;
      signal.throwIfAborted();
    }
  }

  /** Kills every worker; resolves when as many others serve. */
  async loseAll(): Promise<void> {
    const before = await this.total('domicile_worker_restarts_total');
    const { workers } = this;
    for (const pid of workers) process.kill(pid, 'SIGKILL');
    const signal = AbortSignal.timeout(BOUND);
    while ((await this.total('domicile_worker_restarts_total')) < before + workers.length) signal.throwIfAborted();
    await this.serving(workers.length);
  }

  async stop(): Promise<void> {
    await this.end('SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Ends it, and leaves its files. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    this.process.kill(signal);
    await this.closed;
  }

  #at(name: 'ops' | 'control' | 'feed'): string {
    return String(this.log.find(({ message }) => message === 'ready')?.[name]);
  }
}

/** Whether a process runs: one that nobody has waited for yet does not. */
export function lives(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** Resolves when none of these processes runs. */
export async function gone(pids: readonly number[]): Promise<void> {
  const signal = AbortSignal.timeout(BOUND);
  while (pids.some(lives)) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export const CALLER = { 'x-tenant-id': 'acme', 'x-data-classification': 'content' };

/** One GET. Without an agent it has a connection of its own. */
export async function ask(url: string, headers = {}, agent: Agent | false = false): Promise<Answer> {
  const request = get(url, { headers, agent });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return { status: response.statusCode!, headers: response.headers, body: await text(response) };
}

/** Requests without a pause over so many connections, kept alive or a new one each, until it is told to stop. */
export class Load {
  done = 0;
  readonly failed: string[] = [];
  #going = true;
  readonly #ended: Promise<unknown>;

  constructor(url: string, connections: number, keepAlive: boolean) {
    const agent = keepAlive && new Agent({ keepAlive: true, maxSockets: connections });
    const one = async () => {
      while (this.#going) {
        try {
          const { status } = await ask(url, CALLER, agent);
          if (status === 200) this.done++;
          else this.failed.push(String(status));
        } catch (error) {
          this.failed.push(String((error as NodeJS.ErrnoException).code));
        }
      }
    };
    this.#ended = Promise.all(Array.from({ length: connections }, one)).finally(() => agent && agent.destroy());
  }

  /** Resolves when so many more have been answered well. */
  async more(count: number): Promise<void> {
    const signal = AbortSignal.timeout(BOUND);
    const enough = this.done + count;
    while (this.done < enough) {
      signal.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    this.#going = false;
    await this.#ended;
  }
}
