import { Registry, type Aggregator } from 'prom-client';
import type { Effect, Reason } from '../core/reasons.ts';
import { SERVICES, type DialectId, type Service } from '../core/vocabulary.ts';
import { AuditCounts, registerAudit } from './audit.ts';
import { registerControl, registerOverrides, registerPolicies, type ControlSources } from './control.ts';
import { DECISION_BUCKETS, DurationTable, registerDurations, REQUEST_BUCKETS } from './durations.ts';
import { RegionLabels, RequestCounter } from './requests.ts';
import { registerCounter, registerGauge, registerProcess, type Emit } from './scrape.ts';

/** Values that others own, asked for at each scrape. None may block. */
export interface MetricSources {
  /** Requests being served. */
  inflight(service: Service): number;
  /** Of each listener: connections of clients now; and since the start those closed unserved, for there were too many, and
   *  those that the system could not hand over. */
  clients(): Iterable<{ service: Service; connections: number; turnedAway: number; acceptErrors: number }>;
  /** Upstream connections by state, such as `active` or `idle`. */
  upstreamConnections(): Iterable<{ service: Service; region: string; state: string; count: number }>;
  regionUp(): Iterable<{ service: Service; region: string; up: boolean }>;
  /** Since the start, by cache and result, such as `hit`, `miss`, `negative`. */
  cacheRequests(): Iterable<{ cache: string; result: string; count: number }>;
  /** Revision of the snapshot in force. */
  policyRevision(): number;
  /** Policies in force. */
  policies(): number;
  /** Whether the control plane is heard; null, and then always: there is none. */
  controlPlaneConnected(): boolean | null;
  /** Seconds since the snapshot in force was verified. */
  snapshotAgeSeconds(): number;
  /** Audit records waiting to be durable. */
  auditQueueDepth(): number;
  /** How far what is shipped is behind, and attempts that failed; null, and then always: nothing is shipped. */
  shipping(): { readonly lagEntries: number; readonly lagSeconds: number; readonly failures: number } | null;
}

export interface MetricsOptions {
  readonly version: string;
  /** Ids of the catalogue's regions. */
  readonly regions: Iterable<string>;
  readonly sources: MetricSources;
  /** Of the control plane of this process, whose number of policies is then told. Default: there is none. */
  readonly control?: ControlSources | null;
  /** Tenants that may be a label of `domicile_tenant_requests_total`. Default none, and then there is no such metric. */
  readonly tenants?: readonly string[];
}

/** Allowed requests whose answer crosses a border, or whose target lies outside the placement set. */
const CROSSING: ReadonlySet<Reason> = new Set<Reason>([
  'cross_border_logged',
  'cross_border_class',
  'grant',
  'emergency_override',
]);

const EFFECT_PLACE: Readonly<Record<Effect, number>> = { allow: 0, audit: 1, deny: 2 };
const SERVICE_PLACE: Readonly<Record<Service, number>> = { storage: 0, search: 1, inference: 2 };

/** One metric with its values, as prom-client reports it: what workers send to their primary. */
interface ReportedMetric {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** How the values of several workers become one. */
  readonly aggregator: string;
  readonly values: readonly { readonly value: number; readonly labels: Readonly<Record<string, string | number>> }[];
}

export type MetricReport = readonly ReportedMetric[];

/**
 * Everything that Prometheus is shown (DESIGN 1.8). On the path of a request only typed arrays and small maps are
 * touched; prom-client reads them at a scrape. Own registry: nothing global.
 */
export class Metrics {
  readonly requests: RequestCounter;
  /** Of the data plane. */
  readonly audit = new AuditCounts();
  /** `domicile_request_duration_seconds`, `domicile_upstream_duration_seconds`: rows by `row()`. */
  readonly requestDuration: DurationTable;
  readonly upstreamDuration: DurationTable;
  /** `domicile_decision_duration_seconds`: row 0. */
  readonly decisionDuration = new DurationTable(DECISION_BUCKETS, 1);

  readonly #registry = new Registry();
  readonly #regions: RegionLabels;
  readonly #sources: MetricSources;
  readonly #bytesIn = new Float64Array(SERVICES.length);
  readonly #bytesOut = new Float64Array(SERVICES.length);
  readonly #tenants: ReadonlyMap<string, Float64Array>;
  readonly #leaks = new Map<DialectId, Map<string, number>>();
  readonly #violations = new Map<string, number>();
  readonly #classRaised = new Float64Array(SERVICES.length);
  #overridesUsed = 0;
  #reloadFailures = 0;

