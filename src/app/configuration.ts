import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalogue } from '../region/catalogue.ts';
import { isLogLevel, Log, type LogLevel } from '../telemetry/log.ts';
import { Redactor } from '../telemetry/redact.ts';
import { loadConfiguration } from './config/load.ts';
import { PolicyLoader } from './config/policies.ts';
import { formatProblem, hasErrors, type FileProblem } from './config/problem.ts';
import type { Settings } from './config/settings.ts';
import type { Loaded } from './data-plane.ts';
import { keysThatNeedRestart } from './restart.ts';
import { Watch } from './watch.ts';

export interface ConfigurationOptions {
  readonly config: string;
  readonly env: NodeJS.ProcessEnv;
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

/** The files of one Domicile: what of them is in force, the log as they want it, and how they are loaded again. */
export class Configuration {
  readonly log: Log;
  readonly redactor: Redactor;
  readonly #options: ConfigurationOptions;
  /** Remembers policy files, so that a reload reads only those that changed. */
  readonly #loader = new PolicyLoader();
  readonly #watch: Watch;
  #loaded: Loaded;
  #onChange: () => void = () => {};

  /** Loads the files. @throws ConfigurationError when they do not hold together */
  constructor(options: ConfigurationOptions) {
    this.#options = options;
    const { loaded, warnings } = this.#load(1);
    this.#loaded = loaded;
    this.redactor = new Redactor(secretsOf(loaded.catalogue));
    this.log = new Log({
      level: logLevelOf(loaded.settings),
      redactor: this.redactor,
      ...(options.log ? { destination: options.log } : {}),
    });
    for (const warning of warnings) this.log.warn(formatProblem(warning));
    this.#watch = new Watch(
      () => this.#onChange(),
      (path, error) => this.log.warn('cannot watch for changes; SIGHUP reloads', { path, error }),
    );
  }

  /** The files in force. */
  get loaded(): Loaded {
    return this.#loaded;
  }

  /** Calls back when a file has changed, from now on until `close`. */
  watch(onChange: () => void): void {
    this.#onChange = onChange;
    this.#watchFiles();
  }

  close(): void {
    this.#watch.close();
  }

  /**
   * Reads the files again, and has them put in force. An invalid one changes nothing and is told in the log.
   * @param apply puts in force what was loaded, as one; when it throws, what was in force stays
   * @returns whether the files are in force now
   */
  reload(why: string, apply: (loaded: Loaded) => void): boolean {
    try {
      const before = this.#loaded;
      const { loaded, warnings } = this.#load(before.revision + 1);
      this.redactor.know(secretsOf(loaded.catalogue));
      apply(loaded);
      this.#loaded = loaded;
      // Only where the file's own level changed: else a level set by hand on the ops port would not outlive a reload.
      if (loaded.settings.log.level !== before.settings.log.level) this.log.setLevel(logLevelOf(loaded.settings));
      for (const key of keysThatNeedRestart(before.settings, loaded.settings))
        this.log.warn(`${key} has changed and holds after a restart only: restart domicile`);
      for (const warning of warnings) this.log.warn(formatProblem(warning));
      this.#watchFiles();
      return true;
    } catch (error) {
      const lines =
        error instanceof ConfigurationError
          ? error.problems.filter(({ severity }) => severity === 'error').map(formatProblem)
          : [String(error)];
      for (const line of lines) this.log.error(`reload refused, what was in force stays: ${line}`, { why });
      return false;
    }
  }

  /** @throws ConfigurationError */
  #load(revision: number): { loaded: Loaded; warnings: readonly FileProblem[] } {
    const { config, env } = this.#options;
    const { settings, catalogue, policySet, problems } = loadConfiguration(config, env, this.#loader);
    if (settings === null || catalogue === null || policySet === null || hasErrors(problems))
      throw new ConfigurationError(problems);
    return { loaded: { settings, catalogue, policySet, revision, loadedAt: Date.now() }, warnings: problems };
  }

  #watchFiles(): void {
    const { settings } = this.#loaded;
    const folders = [...settings.policies, settings.regimes].filter(isFolder);
    const grants = folders.map((folder) => join(folder, 'grants')).filter(isFolder);
    const files = [settings.file, settings.catalogue, ...settings.policies.filter((path) => !isFolder(path))];
    this.#watch.set(files, [...folders, ...grants]);
  }
}

/** `silent` logs what is fatal all the same: nobody should die without a word. */
function logLevelOf({ log }: Settings): LogLevel {
  return isLogLevel(log.level) ? log.level : 'fatal';
}

/** Every secret that the catalogue's endpoints hold, so that none is ever shown. */
export function secretsOf(catalogue: Catalogue): string[] {
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

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
