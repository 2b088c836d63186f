import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';

/**
 * One process at a time has a log, or replaces the key. SQLite does the locking of the file, which the kernel lets go of
 * however the process ends. Needs a file system whose locks hold: a local disk.
 *
 * POSIX takes all locks of a file from a process that closes any handle of it: nothing in this process may open a lock
 * file but this.
 */
export class LogLock {
  readonly #database: Sqlite.Database;

  private constructor(database: Sqlite.Database) {
    this.#database = database;
  }

  /**
   * @param name of the log; `key`: of the key
   * @returns null where another has it
   * @throws Error in one line, when the lock cannot be had for any other reason
   */
  static take(state: string, name: string): LogLock | null {
    const folder = join(state, 'locks');
    const path = join(folder, `evidence-${name}`);
    let database: Sqlite.Database | null = null;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      database = new Sqlite(path, { timeout: 0 });
      database.pragma('locking_mode = EXCLUSIVE');
      database.exec('BEGIN EXCLUSIVE');
      return new LogLock(database);
    } catch (error) {
      database?.close();
      if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_BUSY')) return null;
      const why = (error as Error).message;
      throw new Error(`the lock ${path} cannot be taken: ${why}: let this user write there`, { cause: error });
    }
  }

  release(): void {
    this.#database.close();
  }
}
