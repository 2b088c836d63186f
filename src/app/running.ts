import type { Log } from '../telemetry/log.ts';
import type { Loaded } from './data-plane.ts';

/** Milliseconds that requests in flight have to finish when draining. */
export const DRAIN_BOUND = 30_000;

/** A data listener that is bound. */
export interface Bound {
  readonly name: string;
  /** 0: a Unix socket. */
  readonly port: number;
}

/** A Domicile that serves, from one process or from several. */
export interface Running {
  readonly log: Log;
  /** The files in force. */
  readonly loaded: Loaded;
  readonly listeners: readonly Bound[];
  /** Where the ops port listens, as a URL. */
  readonly opsUrl: string;
  /** Resolves once it has drained. */
  readonly stopped: Promise<void>;
  /** Reads the files again. An invalid one changes nothing, is counted, and is told in the log. */
  reload(why: string): void;
  /** Stops accepting, finishes what is in flight, closes everything. The same promise however often it is called. */
  drain(): Promise<void>;
  /** Ends at once, whatever is in flight. */
  exit(code: number): never;
}
