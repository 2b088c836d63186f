import type { TenantDocument, WorldDocument } from './documents.ts';

/** What a feed tells of. Every promise may reject: clients are then told that it cannot be had, and nothing is made up. */
export interface FeedSource {
  /** Of the last change. */
  revision(): Promise<number>;
  /** What holds for all tenants. Its revision is read before its content. */
  world(): Promise<WorldDocument>;
  /** One for each of the tenants, in any order. Their revision is read before their content. */
  bundles(tenants: readonly string[]): Promise<readonly TenantDocument[]>;
  /** Tenants touched after a revision, `*` for all and the world; null when that is too long ago to tell. */
  touchedSince(revision: number): Promise<{ readonly revision: number; readonly tenants: readonly string[] } | null>;
  /** Tells that there are changes; several may be told as one. Returns how to end it. */
  onRevision(listener: (revision: number) => void): () => void;
  /** Uses each of these grants once, durably, or none of them; and the uses of each after that. */
  take(grants: readonly string[]): Promise<{ readonly taken: boolean; readonly counts: readonly GrantCount[] }>;
  /** Uses that need no leave: of grants without limit, and of overrides. */
  addUses(counts: readonly GrantCount[]): Promise<void>;
  /** Milliseconds since the epoch, by the store's clock. */
  now(): Promise<number>;
}

/** A grant or override, by its id, and uses of it. */
export type GrantCount = readonly [id: string, uses: number];

/** What both ends log by; `Log` of telemetry is one. Fields may hold tenants, messages may not. */
export interface FeedLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}
