import type { OpsState } from '../ops/state.ts';
import type { Log } from '../telemetry/log.ts';
import { configDump } from './config-dump.ts';
import type { Configuration } from './configuration.ts';
import type { LoggedEvidence } from './control-evidence.ts';
import type { ControlPlane } from './control-plane.ts';
import type { Loaded } from './data-plane.ts';

/** Milliseconds that requests in flight have to finish when draining. */
export const DRAIN_BOUND = 30_000;

/** Milliseconds that the control plane of this machine has to tell its proxies what holds, when they start. */
export const FEED_BOUND = 10_000;

/** A data listener that is bound. */
export interface Bound {
  readonly name: string;
  /** 0: a Unix socket. */
  readonly port: number;
}

/** A Domicile that serves, from one process or from several. */
export abstract class Running {
  readonly log: Log;
  /** Resolves once it has drained. */
  readonly stopped: Promise<void>;
  /** Where the ops port listens, as a URL. */
  opsUrl = '';
  protected readonly configuration: Configuration;
  /** Null: it is elsewhere, or there is none. */
  protected readonly control: ControlPlane | null;
  readonly #version: string;
  readonly #stopped: () => void;
  #draining: Promise<void> | null = null;

  protected constructor(configuration: Configuration, version: string, control: ControlPlane | null) {
    const stopped = Promise.withResolvers<void>();
    this.stopped = stopped.promise;
    this.#stopped = stopped.resolve;
    this.configuration = configuration;
    this.log = configuration.log;
    this.#version = version;
    this.control = control;
  }

  abstract get listeners(): readonly Bound[];

  /** Reads the files again. An invalid one changes nothing, is counted, and is told in the log. Returns whether it is valid. */
  abstract reload(why: string): Promise<boolean>;

  /** Restarts the workers one after the other, each new one before its old one stops accepting. */
  abstract roll(): Promise<void>;

  /** Where it is on record what was reloaded; null: nowhere. */
  protected abstract get reloads(): LoggedEvidence | null;

  /**
   * Has files read again and put in force, which is on record before it is done: one that cannot be recorded is refused.
   * Returns whether they are in force.
   */
  protected async reloadBy(why: string, apply: (loaded: Loaded) => void | Promise<void>): Promise<boolean> {
    const { configuration, reloads } = this;
    const file = configuration.loaded.settings.file;
    const valid = await configuration.reload(why, async (loaded) => {
      await reloads?.reloaded({ file, revision: loaded.revision, why });
      await apply(loaded);
    });
    if (valid) this.log.info('reloaded', { why, revision: this.loaded.revision });
    else {
      // First: whoever has read of it in the log finds it counted.
      this.countReloadFailure();
      await reloads
        ?.reloadRefused(
          { file, revision: this.loaded.revision, why },
          configuration.redactor.text(configuration.refusal),
        )
        .catch((error: unknown) => this.log.error('a refused reload is not on record', { error }));
    }
    return valid;
  }

  protected abstract countReloadFailure(): void;

  /** Of the policies that are in force, for `/config_dump`. */
  protected abstract policyState(): unknown;

  /** Finishes what is in flight within `bound` milliseconds, and closes everything. */
  protected abstract close(bound: number): Promise<void>;

  /** Where the control API listens, as a URL; null: not here. */
  get controlUrl(): string | null {
    return this.control?.url ?? null;
  }

  /** Where proxies find the feed, as a URL; null: not here. */
  get feedUrl(): string | null {
    return this.control?.feedUrl ?? null;
  }

  /** The files in force. */
  get loaded(): Loaded {
    return this.configuration.loaded;
  }

  get draining(): boolean {
    return this.#draining !== null;
  }

  /** Stops accepting, finishes what is in flight, closes everything. The same promise however often it is called. */
  drain(bound: number = DRAIN_BOUND): Promise<void> {
    this.#draining ??= this.#drain(bound);
    return this.#draining;
  }

  /** Ends at once, whatever is in flight. */
  exit(code: number): never {
    process.exit(code);
  }

  /** What the ops port asks of one process and of several alike. */
  protected opsState(): Omit<OpsState, 'workers' | 'regions'> {
    return {
      version: this.#version,
      notReady: () => (this.draining ? ['draining'] : []),
      store: () => this.control?.health() ?? { status: 'not_configured' },
      configDump: () => configDump(this.loaded, this.policyState()),
      drain: () => {
        this.drain().catch((error: unknown) => this.log.error('drain failed', { error }));
      },
      level: () => this.log.level,
      setLevel: (level) => this.log.setLevel(level),
    };
  }

  async #drain(bound: number): Promise<void> {
    this.log.info('draining');
    await this.close(bound);
    this.log.info('stopped');
    await this.log.flush();
    this.#stopped();
  }
}
