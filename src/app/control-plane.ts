import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { firstToken } from '../control/auth/tokens.ts';
import type { ControlContext, ControlSettings } from '../control/context.ts';
import { evidenceFolder } from '../audit/names.ts';
import { EvidenceIndex } from '../control/evidence/evidence-index.ts';
import { Expiry } from '../control/expiry.ts';
import type { FilesInForce } from '../control/files.ts';
import { Registry } from '../control/registry.ts';
import { ROUTES } from '../control/routes/all.ts';
import { ControlServer } from '../control/server.ts';
import { Webhooks } from '../control/webhooks.ts';
import { SERVICE_OF, type DialectId, type Verb } from '../core/vocabulary.ts';
import { FeedServer } from '../feed/server.ts';
import { readJwks } from '../inbound/identity/issuer.ts';
import type { StoreHealth } from '../ops/state.ts';
import { serving } from '../region/availability.ts';
import type { Catalogue } from '../region/catalogue.ts';
import type { RegionHealth } from '../region/health.ts';
import { storeCounts, type StoreCounts } from '../store/counts.ts';
import type { Store } from '../store/store.ts';
import { StoredUses } from '../store/uses.ts';
import type { Configuration } from './configuration.ts';
import { LoggedEvidence } from './control-evidence.ts';
import { ControlMetrics } from './control-metrics.ts';
import type { Settings } from './config/settings.ts';
import type { Loaded } from './data-plane.ts';
import { ProcessEvidence } from './evidence.ts';
import { feedSource } from './feed-source.ts';
import { readTls } from './tls-files.ts';
import { openWitnessedStore } from './witnessed-store.ts';

/** What only a data plane knows, where there is one on this machine. */
export interface DataPlaneView {
  /** Health of every region. */
  regions(): readonly RegionHealth[] | Promise<readonly RegionHealth[]>;
  /** Port of the storage listener; null: there is none, or it is a Unix socket. */
  storagePort(): number | null;
}

/** What of a control plane there is before it. */
interface Parts {
  readonly own: ProcessEvidence;
  readonly evidence: LoggedEvidence;
  readonly store: Store;
  readonly registry: Registry;
  readonly counts: StoreCounts;
}

/** The control plane of this process: evidence log, store, API, feed, and what goes by itself. */
export class ControlPlane {
  /** Where the API listens, as a URL. */
  url = '';
  /** Where proxies find the feed, and where processes of this machine do. */
  feedUrl = '';
  localFeedUrl = '';
  readonly metrics: ControlMetrics;
  readonly evidence: LoggedEvidence;
  readonly #own: ProcessEvidence;
  readonly #configuration: Configuration;
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #feed: FeedServer;
  readonly #expiry: Expiry;
  readonly #webhooks: Webhooks;
  readonly #index: EvidenceIndex;
  readonly #version: string;
  #api: ControlServer | null = null;
  /** Region health as last told, by id and service: what is down is not available. */
  #down: ReadonlySet<string> = new Set();
  #health: NodeJS.Timeout | null = null;

