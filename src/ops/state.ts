import type { RegionStatus, Service } from '../core/vocabulary.ts';
import type { LogLevel } from '../telemetry/log.ts';

/** A region as `/health/regions` shows it. */
export interface RegionHealth {
  readonly id: string;
  readonly status: RegionStatus;
  readonly services: readonly { readonly service: Service; readonly up: boolean }[];
}

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

/** What the ops port shows of the process and may do to it. None of it may block. */
export interface OpsState {
  readonly version: string;
  /** Why no traffic should come, one short text each, without tenant data; empty: ready. */
  notReady(): readonly string[];
  /** Null: one process does everything. */
  workers(): WorkerCount | null;
  /** May have to ask others, within a bound. */
  regions(): readonly RegionHealth[] | Promise<readonly RegionHealth[]>;
  store(): StoreHealth;
  /** Effective configuration; secrets are taken out by the ops port. */
  configDump(): unknown;
  /** Begins to drain, and returns at once. A second call changes nothing. */
  drain(): void;
  level(): LogLevel;
  setLevel(level: LogLevel): void;
}
