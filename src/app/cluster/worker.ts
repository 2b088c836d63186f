import cluster from 'node:cluster';
import { Log } from '../../telemetry/log.ts';
import { Redactor } from '../../telemetry/redact.ts';
import { createTracing, type Tracing } from '../../telemetry/trace.ts';
import { secretsOf } from '../configuration.ts';
import { DataPlane } from '../data-plane.ts';
import { ProcessEvidence } from '../evidence.ts';
import { FedPolicies } from '../fed-policies.ts';
import { regionHealth } from '../region-health.ts';
import { DRAIN_BOUND } from '../running.ts';
import { unpack, type PackedLoad, type Setup, type ToPrimary, type ToWorker } from './messages.ts';

export interface WorkerOptions {
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Whether this process was started by a primary, to be one of its workers: node:cluster goes by the environment alone. */
export function isWorker(): boolean {
  return cluster.isWorker && process.connected;
}

/** A terminal, or a service manager, sends signals to all processes of a group: what they mean is for the primary to say. */
const FOR_THE_PRIMARY = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const;

/**
 * Serves as the primary says, until it says to go. When the primary is gone, by whatever cause, it finishes what is in
 * flight and goes too. Ends the process; never resolves.
 */
export function runWorker(options: WorkerOptions): Promise<never> {
  for (const signal of FOR_THE_PRIMARY) process.on(signal, () => undefined);
  const worker = new Worker(options);
  process.on('message', (message: ToWorker) => worker.receive(message));
  const self = cluster.worker!;
  self.on('disconnect', () => {
    // node:cluster ends a worker at once whose primary is gone, unless it believes that the worker wanted it so.
    self.exitedAfterDisconnect = true;
    worker.orphaned();
  });
  // What node:cluster could not tell the primary: it has just gone, and `disconnect` comes next.
  self.on('error', () => undefined);
  tell({ type: 'waiting' });
  return new Promise(() => undefined);
}

/** False: there is no primary any more. */
function tell(message: ToPrimary, sent: () => void = () => undefined): boolean {
  if (!process.connected) return false;
  // An error means that the primary has just gone: `disconnect` says so too.
  process.send!(message, undefined, undefined, sent);
  return true;
}

class Worker {
  readonly #options: WorkerOptions;
  #log: Log | null = null;
  #redactor = new Redactor();
  #tracing: Tracing | null = null;
  #policies: FedPolicies | null = null;
  #evidence: ProcessEvidence | null = null;
  /** The newest files that it was sent. */
  #load: PackedLoad | null = null;
  #plane: DataPlane | null = null;
  #leaving = false;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  receive(message: ToWorker): void {
    switch (message.type) {
      case 'start':
        this.#start(message.setup).catch((error: unknown) => this.#failed(error));
        break;
      case 'replace':
        this.#replace(message.load);
        break;
      case 'level':
        this.#log?.setLevel(message.level);
        break;
      case 'report':
        this.#report(message.id).catch((error: unknown) => this.#log?.error('metrics cannot be read', { error }));
        break;
      case 'drain':
        this.#leave(message.bound, message.grace);
        break;
    }
  }

  orphaned(): void {
    this.#log?.warn('the primary is gone: draining');
    this.#leave(DRAIN_BOUND, 0);
  }

  async #start({ worker, load, level, feed }: Setup): Promise<void> {
    const { env, version } = this.#options;
    this.#load = load;
    this.#redactor.know(secretsOf(unpack(load)));
    const log = new Log({ level, redactor: this.#redactor, worker });
    this.#log = log;
    this.#tracing = await createTracing(env, {
      version,
      onExportError: (error) => log.warn('spans cannot be exported', { error }),
    });
    this.#evidence = await ProcessEvidence.open(unpack(this.#load).settings, String(worker), log);
    const policies = await FedPolicies.open({ feed, loaded: unpack(this.#load), version, worker, log });
    this.#policies = policies;
    await policies.settled();
    // Newer files may have come meanwhile. Those that come from here on find a data plane.
    const plane = new DataPlane(unpack(this.#load), version, log, this.#tracing, policies, this.#evidence);
    this.#plane = plane;
    await plane.listen();
    tell({ type: 'serving', listeners: plane.listeners.map(({ name, port }) => ({ name, port })) });
  }

  #failed(error: unknown): void {
    const { message } = error as Error;
    if (!tell({ type: 'failed', message }, () => process.exit(1))) process.exit(1);
  }

  /** Before there is a data plane, it is enough to begin with these. */
  #replace(load: PackedLoad): void {
    try {
      const loaded = unpack(load);
      this.#redactor.know(secretsOf(loaded));
      this.#plane?.replace(loaded);
      this.#load = load;
      tell({ type: 'replaced', revision: loaded.revision });
    } catch (error) {
      tell({ type: 'not_replaced', message: String(error) });
    }
  }

  async #report(id: number, sent?: () => void): Promise<void> {
    const plane = this.#plane;
    if (plane === null) return sent?.();
    const metrics = await plane.proxy.metrics.report();
    const { catalogue, health } = plane.proxy.snapshot;
    const regions = regionHealth(catalogue, (dialect, region) => health.isUp(dialect, region));
    const notReady = plane.notReady();
    const report = { metrics, regions, notReady, policies: this.#policies?.state() ?? null };
    if (!tell({ type: 'report', id, report }, sent)) sent?.();
  }

  #leave(bound: number, grace: number): void {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#drain(bound, grace).then(
      () => process.exit(0),
      (error: unknown) => {
        this.#log?.fatal('drain failed', { error });
        process.exit(1);
      },
    );
  }

  async #drain(bound: number, grace: number): Promise<void> {
    await this.#plane?.drain(bound, grace);
    await this.#policies?.close();
    await this.#evidence?.close();
    await this.#tracing?.shutdown();
    // What it has counted since the last scrape, so that nothing is lost.
    const { promise, resolve } = Promise.withResolvers<void>();
    await this.#report(0, resolve);
    await promise;
    await this.#log?.flush();
  }
}
