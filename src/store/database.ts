import type { Kysely, RawBuilder, Transaction } from 'kysely';
import type { Tables } from './tables.ts';

/** What SQLite and PostgreSQL do each in its own way. */
export interface Database {
  readonly kind: 'sqlite' | 'postgres';
  /** For people: a path, or host and database; no password. */
  readonly at: string;
  readonly reading: Kysely<Tables>;
  /** Its transactions may write from their first statement on. */
  readonly writing: Kysely<Tables>;
  /** Milliseconds since the epoch when it is evaluated: not when its transaction began. */
  clock(): RawBuilder<number>;
  /** Holds off other migrations until the end of the transaction. */
  lockSchema(db: Transaction<Tables>): Promise<void>;
  /** Has other processes hear of a change once its transaction is committed. */
  announce(db: Transaction<Tables>): Promise<void>;
  /** Calls back when another process has announced something, or may have. Returns how to end it. */
  hear(heard: () => void): () => Promise<void>;
  close(): Promise<void>;
}

/** What went wrong, for people: the message, or the code where there is none (as when several addresses were tried). */
export function causeOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return message || code || String(error);
}
