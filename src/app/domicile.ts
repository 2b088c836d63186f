import { OpsServer } from '../ops/server.ts';
import type { OpsState } from '../ops/state.ts';
import { LocalUses } from '../proxy/uses.ts';
import type { Log } from '../telemetry/log.ts';
import { createTracing, type Tracing } from '../telemetry/trace.ts';
import { configDump } from './config-dump.ts';
import { Configuration, type ConfigurationOptions } from './configuration.ts';
import { DataPlane, type Loaded } from './data-plane.ts';
import { regionHealth } from './region-health.ts';
import { DRAIN_BOUND, type Running } from './running.ts';
import { removeDeadSockets } from './sockets.ts';
import { readTls } from './tls-files.ts';

export interface DomicileOptions extends ConfigurationOptions {
  readonly version: string;
}

/** A Domicile of one process: data plane, ops port, reloading. */
export class Domicile implements Running {
  readonly plane: DataPlane;
  readonly log: Log;
  readonly #options: DomicileOptions;
  readonly #configuration: Configuration;
  readonly #tracing: Tracing;
  readonly #ops: OpsServer;
  opsUrl = '';
  #draining: Promise<void> | null = null;
  #stopped: () => void = () => {};
  readonly stopped: Promise<void>;

  private constructor(options: DomicileOptions, configuration: Configuration, tracing: Tracing) {
    const { loaded, log, redactor } = configuration;
    this.#options = options;
    this.#configuration = configuration;
    this.log = log;
    this.#tracing = tracing;
    this.plane = new DataPlane(loaded, options.version, log, tracing, new LocalUses());
    this.#ops = new OpsServer({
      state: this.#state(),
      tls: readTls(loaded.settings.ops.tls),
      metrics: this.plane.proxy.metrics,
      redactor,
      onError: (error) => log.error('ops port', { error }),
    });
    this.stopped = new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  /**
   * Loads, binds and serves. Nothing is left behind when it fails.
   * @throws ConfigurationError when the files do not hold together; Error, in one line, when an address cannot be had
   */
  static async start(options: DomicileOptions): Promise<Domicile> {
    const configuration = new Configuration(options);
    const { log, loaded } = configuration;
    const tracing = await createTracing(options.env, {
      version: options.version,
      onExportError: (error) => log.warn('spans cannot be exported', { error }),
    });
    const domicile = new Domicile(options, configuration, tracing);
    try {
      await removeDeadSockets(loaded.settings);
      await domicile.plane.listen();
      domicile.opsUrl = await domicile.#ops.listen(loaded.settings.ops.address);
    } catch (error) {
      await domicile.#close(0);
      throw error;
    }
    configuration.watch(() => domicile.reload('a file changed'));
    return domicile;
  }

  get loaded(): Loaded {
    return this.#configuration.loaded;
  }

  get listeners() {
    return this.plane.listeners;
  }

  reload(why: string): boolean {
    if (this.#draining !== null) return false;
    const valid = this.#configuration.reload(why, (loaded) => this.plane.replace(loaded));
    if (valid) this.log.info('reloaded', { why, revision: this.loaded.revision });
    else this.plane.proxy.metrics.reloadFailure();
    return valid;
  }

  drain(bound: number = DRAIN_BOUND): Promise<void> {
    this.#draining ??= this.#drain(bound);
    return this.#draining;
  }

  exit(code: number): never {
    process.exit(code);
  }

  async #drain(bound: number): Promise<void> {
    this.log.info('draining');
    await this.#close(bound);
    this.log.info('stopped');
    await this.log.flush();
    this.#stopped();
  }

  async #close(bound: number): Promise<void> {
    this.#configuration.close();
    await this.plane.drain(bound);
    await this.#tracing.shutdown();
    await this.#ops.close();
  }

  #state(): OpsState {
    const { plane } = this;
    return {
      version: this.#options.version,
      notReady: () => (this.#draining === null ? [] : ['draining']),
      workers: () => null,
      regions: () => {
        const { catalogue, health } = plane.proxy.snapshot;
        return regionHealth(catalogue, (dialect, region) => health.isUp(dialect, region));
      },
      store: () => ({ status: 'not_configured' }),
      configDump: () => configDump(this.loaded),
      drain: () => {
        this.drain().catch((error: unknown) => this.log.error('drain failed', { error }));
      },
      level: () => this.log.level,
      setLevel: (level) => this.log.setLevel(level),
    };
  }
}
