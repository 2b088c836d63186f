import { OpsServer } from '../ops/server.ts';
import type { OpsState } from '../ops/state.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { Configuration, type ConfigurationOptions } from './configuration.ts';
import type { LoggedEvidence } from './control-evidence.ts';
import { ControlPlane } from './control-plane.ts';
import { regionHealth } from './region-health.ts';
import { Running } from './running.ts';
import { EvidenceShipping } from './evidence-shipping.ts';
import { readTls } from './tls-files.ts';

export interface ControlOnlyOptions extends ConfigurationOptions {
  readonly version: string;
}

/** A control plane without a data plane: API, feed, store, and the ops port. */
export class ControlOnly extends Running {
  readonly listeners = [];
  readonly #control: ControlPlane;
  readonly #metrics: Metrics;
  readonly #ops: OpsServer;
  /** Null: nothing is shipped. */
  readonly #shipping: EvidenceShipping | null;

  private constructor(version: string, configuration: Configuration, control: ControlPlane) {
    super(configuration, version, control);
    const { log, redactor, loaded } = configuration;
    this.#control = control;
    this.#shipping =
      loaded.settings.audit.ship === null
        ? null
        : new EvidenceShipping({ settings: loaded.settings, proxy: null, log });
    this.#metrics = new Metrics({
      version,
      regions: loaded.catalogue.regions.map(({ id }) => id),
      sources: {
        inflight: () => 0,
        clients: () => [],
        upstreamConnections: () => [],
        regionUp: () => [],
        cacheRequests: () => [],
        policyRevision: () => control.revision,
        policies: () => control.metrics.policies(),
        controlPlaneConnected: () => null,
        snapshotAgeSeconds: () => 0,
        auditQueueDepth: () => 0,
        shipping: () => this.#shipping,
      },
      control: control.metrics,
    });
    this.#ops = new OpsServer({
      state: this.#state(),
      tls: readTls('ops', loaded.settings.ops.tls),
      metrics: this.#metrics,
      redactor,
      onError: (error) => log.error('ops port', { error }),
    });
  }

  /**
   * Loads, opens the store and serves. Nothing is left behind when it fails.
   * @throws ConfigurationError when the files do not hold together; Error, in one line, for what cannot be opened
   */
  static async start({ version, ...options }: ControlOnlyOptions): Promise<ControlOnly> {
    const configuration = new Configuration(options);
    let control: ControlPlane | null = null;
    if (configuration.loaded.settings.audit.ship?.target.kind === 'bucket') {
      configuration.close();
      throw new Error(
        'audit.ship.bucket: a control plane alone reaches no bucket: give audit.ship.folder, or run serve',
      );
    }
    let running: ControlOnly;
    try {
      control = await ControlPlane.open(configuration, version, 'others');
      running = new ControlOnly(version, configuration, control);
    } catch (error) {
      configuration.close();
      await control?.close();
      throw error;
    }
    await running.#start();
    return running;
  }

  async reload(why: string): Promise<boolean> {
    if (this.draining) return false;
    return this.reloadBy(why, (loaded) => this.#control.reload(loaded));
  }

  async roll(): Promise<void> {
    this.log.warn('a control plane has no workers to restart');
  }

  protected get reloads(): LoggedEvidence {
    return this.#control.evidence;
  }

  protected countReloadFailure(): void {
    this.#metrics.reloadFailure();
  }

  protected policyState(): unknown {
    return null;
  }

  protected async close(): Promise<void> {
    this.configuration.close();
    await this.#shipping?.close();
    await this.#control.close();
    await this.#ops.close();
  }

  async #start(): Promise<void> {
    const { settings } = this.loaded;
    try {
      await this.#control.listen(null);
      this.opsUrl = await this.#ops.listen(settings.ops.address);
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#shipping?.start();
    this.configuration.watch(() => this.reload('a file changed'));
  }

  #state(): OpsState {
    const state = this.opsState();
    return {
      ...state,
      notReady: async () => {
        const { status } = await this.#control.health();
        const store = status === 'unhealthy' ? ['the store does not answer'] : [];
        return [...store, ...this.#control.notReady(), ...(await state.notReady())];
      },
      workers: () => null,
      // It sends nothing to any region itself.
      regions: () => regionHealth(this.#control.catalogue, () => true),
    };
  }
}
