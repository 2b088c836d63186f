import { collectDefaultMetrics, Counter, Gauge, type Aggregator, type Registry } from 'prom-client';

export type Emit<L extends string> = (value: number, labels?: Partial<Record<L, string>>) => void;

/** Adds a counter that is read at a scrape. What is emitted twice with equal labels is added up. */
export function registerCounter<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: L[],
  read: (emit: Emit<L>) => void,
): void {
  const counter = new Counter<L>({
    name,
    help,
    labelNames,
    registers: [],
    collect() {
      this.reset();
      read((value, labels) => (labels === undefined ? this.inc(value) : this.inc(labels, value)));
    },
  });
  registry.registerMetric(counter);
}

/** Adds a gauge that is read at a scrape. `aggregator` makes one value of those of several workers. */
export function registerGauge<L extends string>(
  registry: Registry,
  name: string,
  help: string,
  labelNames: L[],
  aggregator: Aggregator,
  read: (emit: Emit<L>) => void,
): Gauge<L> {
  const gauge = new Gauge<L>({
    name,
    help,
    labelNames,
    aggregator,
    registers: [],
    collect() {
      this.reset();
      read((value, labels) => (labels === undefined ? this.set(value) : this.set(labels, value)));
    },
  });
  registry.registerMetric(gauge);
  return gauge;
}

/** Gauges that prom-client calls `…_total`, against the naming rules that `promtool check metrics` holds them to. */
const MISNAMED = ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total'];

/** Adds what every process tells: version, and the metrics of Node.js. */
export function registerProcess(registry: Registry, version: string): void {
  registerGauge(registry, 'domicile_build_info', 'Always 1.', ['version', 'node'], 'first', (emit) =>
    emit(1, { version, node: process.versions.node }),
  );
  collectDefaultMetrics({ register: registry });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
}
