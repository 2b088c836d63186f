import type { RegionHealth } from '../region/health.ts';
import type { LogLevel } from '../telemetry/log.ts';

export type { RegionHealth };

/** The store as `/health/db` shows it. */
export type StoreHealth =
  | { readonly status: 'not_configured' }
  | { readonly status: 'healthy'; readonly kind: string }
  | { readonly status: 'unhealthy'; readonly kind: string };

/** Worker processes: those that serve, of those that there should be. */
export interface WorkerCount {
  readonly serving: number;
  readonly wanted: number;
}

/** What the ops port shows of the process and may do to it. None of it may block; promises are bounded in time. */
export interface OpsState {
  readonly version: string;
  /** Why no traffic should come, one short text each, without tenant data; empty: ready. */
  notReady(): readonly string[] | Promise<readonly string[]>;
  /** Null: one process does everything. */
  workers(): WorkerCount | null;
  /** May have to ask others, within a bound. */
  regions(): readonly RegionHealth[] | Promise<readonly RegionHealth[]>;
  store(): StoreHealth | Promise<StoreHealth>;
  /** Effective configuration, perhaps as a promise; secrets are taken out by the ops port. */
  configDump(): unknown;
  /** Begins to drain, and returns at once. A second call changes nothing. */
  drain(): void;
  level(): LogLevel;
  setLevel(level: LogLevel): void;
}
