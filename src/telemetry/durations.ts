import { Histogram, type Registry } from 'prom-client';

/** Upper bounds in seconds of request and upstream durations: 0.5 ms to 1 min. */
export const REQUEST_BUCKETS: readonly number[] = [
  0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
].map((ms) => ms / 1000);

/** Upper bounds in seconds of a decision, which takes microseconds: 1 µs to 10 ms. */
export const DECISION_BUCKETS: readonly number[] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 10_000].map(
  (us) => us / 1_000_000,
);

/** Histograms of one metric, one row each, in one typed array: a count per bucket, one for `+Inf`, and the sum. */
export class DurationTable {
  readonly bounds: Float64Array;
  readonly #width: number;
  #cells: Float64Array;

  /** @param bounds upper bounds in seconds, ascending, without `+Inf` */
  constructor(bounds: readonly number[], rows: number) {
    this.bounds = Float64Array.from(bounds);
    this.#width = bounds.length + 2;
    this.#cells = new Float64Array(rows * this.#width);
  }

  get rows(): number {
    return this.#cells.length / this.#width;
  }

  /** Makes room for `rows` rows; those that are there keep their counts. */
  grow(rows: number): void {
    if (rows <= this.rows) return;
    const wider = new Float64Array(rows * this.#width);
    wider.set(this.#cells);
    this.#cells = wider;
  }

  /** Counts one duration in seconds. */
  observe(row: number, seconds: number): void {
    const bounds = this.bounds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > bounds[bucket]!) bucket++;
    const at = row * this.#width;
    this.#cells[at + bucket]!++;
    this.#cells[at + this.#width - 1]! += seconds;
  }

  /** Counts of one row, one per bound and one for `+Inf`, not cumulated. */
  buckets(row: number): Float64Array {
    return this.#cells.subarray(row * this.#width, (row + 1) * this.#width - 1);
  }

  /** Sum in seconds of one row. */
  sum(row: number): number {
    return this.#cells[(row + 1) * this.#width - 1]!;
  }
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
}

/**
 * A prom-client histogram that shows a `DurationTable`. prom-client's own buckets cannot be set from outside, so what is
 * replaced is the method by which its registry, and its own `get`, read a histogram.
 */
class TableHistogram extends Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #table: DurationTable;
  readonly #labels: (row: number) => Record<string, string>;

  constructor(name: string, help: string, table: DurationTable, labels: (row: number) => Record<string, string>) {
    super({ name, help, labelNames: Object.keys(labels(0)), buckets: [...table.bounds], registers: [] });
    this.#name = name;
    this.#help = help;
    this.#table = table;
    this.#labels = labels;
  }

  async getForPromString() {
    return { name: this.#name, help: this.#help, type: 'histogram', values: this.#samples(), aggregator: 'sum' };
  }

  #samples(): Sample[] {
    const samples: Sample[] = [];
    for (let row = 0; row < this.#table.rows; row++) {
      const buckets = this.#table.buckets(row);
      const total = buckets.reduce((sum, n) => sum + n, 0);
      const sharedLabels = this.#labels(row);
      if (total === 0 && Object.keys(sharedLabels).length > 0) continue;
      let below = 0;
      buckets.forEach((n, i) => {
        below += n;
        const le = this.#table.bounds[i] ?? '+Inf';
        samples.push({ metricName: `${this.#name}_bucket`, labels: { le }, sharedLabels, value: below });
      });
      samples.push({ metricName: `${this.#name}_sum`, labels: {}, sharedLabels, value: this.#table.sum(row) });
      samples.push({ metricName: `${this.#name}_count`, labels: {}, sharedLabels, value: total });
    }
    return samples;
  }
}

/**
 * Shows a table in a registry. `labels` names a row; a row without observations is left out, unless the metric has no
 * labels at all.
 */
export function registerDurations(
  registry: Registry,
  name: string,
  help: string,
  table: DurationTable,
  labels: (row: number) => Record<string, string>,
): void {
  registry.registerMetric(new TableHistogram(name, help, table, labels));
}
