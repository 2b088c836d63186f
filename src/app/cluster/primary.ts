import { OpsServer } from '../../ops/server.ts';
import type { OpsState, RegionHealth } from '../../ops/state.ts';
import { Totals } from '../../telemetry/totals.ts';
import { LoggedEvidence } from '../control-evidence.ts';
import { ProcessEvidence } from '../evidence.ts';
import { Configuration, type ConfigurationOptions } from '../configuration.ts';
import { openPolicySource, storagePort, type PolicyOrigin, type PolicySource } from '../policy-origin.ts';
import { regionHealth, worstHealth } from '../region-health.ts';
import { Running, type Bound } from '../running.ts';
import { removeDeadSockets } from '../sockets.ts';
import { readTls } from '../tls-files.ts';
import { freePorts } from './ports.ts';
import { Supervisor } from './supervisor.ts';

export interface PrimaryOptions extends ConfigurationOptions {
  readonly version: string;
  /** At least 2: one process needs no primary. */
  readonly workers: number;
  readonly origin: PolicyOrigin;
}

interface Parts {
  readonly source: PolicySource;
  readonly evidence: ProcessEvidence | null;
}

/**
 * A Domicile of several processes: workers hold the data listeners, this one holds the rest, and answers for them all on
 * the ops port. What the files say is decided here and sent to the workers, so that they never differ.
 */
export class Primary extends Running {
  readonly #wanted: number;
  readonly #workers: Supervisor;
  readonly #totals: Totals;
  readonly #ops: OpsServer;
  /** Null: that of the control plane of this process. */
  readonly #evidence: ProcessEvidence | null;
  readonly #reloads: LoggedEvidence | null;
  listeners: readonly Bound[] = [];

  private constructor({ version, workers }: PrimaryOptions, configuration: Configuration, { source, evidence }: Parts) {
    super(configuration, version, source.control);
    const { loaded, log, redactor } = configuration;
    this.#wanted = workers;
    this.#evidence = evidence;
    this.#reloads = source.control?.evidence ?? (evidence && LoggedEvidence.of(evidence.journal, loaded.settings));
    this.#totals = new Totals(version, {
      workers: () => this.#workers.serving,
      restarts: () => this.#workers.restarts,
      reports: () => this.#workers.reports.map(({ metrics }) => metrics),
      control: source.control?.metrics ?? null,
    });
    this.#workers = new Supervisor(workers, loaded, source.feed, log, ({ metrics }) => this.#totals.retire(metrics));
    this.#ops = new OpsServer({
      state: this.#state(),
      tls: readTls('ops', loaded.settings.ops.tls),
      metrics: { contentType: this.#totals.contentType, expose: () => this.#exposition() },
      redactor,
      onError: (error) => log.error('ops port', { error }),
    });
  }

  /**
   * Loads, binds, starts the workers and serves. Nothing is left behind when it fails.
   * @throws ConfigurationError when the files do not hold together; Error, in one line, when an address cannot be had
   */
  static async start(options: PrimaryOptions): Promise<Primary> {
    const policies = options.origin.kind === 'remote' ? 'elsewhere' : 'here';
    const configuration = new Configuration({ ...options, policies });
    let source: PolicySource | null = null;
    let evidence: ProcessEvidence | null = null;
    let primary: Primary;
    try {
      source = await openPolicySource(configuration, options.version, options.origin, options.workers);
      if (source.control === null)
        evidence = await ProcessEvidence.open(configuration.loaded.settings, 'control', configuration.log);
      // Just before they are bound: a port that is free now is somebody else's soon.
      configuration.boundAt(await freePorts(configuration.loaded.settings));
      primary = new Primary(options, configuration, { source, evidence });
    } catch (error) {
      configuration.close();
      await evidence?.close();
      await source?.control?.close();
      throw error;
    }
    await primary.#start();
    return primary;
  }

  /** Also false when no worker can put them in force. Resolves when every worker has them. */
  async reload(why: string): Promise<boolean> {
    if (this.draining) return false;
    const { level } = this.log;
    const valid = await this.reloadBy(why, async (loaded) => {
      await this.control?.reload(loaded);
      await this.#workers.replace(loaded);
      if (this.#evidence !== null) this.#evidence.settings = loaded.settings;
    });
    if (this.log.level !== level) this.#workers.setLevel(this.log.level);
    return valid;
  }

  roll(): Promise<void> {
    return this.#workers.roll();
  }

  override exit(code: number): never {
    this.#workers.abandon();
    return super.exit(code);
  }

  protected async close(bound: number): Promise<void> {
    this.configuration.close();
    await this.#workers.drain(bound);
    await this.control?.close();
    await this.#evidence?.close();
    await this.#ops.close();
  }

  async #start(): Promise<void> {
    const { settings } = this.loaded;
    try {
      await removeDeadSockets(settings);
      this.opsUrl = await this.#ops.listen(settings.ops.address);
      this.listeners = await this.#workers.start();
      await this.control?.listen({ regions: () => this.#regions(), storagePort: () => storagePort(this.listeners) });
    } catch (error) {
      this.configuration.close();
      this.#workers.abandon();
      await this.control?.close();
      await this.#evidence?.close();
      await this.#ops.close();
      throw error;
    }
    this.configuration.watch(() => this.reload('a file changed'));
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

  protected get reloads(): LoggedEvidence | null {
    return this.#reloads;
  }

  protected countReloadFailure(): void {
    this.#totals.reloadFailure();
  }

  protected policyState(): unknown {
    return this.#workers.reports.map(({ policies }) => policies);
  }

  async #notReady({ notReady }: Pick<OpsState, 'notReady'>): Promise<readonly string[]> {
    if (this.draining) return notReady();
    if (this.#workers.serving === 0) return ['no worker serves'];
    await this.#workers.refresh();
    const reports = this.#workers.reports;
    // Of whom nothing is known, it is not known either whether it may be sent anything.
    if (reports.length === 0) return ['no worker has told how it is'];
    const own = this.control?.notReady() ?? this.#evidence?.notReady() ?? [];
    return [...new Set([...own, ...reports.flatMap((report) => report.notReady)])];
  }

  #state(): OpsState {
    const state = this.opsState();
    return {
      ...state,
      notReady: () => this.#notReady(state),
      workers: () => ({ serving: this.#workers.serving, wanted: this.#wanted }),
      regions: () => this.#regions(),
      configDump: async () => {
        await this.#workers.refresh();
        return state.configDump();
      },
      setLevel: (level) => {
        this.log.setLevel(level);
        this.#workers.setLevel(level);
      },
    };
  }
}
