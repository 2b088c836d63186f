import { randomUUID } from 'node:crypto';
import { sql, type Kysely, type Transaction } from 'kysely';
import type { Database } from './database.ts';
import { currentRevision, takeRevision, touchedSince, writeOutbox } from './outbox.ts';
import type { Change, Db, Note, Store, Who } from './store.ts';
import type { ObjectKind, Tables } from './tables.ts';
import type { ChangeFact, Witness } from './witness.ts';

/** Milliseconds between looks for changes of other processes. */
const POLL = 250;

/** The store over either database. */
export class SqlStore implements Store {
  readonly #database: Database;
  readonly #witness: Witness;
  readonly #listeners = new Set<(revision: number) => void>();
  /** Highest revision that listeners were told. */
  #told: number;
  /** The last of the changes that wait for each other. */
  #turn: Promise<unknown> = Promise.resolve();
  /** Under way. */
  readonly #writes = new Set<Promise<void>>();
  #poll: NodeJS.Timeout | undefined;
  #stopHearing: (() => Promise<void>) | undefined;
  #closed = false;

  private constructor(database: Database, witness: Witness, revision: number) {
    this.#database = database;
    this.#witness = witness;
    this.#told = revision;
  }

  /** @param database with its tables up to date */
  static async over(database: Database, witness: Witness): Promise<SqlStore> {
    return new SqlStore(database, witness, await currentRevision(database.reading));
  }

  get kind(): 'sqlite' | 'postgres' {
    return this.#database.kind;
  }

  get at(): string {
    return this.#database.at;
  }

  get db(): Kysely<Tables> {
    return this.#database.reading;
  }

  now(): Promise<number> {
    return this.#now(this.db);
  }

  revision(): Promise<number> {
    return currentRevision(this.db);
  }

  change<T>(who: Who, work: (change: Change) => Promise<T>): Promise<T> {
    // One after the other also here, so that a burst of them does not take the whole pool to wait for one lock.
    const result = this.#turn.then(async () => {
      let revision = 0;
      const made = await this.#transaction(async (db, note) => {
        revision = await takeRevision(db);
        const change = new ChangeUnderWay(db, who, await this.#now(db), revision, note);
        const value = await work(change);
        await writeOutbox(db, revision, change.touched, change.now);
        await this.#database.announce(db);
        return value;
      });
      this.#tell(revision);
      return made;
    });
    this.#turn = result.catch(() => {}); // the caller has it
    return result;
  }

  write<T>(work: (db: Transaction<Tables>, now: number, note: Note) => Promise<T>): Promise<T> {
    const result = this.#transaction(async (db, note) => work(db, await this.#now(db), note));
    const over = result.then(
      () => undefined,
      () => undefined, // the caller has it
    );
    this.#writes.add(over);
    void over.finally(() => this.#writes.delete(over));
    return result;
  }

  onRevision(listener: (revision: number) => void): () => void {
    this.#listeners.add(listener);
    if (this.#stopHearing === undefined) {
      this.#stopHearing = this.#database.hear(() => void this.#look());
      this.#pollLater();
    }
    return () => void this.#listeners.delete(listener);
  }

  touchedSince(revision: number): ReturnType<Store['touchedSince']> {
    return touchedSince(this.db, revision);
  }

  async ping(): Promise<number> {
    const start = performance.now();
    await this.revision();
    return performance.now() - start;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#poll);
    this.#listeners.clear();
    await this.#stopHearing?.();
    await Promise.all([this.#turn, ...this.#writes]);
    await this.#database.close();
  }

  /** What `work` or the witness throws is what comes out, also when the connection is gone and cannot even roll back. */
  async #transaction<T>(work: (db: Transaction<Tables>, note: Note) => Promise<T>): Promise<T> {
    const facts: ChangeFact[] = [];
    let thrown: { readonly error: unknown } | undefined;
    try {
      return await this.#database.writing.transaction().execute(async (db) => {
        try {
          const value = await work(db, (fact) => void facts.push(fact));
          // After everything that could still refuse it: what is witnessed is as good as made.
          if (facts.length > 0) await this.#witness.witnessed(facts);
          return value;
        } catch (error) {
          thrown = { error };
          throw error;
        }
      });
    } catch (error) {
      if (thrown !== undefined) throw thrown.error;
      if (facts.length > 0) this.#witness.notCommitted(facts);
      throw error;
    }
  }

  async #now(db: Db): Promise<number> {
    const { rows } = await sql<{ now: number }>`select ${this.#database.clock()} as now`.execute(db);
    return (rows[0] as { now: number }).now;
  }

  #tell(revision: number): void {
    if (revision <= this.#told) return;
    this.#told = revision;
    // A listener that throws must not make a change that is committed look like one that is not.
    for (const listener of this.#listeners) queueMicrotask(() => listener(revision));
  }

  #pollLater(): void {
    if (!this.#closed) this.#poll = setTimeout(() => void this.#look().then(() => this.#pollLater()), POLL).unref();
  }

  async #look(): Promise<void> {
    try {
      this.#tell(await this.revision());
    } catch {
      // It does not answer: every other caller hears of that, and this one looks again.
    }
  }
}

class ChangeUnderWay implements Change {
  readonly db: Transaction<Tables>;
  readonly who: Who;
  readonly now: number;
  readonly revision: number;
  readonly touched = new Set<string>();
  readonly #note: Note;

  constructor(db: Transaction<Tables>, who: Who, now: number, revision: number, note: Note) {
    this.#note = note;
    this.db = db;
    this.who = who;
    this.now = now;
    this.revision = revision;
  }

  touch(tenant: string): void {
    this.touched.add(tenant);
  }

  async history(kind: ObjectKind, id: string, tenant: string | null, action: string, body: unknown): Promise<void> {
    const { actor, requestId: request_id } = this.who;
    const written = body === null ? null : JSON.stringify(body);
    await this.db
      .insertInto('history')
      .values({ kind, id, revision: this.revision, at: this.now, actor, request_id, action, tenant, body: written })
      .execute();
    this.note(kind, id, tenant, action, body);
  }

  note(kind: ChangeFact['kind'], id: string, tenant: string | null, action: string, body: unknown): void {
    this.#note({ kind, id, tenant, action, ...this.who, revision: this.revision, body });
  }

  async event(kind: string, tenant: string | null, objectId: string, body: unknown): Promise<void> {
    const event = { id: randomUUID(), kind, tenant, object_id: objectId, body: JSON.stringify(body), at: this.now };
    await this.db.insertInto('events').values(event).execute();
  }
}
