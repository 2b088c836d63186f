import { join } from 'node:path';
import type { Database } from './database.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations.ts';
import { SQLITE_FILE } from './place.ts';
import { SqlStore } from './sql-store.ts';
import type { Store } from './store.ts';
import { NO_WITNESS, type Witness } from './witness.ts';

export interface StorePlace {
  /** `postgres://…`, or null for SQLite in `folder`. */
  readonly url: string | null;
  readonly folder: string;
  /** Who must know of every change before it is made. Default: nobody. */
  readonly witness?: Witness;
}

/**
 * Opens the store and brings its tables up to date.
 * @throws Error saying what cannot be opened and why; also when a newer Domicile has written it
 */
export async function openStore({ url, folder, witness = NO_WITNESS }: StorePlace): Promise<Store> {
  const database = await open(url, folder);
  try {
    await migrate(database, MIGRATIONS);
    return await SqlStore.over(database, witness);
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Of the two drivers only the one that is needed is loaded. */
async function open(url: string | null, folder: string): Promise<Database> {
  if (url !== null) return (await import('./postgres.ts')).openPostgres(url);
  return (await import('./sqlite.ts')).openSqlite(join(folder, SQLITE_FILE));
}
