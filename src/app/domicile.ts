import { OpsServer } from '../ops/server.ts';
import type { OpsState, RegionHealth } from '../ops/state.ts';
import { createTracing, type Tracing } from '../telemetry/trace.ts';
import { Configuration, type ConfigurationOptions } from './configuration.ts';
import type { ControlPlane } from './control-plane.ts';
import { DataPlane } from './data-plane.ts';
import { LoggedEvidence } from './control-evidence.ts';
import { ProcessEvidence } from './evidence.ts';
import { FilePolicies, type Policies } from './policies.ts';
import { openPolicySource, storagePort, type PolicyOrigin, type PolicySource } from './policy-origin.ts';
import { regionHealth } from './region-health.ts';
import { Running } from './running.ts';
import { removeDeadSockets } from './sockets.ts';
import { readTls } from './tls-files.ts';

export interface DomicileOptions extends ConfigurationOptions {
  readonly version: string;
  /** Default: its files and nothing else, without a control plane. */
  readonly origin?: PolicyOrigin;
  /** `none`: for measurements; no command asks for it. Default: kept. */
  readonly evidence?: 'kept' | 'none';
}

interface Parts {
  readonly configuration: Configuration;
  readonly tracing: Tracing;
  readonly policies: Policies;
  readonly control: ControlPlane | null;
  readonly evidence: ProcessEvidence | null;
}

/** A Domicile of one process: data plane, ops port, reloading, and where it is asked for the control plane. */
export class Domicile extends Running {
  readonly plane: DataPlane;
  readonly #policies: Policies;
  readonly #tracing: Tracing;
  readonly #ops: OpsServer;
  readonly #evidence: ProcessEvidence | null;
  readonly #reloads: LoggedEvidence | null;

  private constructor(version: string, { configuration, tracing, policies, control, evidence }: Parts) {
    super(configuration, version, control);
    const { loaded, log, redactor } = configuration;
    this.#tracing = tracing;
    this.#policies = policies;
    this.#evidence = evidence;
    this.#reloads = control?.evidence ?? (evidence && LoggedEvidence.of(evidence.journal, loaded.settings));
    this.plane = new DataPlane(loaded, version, log, tracing, policies, evidence, control?.metrics);
    this.#ops = new OpsServer({
      state: this.#state(),
      tls: readTls('ops', loaded.settings.ops.tls),
      metrics: this.plane.proxy.metrics,
      redactor,
      onError: (error) => log.error('ops port', { error }),
    });
  }

  /**
   * Loads, binds and serves. Nothing is left behind when it fails.
   * @throws ConfigurationError when the files do not hold together; Error, in one line, when an address cannot be had
   */
  static async start({ origin, version, evidence: keeps = 'kept', ...options }: DomicileOptions): Promise<Domicile> {
    const configuration = new Configuration({ ...options, policies: origin?.kind === 'remote' ? 'elsewhere' : 'here' });
    let source: PolicySource | null = null;
    let policies: Policies | null = null;
    let evidence: ProcessEvidence | null = null;
    let domicile: Domicile;
    // Together with the log of the control plane, since each has a thread to start.
    const opening =
      keeps === 'none' ? null : ProcessEvidence.open(configuration.loaded.settings, '1', configuration.log);
    const opened = opening?.catch(() => null) ?? null;
    try {
      if (origin !== undefined) source = await openPolicySource(configuration, version, origin);
      // Before policies are fetched: that tells the control plane that this proxy is about to serve.
      evidence = await opening;
      policies = source === null ? new FilePolicies(configuration.loaded) : await source.fetch();
      const tracing = await createTracing(options.env, {
        version,
        onExportError: (error) => configuration.log.warn('spans cannot be exported', { error }),
      });
      const control = source?.control ?? null;
      domicile = new Domicile(version, { configuration, tracing, policies, control, evidence });
    } catch (error) {
      configuration.close();
      await policies?.close();
      await (await opened)?.close();
      await source?.control?.close();
      throw error;
    }
    await domicile.#start();
    return domicile;
  }

  get listeners() {
    return this.plane.listeners;
  }

  async reload(why: string): Promise<boolean> {
    if (this.draining) return false;
    const { control, plane } = this;
    return this.reloadBy(why, async (loaded) => {
      await control?.reload(loaded);
      plane.replace(loaded);
    });
  }

  async roll(): Promise<void> {
    this.log.warn('there are no workers to restart: one process does everything, start it with --workers 2 or more');
  }

  protected get reloads(): LoggedEvidence | null {
    return this.#reloads;
  }

  protected countReloadFailure(): void {
    this.plane.proxy.metrics.reloadFailure();
  }

  protected policyState(): unknown {
    return this.#policies.state();
  }

  protected async close(bound: number): Promise<void> {
    this.configuration.close();
    await this.plane.drain(bound);
    await this.#policies.close();
    await this.#evidence?.close();
    await this.control?.close();
    await this.#tracing.shutdown();
    await this.#ops.close();
  }

  async #start(): Promise<void> {
    const { settings } = this.loaded;
    try {
      await removeDeadSockets(settings);
      await this.plane.listen();
      await this.control?.listen({ regions: () => this.#regions(), storagePort: () => storagePort(this.listeners) });
      this.opsUrl = await this.#ops.listen(settings.ops.address);
    } catch (error) {
      await this.close(0);
      throw error;
    }
    this.configuration.boundAt(this.listeners);
    this.configuration.watch(() => this.reload('a file changed'));
  }

  #regions(): RegionHealth[] {
    const { catalogue, health } = this.plane.proxy.snapshot;
    return regionHealth(catalogue, (dialect, region) => health.isUp(dialect, region));
  }

  #state(): OpsState {
    const state = this.opsState();
    return {
      ...state,
      notReady: async () => [
        ...(await state.notReady()),
        ...(this.control?.notReady() ?? []),
        ...this.plane.notReady(),
      ],
      workers: () => null,
      regions: () => this.#regions(),
    };
  }
}