  private constructor(
    configuration: Configuration,
    { own, evidence, store, registry, counts }: Parts,
    version: string,
    feeds: 'itself' | 'others',
  ) {
    const { log, loaded } = configuration;
    const { settings } = loaded;
    this.#configuration = configuration;
    this.#own = own;
    this.evidence = evidence;
    this.#store = store;
    this.#registry = registry;
    this.#version = version;
    this.#feed = new FeedServer({
      source: feedSource(store, registry, new StoredUses(store)),
      listen: settings.feed.address,
      // Its own processes need neither certificate nor name to find it.
      local: settings.feed.address.kind === 'tcp' && feeds === 'itself' ? join(settings.state, 'feed.sock') : null,
      tls: feedTls(settings),
      token: settings.feed.token,
      log,
    });
    this.#index = new EvidenceIndex({
      store,
      log,
      own: evidenceFolder(settings.state),
      collect: settings.audit.collect,
    });
    this.metrics = new ControlMetrics(store, registry, this.#feed, counts, evidence.counts, this.#index, log);
    this.#expiry = new Expiry(store, controlSettings(settings, null).approvals, log);
    this.#webhooks = new Webhooks(store, controlSettings(settings, null).webhooks, log);
  }

  /**
   * Opens evidence log, store and feed. The API listens once there is a data plane to ask: `listen`. Nothing is left behind when
   * it fails.
   * @param feeds `itself`: processes of this machine, perhaps beside others
   * @throws Error, in one line each, saying what cannot be opened or what contradicts what
   */
  static async open(configuration: Configuration, version: string, feeds: 'itself' | 'others'): Promise<ControlPlane> {
    const { log, loaded } = configuration;
    const { settings } = loaded;
    // Also where the store is elsewhere: the socket of the feed lies in it.
    await mkdir(settings.state, { recursive: true, mode: 0o700 });
    const own = await ProcessEvidence.open(settings, 'control', log);
    let store: Store | null = null;
    try {
      const evidence = LoggedEvidence.of(own.journal, settings);
      const place = { url: settings.store.url, folder: settings.state };
      store = await openWitnessedStore(place, own.journal.folder, evidence);
      const registry = await Registry.open(store, filesOf(loaded));
      const parts = { own, evidence, store, registry, counts: await storeCounts(store.db) };
      const plane = new ControlPlane(configuration, parts, version, feeds);
      plane.feedUrl = await plane.#feed.listen();
      plane.localFeedUrl = plane.#feed.localUrl;
      plane.metrics.start();
      plane.#expiry.start();
      plane.#webhooks.start();
      plane.#index.start();
      return plane;
    } catch (error) {
      await store?.close();
      await own.close();
      throw error;
    }
  }

  /** Begins to serve the API. @param view null: no data plane runs here */
  async listen(view: DataPlaneView | null): Promise<void> {
    const { settings } = this.#configuration.loaded;
    if (view !== null) this.#watchHealth(view);
    const api = await ControlServer.open({
      context: this.#context(view),
      routes: ROUTES,
      tls: readTls('control', settings.control.tls),
      onAnswer: (method, route, status) => this.metrics.request(method, route, status),
    });
    this.url = await api.listen(settings.control.address);
    this.#api = api;
    // Last, so that a start that fails leaves no token that nobody has seen.
    tellFirstToken(await firstToken(this.#store));
  }

  /** Up to it everything has been announced. */
  get revision(): number {
    return this.#feed.revision;
  }

  /** Regions of files and store together. */
  get catalogue(): Catalogue {
    return this.#registry.catalogue;
  }

  /** Puts files in force that were loaded anew. @throws Error when they contradict the store: nothing has changed then */
  async reload(loaded: Loaded): Promise<void> {
    await this.#registry.reload(filesOf(loaded));
    this.#own.settings = loaded.settings;
    this.evidence.settings = loaded.settings;
  }

  /** Whether the store answers. */
  async health(): Promise<StoreHealth> {
    const { kind } = this.#store;
    try {
      await this.#store.ping();
      return { status: 'healthy', kind };
    } catch (error) {
      this.#configuration.log.error('the store does not answer', { error });
      return { status: 'unhealthy', kind };
    }
  }

  /** Why no traffic should come, one short text each; empty: it may. */
  notReady(): readonly string[] {
    return this.#own.notReady();
  }

  async close(): Promise<void> {
    if (this.#health !== null) clearInterval(this.#health);
    await this.#api?.close();
    await this.metrics.close();
    await this.#expiry.close();
    await this.#webhooks.close();
    await this.#index.close();
    await this.#feed.close();
    await this.#store.close();
    await this.#own.close();
  }

  #context(view: DataPlaneView | null): ControlContext {
    const { log, loaded } = this.#configuration;
    const registry = this.#registry;
    return {
      version: this.#version,
      store: this.#store,
      evidence: this.evidence,
      index: this.#index,
      registry,
      settings: controlSettings(loaded.settings, view),
      world: {
        regions: () => view?.regions() ?? everythingUp(registry),
        available: (dialect, verb) => this.#available(dialect, verb),
        sidecars: () =>
          this.#feed.sidecars().map(({ lag, refused, ...sidecar }) => ({
            ...sidecar,
            lagRevisions: lag.revisions,
            lagMs: lag.milliseconds,
            refused: refused?.error ?? null,
          })),
      },
      log,
      now: Date.now,
    };
  }

  #available(dialect: DialectId, verb: Verb): Uint8Array {
    const { catalogue } = this.#registry;
    const available = serving(catalogue, dialect, verb);
    for (const { index, id } of catalogue.regions)
      if (this.#down.has(`${id}/${SERVICE_OF[dialect]}`)) available[index] = 0;
    return available;
  }

  #watchHealth(view: DataPlaneView): void {
    const look = async () => {
      try {
        const regions = await view.regions();
        const down = regions.flatMap(({ id, services }) =>
          services.filter(({ up }) => !up).map(({ service }) => `${id}/${service}`),
        );
        this.#down = new Set(down);
      } catch (error) {
        this.#configuration.log.warn('the health of regions cannot be told', { error });
      }
    };
    this.#health = setInterval(() => void look(), HEALTH_EACH);
    this.#health.unref();
  }
}

