import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { SERVICES } from '../core/vocabulary.ts';
import { readJwks } from '../inbound/identity/issuer.ts';
import { isLogLevel, Log, type LogLevel } from '../telemetry/log.ts';
import { Redactor } from '../telemetry/redact.ts';
import { loadConfiguration, loadMachine } from './config/load.ts';
import { PolicyLoader } from './config/policies.ts';
import { formatProblem, hasErrors, type FileProblem } from './config/problem.ts';
import { passwordsIn } from './config/references.ts';
import type { Settings } from './config/settings.ts';
import type { Loaded } from './data-plane.ts';
import { asStarted, keysThatNeedRestart } from './restart.ts';
import type { Bound } from './running.ts';
import { readListenerTls } from './tls-files.ts';
import { Watch } from './watch.ts';

export interface ConfigurationOptions {
  readonly config: string;
  readonly env: NodeJS.ProcessEnv;
  /** `elsewhere`: files of policies are not read. Default: here. */
  readonly policies?: 'here' | 'elsewhere';
  /** Where log lines go; default standard output. */
  readonly log?: { write(line: string): void };
}

/** The files do not hold together. Every problem is in it, a line each. */
class ConfigurationError extends Error {
  readonly problems: readonly FileProblem[];

  constructor(problems: readonly FileProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

type Apply = (loaded: Loaded) => void | Promise<void>;

/** The files of one Domicile: what of them is in force, the log as they want it, and how they are loaded again. */
export class Configuration {
  readonly log: Log;
  readonly redactor = new Redactor();
  readonly #options: ConfigurationOptions;
  /** Remembers policy files, so that a reload reads only those that changed. */
  readonly #loader = new PolicyLoader();
  readonly #watch: Watch;
  /** The settings of the start, as they were written. */
  readonly #started: Settings;
  #loaded: Loaded;
  /** Null: nobody is told yet, but a change is remembered. */
  #onChange: (() => void) | null = null;
  #changed = false;
  #reloading: Promise<boolean> | null = null;
  /** Why the last reload that was refused was, in one line. */
  refusal = '';

  /**
   * Loads the files, and watches them from then on until `close`.
   * @throws ConfigurationError when they do not hold together; Error, in one line, when a listener's TLS files do not
   */
  constructor(options: ConfigurationOptions) {
    this.#options = options;
    // What level the files want is known when they are read: until then it is the default.
    const destination = options.log ? { destination: options.log } : {};
    this.log = new Log({ level: 'info', redactor: this.redactor, ...destination });
    this.#watch = new Watch(
      () => {
        this.#changed = true;
        this.#onChange?.();
      },
      (path, error) => this.log.warn('cannot watch for changes; SIGHUP reloads', { path, error }),
    );
    try {
      this.#watch.set([resolve(options.config)], []);
      const { warnings, ...read } = this.#read();
      this.#started = read.settings;
      this.#loaded = { ...read, tls: readListenerTls(read.settings), revision: 1 };
      this.redactor.know(secretsOf(this.#loaded));
      this.log.setLevel(logLevelOf(read.settings));
      for (const warning of warnings) this.log.warn(formatProblem(warning));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** The files in force: of what is bound or opened at the start, what was in them then. */
  get loaded(): Loaded {
    return this.#loaded;
  }

  /** Takes in which ports stand in the place of 0. */
  boundAt(bound: readonly Bound[]): void {
    const { settings } = this.#loaded;
    const listeners = { ...settings.listeners };
    for (const service of SERVICES) {
      const listener = listeners[service];
      const at = bound.find(({ name }) => name === `listeners.${service}`);
      if (at === undefined || listener?.address.kind !== 'tcp') continue;
      listeners[service] = { ...listener, address: { ...listener.address, port: at.port } };
    }
    this.#loaded = { ...this.#loaded, settings: { ...settings, listeners } };
  }

  /** Calls back when a file has changed, at once if one has since it was read. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
    if (this.#changed) onChange();
  }

  close(): void {
    this.#watch.close();
  }

  /**
   * Reads the files again, and has them put in force, one reload after the other. An invalid file changes nothing and is
   * told in the log.
   * @param apply puts in force what was loaded, as one; when it throws, what was in force stays
   * @returns whether the files are in force now
   */
  async reload(why: string, apply: Apply): Promise<boolean> {
    while (this.#reloading !== null) await this.#reloading;
    const reloading = this.#reload(why, apply);
    this.#reloading = reloading;
    const valid = await reloading;
    this.#reloading = null;
    return valid;
  }

  async #reload(why: string, apply: Apply): Promise<boolean> {
    try {
      const before = this.#loaded;
      const { warnings, ...read } = this.#read();
      const settings = asStarted(before.settings, read.settings);
      const loaded = { ...read, settings, tls: readListenerTls(settings), revision: before.revision + 1 };
      this.redactor.know(secretsOf(loaded));
      const applied = apply(loaded);
      if (applied !== undefined) await applied;
      this.#loaded = loaded;
      // Only where the file's own level changed: else a level set by hand on the ops port would not outlive a reload.
      if (settings.log.level !== before.settings.log.level) this.log.setLevel(logLevelOf(settings));
      for (const key of keysThatNeedRestart(this.#started, read.settings))
        this.log.warn(`${key} has changed and holds after a restart only: restart domicile`);
      for (const warning of warnings) this.log.warn(formatProblem(warning));
      return true;
    } catch (error) {
      const lines =
        error instanceof ConfigurationError
          ? error.problems.filter(({ severity }) => severity === 'error').map(formatProblem)
          : [String(error)];
      this.refusal = lines.join('; ');
      for (const line of lines) this.log.error(`reload refused, what was in force stays: ${line}`, { why });
      return false;
    }
  }

  /**
   * Reads the files. Each is watched before it is read, so that no change of it goes unseen.
   * @throws ConfigurationError
   */
  #read() {
    const { config, env, policies = 'here' } = this.#options;
    const named = loadMachine(resolve(config), env).settings;
    if (named !== null) this.#watchFiles(named);
    const { settings, catalogue, policySet, credentials, problems } = loadConfiguration(config, env, {
      loader: this.#loader,
      policies,
    });
    if (settings === null || catalogue === null || policySet === null || hasErrors(problems))
      throw new ConfigurationError(problems);
    const { jwt } = settings.identity;
    const jwks = jwt === null || jwt.jwksFile === null ? null : readJwks(jwt.jwksFile);
    return { settings, catalogue, policySet, credentials, jwks, loadedAt: Date.now(), warnings: problems };
  }

  #watchFiles(settings: Settings): void {
    const own = [settings.file, settings.catalogue, ...proofFiles(settings)];
    if (this.#options.policies === 'elsewhere') return this.#watch.set(own, []);
    const folders = [...settings.policies, settings.regimes].filter(isFolder);
    const grants = folders.map((folder) => join(folder, 'grants')).filter(isFolder);
    const files = settings.policies.filter((path) => !isFolder(path));
    this.#watch.set([...own, ...files], [...folders, ...grants]);
  }
}

/** Files by which clients prove who they are, and by which this proxy does: a key that was taken out is believed no longer. */
function proofFiles({ identity, listeners }: Settings): string[] {
  const tls = SERVICES.flatMap((service) => Object.values(listeners[service]?.tls ?? {}));
  return [identity.jwt?.jwksFile ?? null, ...tls].filter((file) => file !== null);
}

/** `silent` logs what is fatal all the same: nobody should die without a word. */
function logLevelOf({ log }: Settings): LogLevel {
  return isLogLevel(log.level) ? log.level : 'fatal';
}

/** Every secret of the files, so that none is ever shown. */
export function secretsOf({ catalogue, settings }: Pick<Loaded, 'catalogue' | 'settings'>): string[] {
  const secrets = settings.webhooks.map(({ secret }) => secret);
  const { feed, audit } = settings;
  for (const secret of [feed.token, audit.key, audit.pseudonyms?.key ?? null])
    if (secret !== null) secrets.push(secret);
  if (settings.store.url !== null)
    secrets.push(...passwordsIn(settings.store.url).flatMap((written) => [written, decoded(written)]));
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

/** What is meant, where it is percent-encoded. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // no percent-encoding: it means what it says
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
