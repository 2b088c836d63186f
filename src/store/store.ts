import type { Kysely, Transaction } from 'kysely';
import type { ObjectKind, Tables } from './tables.ts';
import type { ChangeFact } from './witness.ts';

/** Who changes something, for the history. */
export interface Who {
  /** Subject of a principal; `domicile` for what happens by itself, such as an expiry. */
  readonly actor: string;
  readonly requestId: string;
}

/** For reading: the store itself, or a change under way. What is written through the store itself is refused. */
export type Db = Kysely<Tables> | Transaction<Tables>;

/** One change, in one transaction: all of it, or nothing. */
export interface Change {
  readonly db: Transaction<Tables>;
  readonly who: Who;
  /** Milliseconds since the epoch, by the store's clock. */
  readonly now: number;
  /** Higher than that of every change before it. Changes come one after the other, so that nobody sees a gap filled. */
  readonly revision: number;
  /** Names a tenant whose bundle this changes; `*`: everybody's, or the catalogue. */
  touch(tenant: string): void;
  /** Has history and witness told of it. @param body the object after the change, null when it is gone */
  history(kind: ObjectKind, id: string, tenant: string | null, action: string, body: unknown): Promise<void>;
  /** Has the witness told of what no history keeps. @param body as of `history` */
  note(kind: ChangeFact['kind'], id: string, tenant: string | null, action: string, body: unknown): void;
  /** Has webhooks told of something, at least once, after the commit. @param kind such as `access.requested` */
  event(kind: string, tenant: string | null, objectId: string, body: unknown): Promise<void>;
}

/** Has the witness told of a change that no history tells of. */
export type Note = (fact: ChangeFact) => void;

/** State of the control plane, in SQLite or PostgreSQL. */
export interface Store {
  readonly kind: 'sqlite' | 'postgres';
  /** Where it is, for people: a path, or host and database; no password. */
  readonly at: string;
  readonly db: Kysely<Tables>;
  /** Milliseconds since the epoch: of the database's clock, so that all replicas agree. */
  now(): Promise<number>;
  /** Of the last change. */
  revision(): Promise<number>;
  /**
   * Rejects with what `work` or the witness threw, and then nothing has changed. Resolves once it is durable. A database
   * that goes away in the middle rejects too: where it did so during the commit, the change may have been made. `work` must
   * not wait for another change or write of the store, which would wait for this one.
   */
  change<T>(who: Who, work: (change: Change) => Promise<T>): Promise<T>;
  /**
   * A transaction that changes nobody's bundle, such as uses, deliveries and kept answers: it takes no revision and tells
   * nobody. `now` as in `Change`. Rejects and resolves as `change` does.
   */
  write<T>(work: (db: Transaction<Tables>, now: number, note: Note) => Promise<T>): Promise<T>;
  /**
   * Tells of changes: of this process at once after their commit, of others' within moments. Revisions only rise; several
   * may be told as one. Returns how to end it.
   */
  onRevision(listener: (revision: number) => void): () => void;
  /** Tenants touched after `revision`, `*` for all; null when the outbox no longer reaches back so far. */
  touchedSince(revision: number): Promise<{ readonly revision: number; readonly tenants: readonly string[] } | null>;
  /** Milliseconds that an answer took. Rejects when it does not answer. */
  ping(): Promise<number>;
  close(): Promise<void>;
}