/** Printed, not logged: logs are kept, and read by many. */
function tellFirstToken(token: string | null): void {
  if (token === null) return;
  process.stderr.write(
    `First start: this token of the control API is for the first administrator, and is shown only now.\n${token}\n` +
      'Make others with: domicile token create --role ROLE --tenant ID --subject NAME\n',
  );
}

/** Milliseconds between two looks at the health of regions. */
const HEALTH_EACH = 2000;

function everythingUp({ catalogue }: Registry): RegionHealth[] {
  return catalogue.regions.map(({ id, status, endpoints }) => {
    const services = new Set(Object.keys(endpoints).map((dialect) => SERVICE_OF[dialect as DialectId]));
    return { id, status, services: [...services].map((service) => ({ service, up: true })) };
  });
}

function filesOf({ settings, catalogue, policySet, credentials }: Loaded): FilesInForce {
  return {
    catalogue,
    policySet,
    aliases: settings.classification.aliases,
    credentials,
    selfRegion: settings.self.region,
    defaultPolicy: settings.defaultPolicy,
  };
}

function feedTls({ feed }: Settings) {
  const { tls } = feed;
  if (tls === null || tls.cert === null || tls.key === null) return null;
  return readTls('feed', { cert: tls.cert, key: tls.key, clientCa: tls.clientCa });
}

function controlSettings(
  { control, approvals, webhooks, identity, classification, listeners }: Settings,
  view: DataPlaneView | null,
): ControlSettings {
  const { jwt } = control;
  const storage = listeners.storage;
  const scheme = storage === null || storage.tls === null ? 'http' : 'https';
  return {
    approvals,
    maxPresignSeconds: control.maxPresignSeconds,
    get proxyUrl() {
      if (control.proxyUrl !== null) return control.proxyUrl.replace(/\/+$/, '');
      const port = view?.storagePort() ?? null;
      if (storage === null || storage.address.kind === 'unix' || port === null) return null;
      const { host } = storage.address;
      return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
    },
    pathIdentity: identity.sources.includes('path'),
    defaultClassification: classification.default,
    rateLimit: control.rateLimit,
    jwt:
      jwt === null
        ? null
        : {
            ...jwt,
            keys: jwt.jwksUrl === null ? { jwks: jwksOf(jwt.jwksFile) } : { url: new URL(jwt.jwksUrl) },
          },
    webhooks: webhooks.map(({ url, ...hook }) => ({ ...hook, url: new URL(url) })),
  };
}

function jwksOf(file: string | null) {
  if (file === null) throw new TypeError('control.jwt has no keys');
  return readJwks(file);
}
