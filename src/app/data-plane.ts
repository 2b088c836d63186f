import { DIALECTS, SERVICE_OF, SERVICES, type DialectId, type Service } from '../core/vocabulary.ts';
import { anthropic } from '../dialect/anthropic/anthropic.ts';
import { bedrock } from '../dialect/bedrock/bedrock.ts';
import type { Dialect } from '../dialect/dialect.ts';
import { openai } from '../dialect/openai/openai.ts';
import { opensearch } from '../dialect/opensearch/opensearch.ts';
import { s3 } from '../dialect/s3/s3.ts';
import type { JwtSource } from '../inbound/identity/jwt.ts';
import type { ClientLimits } from '../inbound/http1/limits.ts';
import { Listener, type ListenerOptions } from '../inbound/listener.ts';
import { Door } from '../outbound/door.ts';
import { Health } from '../outbound/health.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import { Bundles, type BundleCounts } from '../proxy/bundles.ts';
import { NO_EVIDENCE } from '../proxy/evidence.ts';
import { handle } from '../proxy/handle.ts';
import type { Limits, Proxy } from '../proxy/proxy.ts';
import { Recorder } from '../proxy/recorder.ts';
import type { Snapshot } from '../proxy/snapshot.ts';
import type { JSONWebKeySet } from 'jose';
import type { Catalogue } from '../region/catalogue.ts';
import type { Credentials } from '../region/credential.ts';
import { Signer } from '../sigv4/sign.ts';
import { Wheel } from '../wire/wheel.ts';
import { accessLog, type Log } from '../telemetry/log.ts';
import type { ControlSources } from '../telemetry/control.ts';
import { Metrics } from '../telemetry/metrics.ts';
import type { Tracing } from '../telemetry/trace.ts';
import type { Settings } from './config/settings.ts';
import { EvidenceShipping } from './evidence-shipping.ts';
import { recordSettings, type ProcessEvidence } from './evidence.ts';
import { identityRules, tokenSource } from './identity.ts';
import type { Policies } from './policies.ts';
import type { ListenerTls } from './tls-files.ts';

/** What one load of the files gave. */
export interface Loaded {
  readonly settings: Settings;
  readonly catalogue: Catalogue;
  readonly policySet: PolicySet;
  /** Of domicile.yaml, for the endpoints of regions that are made by the API. */
  readonly credentials: Credentials;
  /** Keys of `identity.jwt.jwks_file`; null: there is none. */
  readonly jwks: JSONWebKeySet | null;
  /** Of the listeners of the start. */
  readonly tls: ListenerTls;
  /** Counts the loads that came into force, from 1: the same in every worker. */
  readonly revision: number;
  /** When it was verified. Milliseconds since the epoch. */
  readonly loadedAt: number;
}

/** Bytes of a request target; longer ones are answered 414. */
const TARGET_BYTES = 8192;

/** The data plane of this process: its listeners, and what they share. */
export class DataPlane {
  readonly proxy: Proxy;
  readonly listeners: readonly Listener[];
  readonly #served: readonly { readonly service: Service; readonly listener: Listener }[];
  readonly #log: Log;
  readonly #wheel = new Wheel();
  readonly #bundleCounts: BundleCounts = { hit: 0, miss: 0, negative: 0 };
  readonly #policies: Policies;
  readonly #evidence: ProcessEvidence | null;
  /** Null: nothing is shipped. */
  readonly #shipping: EvidenceShipping | null;
  readonly #recorder: Recorder | null;
  #tokens: JwtSource | null | undefined;
  #loaded: Loaded;

