import { AggregatorRegistry, Registry } from 'prom-client';
import { registerAudit } from './audit.ts';
import { POLICIES, registerControl, registerOverrides, registerPolicies, type ControlSources } from './control.ts';
import type { MetricReport } from './metrics.ts';
import { registerCounter, registerGauge, registerProcess } from './scrape.ts';

/** Values of the primary, asked for at each scrape. */
export interface TotalsSources {
  /** Workers that serve. */
  workers(): number;
  /** Workers that were started in place of one that had died. */
  restarts(): number;
  /** What each live worker last told. */
  reports(): readonly MetricReport[];
  /** Of the control plane of the primary, whose number of policies is told in place of the workers'. Default: there is none. */
  readonly control?: ControlSources | null;
}

/** Alive or dead, what a worker has counted stays counted; a gauge says how things are, so a dead worker has none. */
const KEPT: ReadonlySet<string> = new Set(['counter', 'histogram']);

/** prom-client leaves it out of sums; the start of the whole is that of the primary. */
const START_TIME = 'process_start_time_seconds';

/**
 * What Prometheus is shown of several workers: their metrics as one, each put together as its own `aggregator` says, with
 * those of the primary. Sums never go backwards, whoever dies.
 */
export class Totals {
  readonly #registry = new Registry();
  readonly #sources: TotalsSources;
  /** Counters and histograms of all workers that are gone. */
  #retired: MetricReport = [];
  #reloadFailures = 0;

  constructor(version: string, sources: TotalsSources) {
    this.#sources = sources;
    registerGauge(this.#registry, 'domicile_workers', 'Workers that serve.', [], 'sum', (emit) =>
      emit(sources.workers()),
    );
    registerCounter(
      this.#registry,
      'domicile_worker_restarts_total',
      'Workers started in place of one that had died.',
      [],
      (emit) => emit(sources.restarts()),
    );
    registerCounter(
      this.#registry,
      'domicile_config_reload_failures_total',
      'Reloads that changed nothing.',
      [],
      (emit) => emit(this.#reloadFailures),
    );
    const control = sources.control ?? null;
    if (control !== null) {
      registerPolicies(this.#registry, () => control.policies());
      registerOverrides(this.#registry, null, control);
      registerControl(this.#registry, control);
      registerAudit(this.#registry, [control.audit]);
    }
    registerProcess(this.#registry, version);
  }

  reloadFailure(): void {
    this.#reloadFailures++;
  }

  /** Keeps what a worker that is gone has counted. From now on it must not be among `reports()`. */
  retire(report: MetricReport): void {
    const counted = report.filter(({ type }) => KEPT.has(type));
    // What an aggregation makes are values already; to await them would let another worker's be lost.
    this.#retired = AggregatorRegistry.aggregate([
      this.#retired,
      counted,
    ]).getMetricsAsArray() as object as MetricReport;
  }

  /** Media type of `expose()`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition in Prometheus' text format. */
  async expose(): Promise<string> {
    const own = await this.#registry.getMetricsAsJSON();
    const all = AggregatorRegistry.aggregate([own, ...this.#sources.reports(), this.#retired]);
    all.registerMetric(this.#registry.getSingleMetric(START_TIME)!);
    const policies = this.#registry.getSingleMetric(POLICIES);
    if (policies !== undefined) {
      // Workers know it as of the last change of what holds for all.
      all.removeSingleMetric(POLICIES);
      all.registerMetric(policies);
    }
    return all.metrics();
  }
}
