import { statSync } from 'node:fs';
import { join } from 'node:path';
import { SERVICE_OF, DIALECTS, type Service } from '../core/vocabulary.ts';
import { OpsServer } from '../ops/server.ts';
import type { OpsState, RegionHealth } from '../ops/state.ts';
import type { Catalogue } from '../region/catalogue.ts';
import { isLogLevel, Log, type LogLevel } from '../telemetry/log.ts';
import { Redactor } from '../telemetry/redact.ts';
import { createTracing, type Tracing } from '../telemetry/trace.ts';
import { configDump } from './config-dump.ts';
import { loadConfiguration } from './config/load.ts';
import { PolicyLoader } from './config/policies.ts';
import { formatProblem, hasErrors, type FileProblem } from './config/problem.ts';
import { DataPlane, type Loaded } from './data-plane.ts';
import { readTls } from './tls-files.ts';
import { keysThatNeedRestart } from './restart.ts';
import { Watch } from './watch.ts';

export interface DomicileOptions {
  readonly config: string;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where log lines go; default standard output. */
  readonly log?: { write(line: string): void };
}

/** Milliseconds that requests in flight have to finish when draining. */
const DRAIN_BOUND = 30_000;

/** The files do not hold together. Every problem is in it, a line each. */
class ConfigurationError extends Error {
  readonly problems: readonly FileProblem[];

  constructor(problems: readonly FileProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** One running Domicile: data plane, ops port, reloading. */
export class Domicile {
  readonly plane: DataPlane;
  readonly log: Log;
  readonly #options: DomicileOptions;
  /** Remembers policy files, so that a reload reads only those that changed. */
  readonly #loader: PolicyLoader;
  readonly #redactor: Redactor;
  readonly #tracing: Tracing;
  readonly #ops: OpsServer;
  readonly #watch: Watch;
  /** Where the ops port listens, as a URL. */
  opsUrl = '';
  #draining: Promise<void> | null = null;
  #stopped: () => void = () => {};
  /** Resolves once it has drained. */
  readonly stopped: Promise<void>;

  private constructor(
    options: DomicileOptions,
    loader: PolicyLoader,
    loaded: Loaded,
    log: Log,
    redactor: Redactor,
    tracing: Tracing,
  ) {
    this.#options = options;
    this.#loader = loader;
    this.log = log;
    this.#redactor = redactor;
    this.#tracing = tracing;
    this.plane = new DataPlane(loaded, options.version, log, tracing);
    this.#ops = new OpsServer({
      state: this.#state(),
      tls: readTls(loaded.settings.ops.tls),
      metrics: this.plane.proxy.metrics,
      redactor,
      onError: (error) => log.error('ops port', { error }),
    });
    this.#watch = new Watch(
      () => this.reload('a file changed'),
      (path, error) => log.warn('cannot watch for changes; SIGHUP reloads', { path, error }),
    );
    this.stopped = new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  /**
   * Loads, binds and serves. Nothing is left behind when it fails.
   * @throws ConfigurationError when the files do not hold together; Error, in one line, when an address cannot be had
   */
  static async start(options: DomicileOptions): Promise<Domicile> {
    const loader = new PolicyLoader();
    const { loaded, warnings } = load(options, loader);
    const redactor = new Redactor(secretsOf(loaded.catalogue));
    const level = loaded.settings.log.level;
    const log = new Log({
      level: isLogLevel(level) ? level : 'fatal',
      redactor,
      ...(options.log ? { destination: options.log } : {}),
    });
    for (const warning of warnings) log.warn(formatProblem(warning));
    const tracing = await createTracing(options.env, {
      version: options.version,
      onExportError: (error) => log.warn('spans cannot be exported', { error }),
    });
    const domicile = new Domicile(options, loader, loaded, log, redactor, tracing);
    try {
      await domicile.plane.listen();
      domicile.opsUrl = await domicile.#ops.listen(loaded.settings.ops.address);
    } catch (error) {
      await domicile.#close(0);
      throw error;
    }
    domicile.#watchFiles(loaded);
    return domicile;
  }