  constructor(options: MetricsOptions) {
    this.#regions = new RegionLabels(options.regions);
    this.#sources = options.sources;
    this.#tenants = new Map((options.tenants ?? []).map((tenant) => [tenant, new Float64Array(3)]));
    this.requests = new RequestCounter(this.#regions);
    const rows = this.#regions.names.length * SERVICES.length;
    this.requestDuration = new DurationTable(REQUEST_BUCKETS, rows);
    this.upstreamDuration = new DurationTable(REQUEST_BUCKETS, rows);
    const control = options.control ?? null;
    this.#registerRequests();
    this.#registerState();
    this.#registerCompliance();
    registerPolicies(this.#registry, () => (control ?? this.#sources).policies());
    registerOverrides(this.#registry, () => this.#overridesUsed, control);
    if (control !== null) registerControl(this.#registry, control);
    registerAudit(this.#registry, control === null ? [this.audit] : [this.audit, control.audit]);
    registerProcess(this.#registry, options.version);
  }

  /** Adds the regions of a reloaded catalogue. An id that was never added is counted as `none`. */
  addRegions(ids: Iterable<string>): void {
    this.#regions.add(ids);
    const rows = this.#regions.names.length * SERVICES.length;
    this.requestDuration.grow(rows);
    this.upstreamDuration.grow(rows);
  }

  /** Row of the request and upstream durations. `region` is null when the request had no target. */
  row(service: Service, region: string | null): number {
    return this.#regions.place(region) * SERVICES.length + SERVICE_PLACE[service];
  }

  /** Bytes of request bodies received. */
  bytesIn(service: Service, bytes: number): void {
    this.#bytesIn[SERVICE_PLACE[service]]! += bytes;
  }

  /** Bytes of answer bodies sent. */
  bytesOut(service: Service, bytes: number): void {
    this.#bytesOut[SERVICE_PLACE[service]]! += bytes;
  }

  /** Counts a request of a tenant that is on the allow-list; any other is not counted by tenant. */
  tenantRequest(tenant: string, decision: Effect): void {
    if (this.#tenants.size === 0) return;
    const counts = this.#tenants.get(tenant);
    if (counts !== undefined) counts[EFFECT_PLACE[decision]]!++;
  }

  /** Counts a `leak_blocked`. `leak` is the fixed word of `Refusal.leak`. */
  leakBlocked(dialect: DialectId, leak: string): void {
    let leaks = this.#leaks.get(dialect);
    if (leaks === undefined) this.#leaks.set(dialect, (leaks = new Map()));
    increment(leaks, leak);
  }

  /** Counts a violation for each framework of the policy it went against; one without frameworks as `none`. */
  violation(frameworks: readonly string[]): void {
    if (frameworks.length === 0) increment(this.#violations, 'none');
    for (const framework of frameworks) increment(this.#violations, framework);
  }

  /** Counts a request that was decided by a class on record, higher than the one that it claimed. */
  classRaised(service: Service): void {
    this.#classRaised[SERVICE_PLACE[service]]!++;
  }

  /** Counts a request that went through an emergency override. */
  overrideUsed(): void {
    this.#overridesUsed++;
  }

  reloadFailure(): void {
    this.#reloadFailures++;
  }

  /** Media type of `expose()`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The exposition in Prometheus' text format. Rejects with what a source threw. */
  expose(): Promise<string> {
    return this.#registry.metrics();
  }

  /** The same as values, for `Totals`. Rejects with what a source threw. */
  async report(): Promise<MetricReport> {
    return (await this.#registry.getMetricsAsJSON()) as object as MetricReport;
  }

  #registerRequests(): void {
    this.#counter(
      'domicile_requests_total',
      'Requests by what they were and what became of them.',
      ['service', 'dialect', 'classification', 'verb', 'decision', 'reason', 'region'],
      (emit) => this.requests.each((labels, count) => emit(count, { ...labels })),
    );
    const labels = (row: number) => ({
      service: SERVICES[row % SERVICES.length]!,
      region: this.#regions.names[Math.floor(row / SERVICES.length)]!,
    });
    registerDurations(
      this.#registry,
      'domicile_request_duration_seconds',
      'From the head of a request to the end of its answer.',
      this.requestDuration,
      labels,
    );
    registerDurations(
      this.#registry,
      'domicile_upstream_duration_seconds',
      'From the head sent upstream to the end of the upstream answer.',
      this.upstreamDuration,
      labels,
    );
    registerDurations(
      this.#registry,
      'domicile_decision_duration_seconds',
      'Time that a decision took.',
      this.decisionDuration,
      () => ({}),
    );
    this.#counter('domicile_bytes_total', 'Bytes of bodies.', ['service', 'direction'], (emit) => {
      SERVICES.forEach((service, i) => {
        emit(this.#bytesIn[i]!, { service, direction: 'in' });
        emit(this.#bytesOut[i]!, { service, direction: 'out' });
      });
    });
    if (this.#tenants.size > 0) {
      this.#counter(
        'domicile_tenant_requests_total',
        'Requests of the tenants that are listed.',
        ['tenant', 'decision'],
        (emit) => {
          for (const [tenant, counts] of this.#tenants) {
            for (const [decision, place] of Object.entries(EFFECT_PLACE)) emit(counts[place]!, { tenant, decision });
          }
        },
      );
    }
    this.#gauge('domicile_inflight_requests', 'Requests being served.', ['service'], 'sum', (emit) => {
      for (const service of SERVICES) emit(this.#sources.inflight(service), { service });
    });
    this.#gauge('domicile_client_connections', 'Connections of clients.', ['service'], 'sum', (emit) => {
      for (const { service, connections } of this.#sources.clients()) emit(connections, { service });
    });
    this.#counter(
      'domicile_client_connections_refused_total',
      'Connections of clients that were closed unserved: over `limits.connections`, or not handed over by the system.',
      ['service', 'cause'],
      (emit) => {
        for (const { service, turnedAway, acceptErrors } of this.#sources.clients()) {
          emit(turnedAway, { service, cause: 'limit' });
          emit(acceptErrors, { service, cause: 'accept' });
        }
      },
    );
  }

  #registerState(): void {
    const sources = this.#sources;
    this.#gauge(
      'domicile_upstream_connections',
      'Connections to upstreams.',
      ['service', 'region', 'state'],
      'sum',
      (emit) => {
        for (const { service, region, state, count } of sources.upstreamConnections()) {
          emit(count, { service, region, state });
        }
      },
    );
    this.#gauge('domicile_region_up', 'Whether a region serves.', ['service', 'region'], 'min', (emit) => {
      for (const { service, region, up } of sources.regionUp()) emit(up ? 1 : 0, { service, region });
    });
    this.#counter('domicile_cache_requests_total', 'Look-ups by result.', ['cache', 'result'], (emit) => {
      for (const { cache, result, count } of sources.cacheRequests()) emit(count, { cache, result });
    });
    this.#gauge('domicile_policy_revision', 'Revision of the snapshot in force.', [], 'min', (emit) =>
      emit(sources.policyRevision()),
    );
    this.#gauge('domicile_snapshot_age_seconds', 'Since the snapshot in force was verified.', [], 'max', (emit) =>
      emit(sources.snapshotAgeSeconds()),
    );
    this.#counter('domicile_config_reload_failures_total', 'Reloads that changed nothing.', [], (emit) =>
      emit(this.#reloadFailures),
    );
    if (sources.controlPlaneConnected() !== null)
      this.#gauge('domicile_control_plane_connected', 'Whether the control plane is heard.', [], 'min', (emit) =>
        emit(sources.controlPlaneConnected() ? 1 : 0),
      );
  }

  #registerCompliance(): void {
    this.#counter('domicile_leaks_blocked_total', 'Leaks refused.', ['dialect', 'leak'], (emit) => {
      for (const [dialect, leaks] of this.#leaks) for (const [leak, count] of leaks) emit(count, { dialect, leak });
    });
    this.#counter(
      'domicile_classification_raised_total',
      'Requests decided by the class on record of their resource, which is higher than the one they claimed.',
      ['service'],
      (emit) => SERVICES.forEach((service, i) => emit(this.#classRaised[i]!, { service })),
    );
    this.#gauge('domicile_audit_queue_depth', 'Audit records not yet durable.', [], 'sum', (emit) =>
      emit(this.#sources.auditQueueDepth()),
    );
    if (this.#sources.shipping() !== null) this.#registerShipping();
    this.#counter('data_access_requests_total', 'Requests by target region.', ['region'], (emit) =>
      this.requests.each(({ region }, count) => emit(count, { region })),
    );
    this.#counter('cross_region_access_total', 'Requests allowed across a border.', [], (emit) => {
      this.requests.each(({ reason }, count) => {
        if (CROSSING.has(reason)) emit(count);
      });
    });
    this.#counter('compliance_violations_total', 'Violations, refused or recorded.', ['framework'], (emit) => {
      for (const [framework, count] of this.#violations) emit(count, { framework });
    });
  }

  #registerShipping(): void {
    const shipping = () => this.#sources.shipping();
    // One process ships; the others know of no lag.
    this.#gauge('domicile_audit_ship_lag_entries', 'Audit records not yet shipped.', [], 'sum', (emit) =>
      emit(shipping()?.lagEntries ?? 0),
    );
    this.#gauge('domicile_audit_ship_lag_seconds', 'Age of the oldest of them.', [], 'sum', (emit) =>
      emit(shipping()?.lagSeconds ?? 0),
    );
    this.#counter('domicile_audit_ship_failures_total', 'Attempts to ship audit records that failed.', [], (emit) =>
      emit(shipping()?.failures ?? 0),
    );
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[], read: (emit: Emit<L>) => void): void {
    registerCounter(this.#registry, name, help, labelNames, read);
  }

  #gauge<L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    aggregator: Aggregator,
    read: (emit: Emit<L>) => void,
  ): void {
    registerGauge(this.#registry, name, help, labelNames, aggregator, read);
  }
}

function increment<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
