import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { BENCH_ENVIRONMENT, type ListenPorts, writeConfig } from '../peers/config.ts';
import { listenPorts } from '../peers/domicile.ts';
import { Running } from '../processes.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');

/** `domicile control` or `domicile proxy`, one worker, whose files lie in a folder of its own. It may run many times. */
export class Plane {
  readonly folder: string;
  readonly listen: ListenPorts;
  readonly #args: readonly string[];
  readonly #environment: Readonly<Record<string, string>>;
  #process: Running | null = null;

  private constructor(
    folder: string,
    listen: ListenPorts,
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
  ) {
    this.folder = folder;
    this.listen = listen;
    this.#args = args;
    this.#environment = { ...BENCH_ENVIRONMENT, ...environment };
  }

  /** @param database URL of PostgreSQL, or null for SQLite in the folder */
  static async control(folder: string, upstream: number, database: string | null): Promise<Plane> {
    const listen = await listenPorts();
    const config = writeConfig(folder, upstream, listen);
    if (database !== null) appendFileSync(config, 'store: { url: "${env:BENCH_STORE}" }\n');
    const environment: Record<string, string> = database === null ? {} : { BENCH_STORE: database };
    return new Plane(folder, listen, ['control', '--config', config], environment);
  }

  static async proxy(folder: string, upstream: number, feed: string): Promise<Plane> {
    const listen = await listenPorts();
    const config = writeConfig(folder, upstream, listen);
    return new Plane(folder, listen, ['proxy', '--control', feed, '--config', config, '--workers', '1'], {});
  }

  get pid(): number {
    return this.#running.pid;
  }

  /** Where state is kept. */
  get state(): string {
    return join(this.folder, 'state');
  }

  /** Seconds from `exec` to a 200 of `/readyz`. */
  async start(): Promise<number> {
    const began = performance.now();
    this.#process = new Running(process.execPath, [MAIN, ...this.#args], this.#environment);
    await this.#process.answers(`http://127.0.0.1:${this.listen.ops}/readyz`, 200, 60);
    return (performance.now() - began) / 1000;
  }

  async stop(): Promise<void> {
    await this.#running.stop();
    this.#process = null;
  }

  /** How a proxy is fed. */
  async fed(): Promise<{ readonly revision: number; readonly documents: number }> {
    const response = await fetch(`http://127.0.0.1:${this.listen.ops}/config_dump`);
    return ((await response.json()) as { feed: { revision: number; documents: number } }).feed;
  }

  get #running(): Running {
    if (this.#process === null) throw new Error('it is not running');
    return this.#process;
  }
}
