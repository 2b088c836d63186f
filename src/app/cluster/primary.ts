import { OpsServer } from '../../ops/server.ts';
import type { OpsState, RegionHealth } from '../../ops/state.ts';
import type { Log } from '../../telemetry/log.ts';
import { Totals } from '../../telemetry/totals.ts';
import { configDump } from '../config-dump.ts';
import type { Settings } from '../config/settings.ts';
import { Configuration, type ConfigurationOptions } from '../configuration.ts';
import type { Loaded } from '../data-plane.ts';
import { regionHealth, worstHealth } from '../region-health.ts';
import { asStarted } from '../restart.ts';
import { DRAIN_BOUND, type Bound, type Running } from '../running.ts';
import { removeDeadSockets } from '../sockets.ts';
import { readTls } from '../tls-files.ts';
import { withPorts } from './ports.ts';
import { Supervisor } from './supervisor.ts';

export interface PrimaryOptions extends ConfigurationOptions {
  readonly version: string;
  /** At least 2: one process needs no primary. */
  readonly workers: number;
}

/**
 * A Domicile of several processes: workers hold the data listeners, this one holds the rest, and answers for them all on
 * the ops port. What the files say is decided here and sent to the workers, so that they never differ.
 */
export class Primary implements Running {
  readonly log: Log;
  readonly #options: PrimaryOptions;
  readonly #configuration: Configuration;
  /** The settings of the start, with ports in the place of 0. */
  readonly #started: Settings;
  readonly #workers: Supervisor;
  readonly #totals: Totals;
  readonly #ops: OpsServer;
  listeners: readonly Bound[] = [];
  opsUrl = '';
  #draining: Promise<void> | null = null;
  #stopped: () => void = () => {};
  readonly stopped: Promise<void>;

  private constructor(options: PrimaryOptions, configuration: Configuration, started: Settings) {
    this.#options = options;
    this.#configuration = configuration;
    this.#started = started;
    this.log = configuration.log;
    this.#totals = new Totals(options.version, {
      workers: () => this.#workers.serving,
      restarts: () => this.#workers.restarts,
      reports: () => this.#workers.reports.map(({ metrics }) => metrics),
    });
    this.#workers = new Supervisor(options.workers, this.#toSend(configuration.loaded), this.log, ({ metrics }) =>
      this.#totals.retire(metrics),
    );
    this.#ops = new OpsServer({
      state: this.#state(),
      tls: readTls(started.ops.tls),
      metrics: { contentType: this.#totals.contentType, expose: () => this.#exposition() },
      redactor: configuration.redactor,
      onError: (error) => this.log.error('ops port', { error }),
    });
    this.stopped = new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  /**
   * Loads, binds, starts the workers and serves. Nothing is left behind when it fails.
   * @throws ConfigurationError when the files do not hold together; Error, in one line, when an address cannot be had
   */
  static async start(options: PrimaryOptions): Promise<Primary> {
    const configuration = new Configuration(options);
    const started = await withPorts(configuration.loaded.settings);
    const primary = new Primary(options, configuration, started);
    try {
      await removeDeadSockets(started);
      primary.opsUrl = await primary.#ops.listen(started.ops.address);
      primary.listeners = await primary.#workers.start();
    } catch (error) {
      await primary.#ops.close();
      throw error;
    }
    configuration.watch(() => primary.reload('a file changed'));
    return primary;
  }

  get loaded(): Loaded {
    return this.#configuration.loaded;
  }

  /** The log tells when every worker has what was read. */
  reload(why: string): void {
    if (this.#draining !== null) return;
    const { level } = this.log;
    const valid = this.#configuration.reload(why, (loaded) => {
      this.#workers.replace(this.#toSend(loaded)).then(
        () => this.log.info('reloaded', { why, revision: loaded.revision }),
        (error: unknown) => this.log.error('reload failed', { error }),
      );
    });
    if (!valid) this.#totals.reloadFailure();
    if (this.log.level !== level) this.#workers.setLevel(this.log.level);
  }

  /** Restarts the workers one after the other, each new one before its old one stops accepting. */
  async roll(): Promise<void> {
    this.log.info('restarting all workers');
    await this.#workers.roll();
    this.log.info('all workers are restarted');
  }

  drain(bound: number = DRAIN_BOUND): Promise<void> {
    this.#draining ??= this.#drain(bound);
    return this.#draining;
  }

  exit(code: number): never {
    this.#workers.abandon();
    process.exit(code);
  }

  async #drain(bound: number): Promise<void> {
    this.log.info('draining');
    this.#configuration.close();
    await this.#workers.drain(bound);
    await this.#ops.close();
    this.log.info('stopped');
    await this.log.flush();
    this.#stopped();
  }

  /** What was bound at the start is the same in every worker, also in one that is started later. */
  #toSend(loaded: Loaded): Loaded {
    return { ...loaded, settings: asStarted(this.#started, loaded.settings) };
  }

  async #exposition(): Promise<string> {
    await this.#workers.refresh();
    return this.#totals.expose();
  }

  async #regions(): Promise<RegionHealth[]> {
    await this.#workers.refresh();
    const known = regionHealth(this.loaded.catalogue, () => this.#workers.serving > 0);
    return worstHealth([known, ...this.#workers.reports.map(({ regions }) => regions)]);
  }

  #state(): OpsState {
    return {
      version: this.#options.version,
      notReady: () => {
        if (this.#draining !== null) return ['draining'];
        return this.#workers.serving > 0 ? [] : ['no worker serves'];
      },
      workers: () => ({ serving: this.#workers.serving, wanted: this.#options.workers }),
      regions: () => this.#regions(),
      store: () => ({ status: 'not_configured' }),
      configDump: () => configDump(this.loaded),
      drain: () => {
        this.drain().catch((error: unknown) => this.log.error('drain failed', { error }));
      },
      level: () => this.log.level,
      setLevel: (level) => {
        this.log.setLevel(level);
        this.#workers.setLevel(level);
      },
    };
  }
}