  /**
   * @param evidence null: no evidence is kept, as only a measurement may want it
   * @param control of the control plane of this process; default: there is none
   * @throws Error, in one line, when files and policies contradict each other
   */
  constructor(
    loaded: Loaded,
    version: string,
    log: Log,
    tracing: Tracing,
    policies: Policies,
    evidence: ProcessEvidence | null,
    control: ControlSources | null = null,
  ) {
    this.#loaded = loaded;
    this.#log = log;
    this.#policies = policies;
    this.#evidence = evidence;
    const { settings } = loaded;
    const { uses } = policies;
    const snapshot = this.#snapshot(loaded);
    const metrics = new Metrics({ version, regions: regionIds(snapshot), sources: this.#sources(), control });
    this.#recorder =
      evidence === null
        ? null
        : new Recorder(evidence.journal, settings.self.name, recordSettings(settings), metrics.audit);
    this.proxy = {
      snapshot,
      limits: limitsOf(settings),
      dialects: dialectsFor(settings),
      signer: new Signer(),
      uses,
      usesOf: (grant) => uses.of(grant),
      metrics,
      evidence: this.#recorder ?? NO_EVIDENCE,
      log,
      tracing,
      shouldLog: accessLog(settings.log.access),
      inflight: { storage: 0, search: 0, inference: 0 },
      draining: false,
      now: () => policies.now(),
      wideningUntil: () => policies.wideningUntil(),
    };
    this.#shipping =
      evidence === null || settings.audit.ship === null
        ? null
        : new EvidenceShipping({ settings, proxy: this.proxy, log });
    policies.attach({
      dropped: (tenant) => this.proxy.snapshot.bundles.drop(tenant),
      droppedAll: () => this.proxy.snapshot.bundles.dropAll(),
      replaced: () => this.replace(this.#loaded),
    });
    this.#served = SERVICES.flatMap((service) => {
      const options = listenerOptions(service, loaded, this.#wheel);
      return options === null ? [] : [{ service, listener: this.#listener(service, options) }];
    });
    this.listeners = this.#served.map(({ listener }) => listener);
  }

  /** The files in force. */
  get loaded(): Loaded {
    return this.#loaded;
  }

  /** Why no traffic should come, one short text each; empty: it may. */
  notReady(): readonly string[] {
    return [...this.#policies.notReady(), ...(this.#evidence?.notReady() ?? [])];
  }

  /** Binds every listener, or none: @throws the first failure, in one line */
  async listen(): Promise<void> {
    for (const listener of this.listeners) await listener.listen();
    this.#shipping?.start();
  }

  /** Puts new files in force, as one. Requests in flight keep the snapshot that they began with. */
  replace(loaded: Loaded): void {
    const before = this.proxy.snapshot;
    const next = this.#snapshot(loaded);
    this.proxy.metrics.addRegions(regionIds(next));
    this.#loaded = loaded;
    this.proxy.snapshot = next;
    this.proxy.limits = limitsOf(loaded.settings);
    for (const { service, listener } of this.#served) {
      listener.hold(clientLimits(loaded.settings));
      listener.renew(loaded.tls[service]);
    }
    this.proxy.shouldLog = accessLog(loaded.settings.log.access);
    if (this.#recorder !== null) this.#recorder.settings = recordSettings(loaded.settings);
    if (this.#evidence !== null) this.#evidence.settings = loaded.settings;
    before.health.close();
    // Resolves when its last request is done; a pool that fails to close is only a connection that ends later.
    before.door.retire().catch((error: unknown) => this.#log.warn('old connections did not close', { error }));
  }

  /**
   * Stops accepting, finishes what is in flight within `bound` milliseconds, closes every upstream connection.
   * @param grace milliseconds of them in which connections without a request may bring one more
   */
  async drain(bound: number, grace = 0): Promise<void> {
    await this.#shipping?.close();
    this.proxy.draining = true;
    await Promise.all(this.listeners.map((listener) => listener.close(bound, grace)));
    this.proxy.snapshot.health.close();
    await this.proxy.snapshot.door.close();
    this.#wheel.close();
  }

  #snapshot(loaded: Loaded): Snapshot {
    const { settings, jwks } = loaded;
    const { timeouts, cache, upstream } = settings;
    // First of all: files that are refused here must leave nothing behind.
    const { catalogue, regimes, tenants, presignKey } = this.#policies.ground(loaded);
    // Kept until files are loaded anew: it remembers which tokens it has verified.
    if (loaded !== this.#loaded || this.#tokens === undefined) this.#tokens = tokenSource(settings, jwks);
    return {
      catalogue,
      rules: identityRules(settings, catalogue, presignKey, this.#tokens),
      bundles: new Bundles(
        tenants,
        catalogue,
        regimes,
        { bundles: cache.bundles, negativeTtl: cache.negativeTtlMs },
        this.#bundleCounts,
      ),
      door: new Door(catalogue, {
        connections: upstream.connections,
        pending: upstream.pending,
        pendingTimeout: upstream.pendingMs,
        connectTimeout: timeouts.connectMs,
        keepAliveTimeout: upstream.keepAliveMs,
        connectionAge: upstream.connectionAgeMs,
        dnsTtl: upstream.dnsTtlMs,
        happyEyeballs: upstream.happyEyeballs,
        wheel: this.#wheel,
      }),
      health: new Health(catalogue, (region, dialect, up) => this.#healthChanged(region, dialect, up)),
    };
  }

  #healthChanged(region: string, dialect: DialectId, up: boolean): void {
    if (up) this.#log.info('endpoint is back', { region, dialect });
    else
      this.#log.warn('endpoint is out: check its url in the catalogue, DNS, the network and the server', {
        region,
        dialect,
      });
  }

  #listener(service: Service, options: ListenerOptions): Listener {
    const { proxy } = this;
    return new Listener(
      options,
      (request) => handle(proxy, service, request),
      (reason, status, request_id) => {
        proxy.metrics.requests.count(proxy.metrics.requests.slot(service, null, null, null, 'deny', reason, null));
        proxy.evidence.refused(service, reason, status, request_id);
        this.#log.info('refused', { request_id, reason, service, status });
      },
      (error) => this.#log.error('a connection was not accepted', { service, error }),
    );
  }

  #sources() {
    const each = function* <T>(
      plane: DataPlane,
      make: (service: Service, dialect: DialectId, region: number, id: string) => Iterable<T>,
    ) {
      for (const { index, id, endpoints } of plane.proxy.snapshot.catalogue.regions) {
        for (const dialect of DIALECTS)
          if (endpoints[dialect] !== undefined) yield* make(SERVICE_OF[dialect], dialect, index, id);
      }
    };
    return {
      inflight: (service: Service) => this.proxy.inflight[service],
      clients: () =>
        this.#served.map(({ service, listener: { connections, turnedAway, acceptErrors } }) => ({
          service,
          connections,
          turnedAway,
          acceptErrors,
        })),
      upstreamConnections: () =>
        each(this, (service, dialect, region, id) => {
          const { active, idle, pending } = this.proxy.snapshot.door.connections(region, dialect);
          return [
            { service, region: id, state: 'active', count: active },
            { service, region: id, state: 'idle', count: idle },
            { service, region: id, state: 'pending', count: pending },
          ];
        }),
      regionUp: () =>
        each(this, (service, dialect, region, id) => [
          { service, region: id, up: this.proxy.snapshot.health.isUp(dialect, region) },
        ]),
      cacheRequests: () =>
        Object.entries(this.#bundleCounts).map(([result, count]) => ({ cache: 'bundles', result, count })),
      policyRevision: () => this.#policies.revision(),
      policies: () => this.#policies.count(),
      controlPlaneConnected: () => this.#policies.connected(),
      snapshotAgeSeconds: () => this.#policies.age() / 1000,
      auditQueueDepth: () => this.#evidence?.journal.depth ?? 0,
      shipping: () => this.#shipping,
    };
  }
}

function regionIds({ catalogue }: Snapshot): string[] {
  return catalogue.regions.map(({ id }) => id);
}

function limitsOf({ limits, timeouts }: Settings): Limits {
  return {
    headers: limits.headers,
    headBytes: limits.headBytes,
    targetBytes: TARGET_BYTES,
    inspectBodyBytes: limits.inspectBodyBytes,
    inflight: limits.inflight,
    responseHead: timeouts.responseHeadMs,
    inferenceHead: timeouts.inferenceHeadMs,
    idle: timeouts.idleMs,
    total: timeouts.totalMs,
  };
}

function dialectsFor(settings: Settings): Record<DialectId, Dialect> {
  // A dialect is used with the calls that it read itself, so the union of their types is never mixed.
  return {
    s3: s3({ virtualHostSuffix: settings.listeners.storage?.virtualHostSuffix ?? null }) as Dialect,
    opensearch: opensearch() as Dialect,
    bedrock: bedrock() as Dialect,
    openai: openai() as Dialect,
    anthropic: anthropic() as Dialect,
  };
}

function clientLimits({ timeouts, limits }: Settings): ClientLimits {
  return {
    requestHeadTimeout: timeouts.requestHeadMs,
    idleTimeout: timeouts.idleMs,
    keepAliveTimeout: timeouts.keepAliveMs,
    headBytes: limits.headBytes,
    targetBytes: TARGET_BYTES,
    headers: limits.headers,
  };
}

function listenerOptions(service: Service, { settings, tls }: Loaded, wheel: Wheel): ListenerOptions | null {
  const listener = settings.listeners[service];
  if (listener === null) return null;
  const { limits } = settings;
  return {
    name: `listeners.${service}`,
    address: listener.address,
    tls: tls[service],
    ...clientLimits(settings),
    connections: limits.connections,
    wheel,
  };
}