  /** Reads the files again. An invalid one changes nothing, is counted, and is told in the log. */
  reload(why: string): boolean {
    if (this.#draining !== null) return false;
    try {
      const { loaded, warnings } = load(this.#options, this.#loader);
      const before = this.plane.loaded.settings;
      this.#redactor.know(secretsOf(loaded.catalogue));
      this.plane.replace(loaded);
      // Only where the file's own level changed: else a level set by hand on the ops port would not outlive a reload.
      const { level } = loaded.settings.log;
      if (level !== before.log.level) this.log.setLevel(isLogLevel(level) ? level : 'fatal');
      for (const key of keysThatNeedRestart(before, loaded.settings))
        this.log.warn(`${key} has changed and holds after a restart only: restart domicile`);
      for (const warning of warnings) this.log.warn(formatProblem(warning));
      this.#watchFiles(loaded);
      this.log.info('reloaded', { why, revision: this.plane.proxy.snapshot.revision });
      return true;
    } catch (error) {
      this.plane.proxy.metrics.reloadFailure();
      const lines =
        error instanceof ConfigurationError
          ? error.problems.filter(({ severity }) => severity === 'error').map(formatProblem)
          : [String(error)];
      for (const line of lines) this.log.error(`reload refused, what was in force stays: ${line}`, { why });
      return false;
    }
  }

  /** Stops accepting, finishes what is in flight, closes everything. The same promise however often it is called. */
  drain(bound: number = DRAIN_BOUND): Promise<void> {
    this.#draining ??= this.#drain(bound);
    return this.#draining;
  }

  async #drain(bound: number): Promise<void> {
    this.log.info('draining');
    await this.#close(bound);
    this.log.info('stopped');
    await this.log.flush();
    this.#stopped();
  }

  async #close(bound: number): Promise<void> {
    this.#watch.close();
    await this.plane.drain(bound);
    await this.#tracing.shutdown();
    await this.#ops.close();
  }

  #watchFiles({ settings }: Loaded): void {
    const folders = [...settings.policies, settings.regimes].filter(isFolder);
    const grants = folders.map((folder) => join(folder, 'grants')).filter(isFolder);
    const files = [settings.file, settings.catalogue, ...settings.policies.filter((path) => !isFolder(path))];
    this.#watch.set(files, [...folders, ...grants]);
  }

  #state(): OpsState {
    const { plane } = this;
    return {
      version: this.#options.version,
      notReady: () => (this.#draining === null ? [] : ['draining']),
      regions: () => regionHealth(plane),
      store: () => ({ status: 'not_configured' }),
      configDump: () => configDump(plane.loaded),
      drain: () => {
        this.drain().catch((error: unknown) => this.log.error('drain failed', { error }));
      },
      level: () => this.log.level,
      setLevel: (level: LogLevel) => this.log.setLevel(level),
    };
  }
}

/** @throws ConfigurationError */
function load(
  { config, env }: DomicileOptions,
  loader: PolicyLoader,
): { loaded: Loaded; warnings: readonly FileProblem[] } {
  const { settings, catalogue, policySet, problems } = loadConfiguration(config, env, loader);
  if (settings === null || catalogue === null || policySet === null || hasErrors(problems))
    throw new ConfigurationError(problems);
  return { loaded: { settings, catalogue, policySet }, warnings: problems };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Every secret that the catalogue's endpoints hold, so that none is ever shown. */
function secretsOf(catalogue: Catalogue): string[] {
  const secrets: string[] = [];
  for (const { endpoints } of catalogue.regions) {
    for (const endpoint of Object.values(endpoints)) {
      const { authentication } = endpoint;
      if (authentication.kind === 'header') secrets.push(authentication.value);
      if (authentication.kind !== 'sigv4') continue;
      secrets.push(authentication.secretAccessKey);
      if (authentication.sessionToken !== null) secrets.push(authentication.sessionToken);
    }
  }
  return secrets;
}

/** A service is up in a region when one of its dialects is. */
function regionHealth(plane: DataPlane): RegionHealth[] {
  const { catalogue, health } = plane.proxy.snapshot;
  return catalogue.regions.map(({ index, id, status, endpoints }) => {
    const services = new Map<Service, boolean>();
    for (const dialect of DIALECTS) {
      if (endpoints[dialect] === undefined) continue;
      const service = SERVICE_OF[dialect];
      services.set(service, (services.get(service) ?? false) || health.isUp(dialect, index));
    }
    return { id, status, services: [...services].map(([service, up]) => ({ service, up })) };
  });
}
