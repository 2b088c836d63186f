import type { RegionHealth } from '../../ops/state.ts';
import type { PolicySet } from '../../policy/policy-set.ts';
import { Catalogue, type Region } from '../../region/catalogue.ts';
import type { LogLevel } from '../../telemetry/log.ts';
import type { MetricReport } from '../../telemetry/metrics.ts';
import type { Settings } from '../config/settings.ts';
import type { Loaded } from '../data-plane.ts';
import type { FeedAddress } from '../fed-policies.ts';
import type { Bound } from '../running.ts';
import type { ListenerTls } from '../tls-files.ts';

/** What came of the files, as it crosses to a worker (structured clone). Secrets are in it: it goes through a pipe only. */
export interface PackedLoad {
  readonly settings: Settings;
  readonly regions: readonly Region[];
  readonly policySet: PolicySet;
  readonly credentials: Loaded['credentials'];
  readonly jwks: Loaded['jwks'];
  readonly tls: ListenerTls;
  readonly revision: number;
  readonly loadedAt: number;
}

export function pack({ catalogue, ...rest }: Loaded): PackedLoad {
  return { ...rest, regions: catalogue.regions };
}

export function unpack({ regions, ...rest }: PackedLoad): Loaded {
  return { ...rest, catalogue: new Catalogue(regions) };
}

/** What a worker begins with. */
export interface Setup {
  /** Number of the worker, from 1; one that takes the place of another has the same. */
  readonly worker: number;
  readonly load: PackedLoad;
  readonly level: LogLevel;
  readonly feed: FeedAddress;
}

/** How things are in a worker. */
export interface WorkerReport {
  readonly metrics: MetricReport;
  readonly regions: readonly RegionHealth[];
  /** Why no traffic should come, one short text each; empty: it may. */
  readonly notReady: readonly string[];
  /** Of its policies, for `/config_dump`. */
  readonly policies: unknown;
}

export type ToWorker =
  | { readonly type: 'start'; readonly setup: Setup }
  /** To be put in force as one; answered by `replaced` or `not_replaced`. */
  | { readonly type: 'replace'; readonly load: PackedLoad }
  | { readonly type: 'level'; readonly level: LogLevel }
  /** Answered by a `report` with the same id. */
  | { readonly type: 'report'; readonly id: number }
  /** Finish what is in flight within `bound` milliseconds, and go; connections without a request may bring one for `grace`. */
  | { readonly type: 'drain'; readonly bound: number; readonly grace: number };

export type ToPrimary =
  /** Listens for messages. */
  | { readonly type: 'waiting' }
  | { readonly type: 'serving'; readonly listeners: readonly Bound[] }
  /** Could not start, in one line; it goes by itself. */
  | { readonly type: 'failed'; readonly message: string }
  | { readonly type: 'replaced'; readonly revision: number }
  | { readonly type: 'not_replaced'; readonly message: string }
  /** `id` 0: the last one, unasked, before it goes. */
  | { readonly type: 'report'; readonly id: number; readonly report: WorkerReport };
