import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import {
  CompiledQuery,
  Kysely,
  sql,
  SqliteDialect,
  SqliteDriver,
  type DatabaseConnection,
  type SqliteDatabase,
  type SqliteStatement,
} from 'kysely';
import { LRUCache } from 'lru-cache';
import { causeOf, type Database } from './database.ts';
import type { Tables } from './tables.ts';

/** Milliseconds for which a transaction waits while another process writes. */
const PATIENCE = 10_000;

/** Statements that each connection keeps prepared. */
const PREPARED = 200;

/**
 * SQLite in a file of its owner only. Two connections: one reads, and sees what is committed while the other has a
 * change under way.
 * @throws Error naming the file, when it cannot be opened or made
 */
export function openSqlite(path: string): Database {
  let writer: Sqlite.Database;
  let reader: Sqlite.Database;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600); // the journal files that SQLite makes beside it take its mode
    writer = connect(path);
    reader = connect(path);
  } catch (error) {
    throw new Error(`the store ${path} cannot be used: ${causeOf(error)}`, { cause: error });
  }
  reader.pragma('query_only = ON');
  // A wait inside SQLite would stop the whole process: `Driver` waits outside.
  writer.pragma('busy_timeout = 0');
  const reading = new Kysely<Tables>({ dialect: new SqliteDialect({ database: keeping(reader) }) });
  const writing = new Kysely<Tables>({ dialect: new WriterDialect({ database: keeping(writer) }) });
  return {
    kind: 'sqlite',
    at: path,
    reading,
    writing,
    clock: () => sql<number>`${Date.now()}`,
    lockSchema: () => Promise.resolve(), // BEGIN IMMEDIATE has done it
    announce: () => Promise.resolve(), // others poll
    hear: () => () => Promise.resolve(),
    close: async () => {
      // What has run no query yet, kysely does not close.
      await Promise.all([reading.destroy(), writing.destroy()]);
      reader.close();
      writer.close();
    },
  };
}

function connect(path: string): Sqlite.Database {
  const database = new Sqlite(path, { timeout: PATIENCE });
  const mode: unknown = database.pragma('journal_mode = WAL', { simple: true });
  if (mode !== 'wal') throw new Error('its file system has no shared memory: use a local disk');
  database.pragma('synchronous = FULL');
  database.pragma('foreign_keys = ON');
  return database;
}

/**
 * For kysely, which would prepare each statement for each time that it runs: most of what a short one costs. It runs one
 * to its end before it takes another, so none is ever in use twice; SQLite itself prepares anew what a changed schema asks
 * for.
 */
function keeping(database: Sqlite.Database): SqliteDatabase {
  const kept = new LRUCache<string, SqliteStatement>({ max: PREPARED, memoMethod: (text) => database.prepare(text) });
  return { prepare: (text) => kept.memo(text), close: () => database.close() };
}

class WriterDialect extends SqliteDialect {
  readonly #config: ConstructorParameters<typeof SqliteDialect>[0];

  constructor(config: ConstructorParameters<typeof SqliteDialect>[0]) {
    super(config);
    this.#config = config;
  }

  override createDriver(): SqliteDriver {
    return new WriterDriver(this.#config);
  }
}

class WriterDriver extends SqliteDriver {
  override async beginTransaction(connection: DatabaseConnection): Promise<void> {
    // Nothing here ever waits for the disk but in place: without this a burst of changes would hold up everything else.
    await setImmediate();
    const end = performance.now() + PATIENCE;
    for (;;) {
      try {
        await connection.executeQuery(CompiledQuery.raw('begin immediate'));
        return;
      } catch (error) {
        if (!isBusy(error) || performance.now() > end) throw error;
      }
      await sleep(1 + Math.random() * 9);
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY');
}
