import { sql, type Transaction } from 'kysely';
import type { Database } from './database.ts';
import type { Tables } from './tables.ts';

/** Brings the tables from one schema to the next. Runs in a transaction, which holds off other migrations. */
export type Migration = (db: Transaction<Tables>, kind: Database['kind']) => Promise<void>;

/**
 * Applies what is missing, one transaction each. Safe when several processes start at once.
 * @param migrations in order: the first makes schema 1 of an empty database
 * @throws Error when the database has a newer schema than these make
 */
export async function migrate(database: Database, migrations: readonly Migration[]): Promise<void> {
  while (await step(database, migrations));
}

/** Whether there was one to apply. */
function step(database: Database, migrations: readonly Migration[]): Promise<boolean> {
  return database.writing.transaction().execute(async (db) => {
    await database.lockSchema(db);
    await sql`create table if not exists meta (key text not null primary key, value text not null)`.execute(db);
    const row = await db.selectFrom('meta').select('value').where('key', '=', 'schema').executeTakeFirst();
    const schema = Number(row?.value ?? 0);
    if (schema > migrations.length)
      throw new Error(
        `the store at ${database.at} has schema ${schema}, this Domicile knows those up to ${migrations.length}: ` +
          'start the version that wrote it, or a later one',
      );
    const migration = migrations[schema];
    if (migration === undefined) return false;
    await migration(db, database.kind);
    await db
      .insertInto('meta')
      .values({ key: 'schema', value: String(schema + 1) })
      .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: String(schema + 1) }))
      .execute();
    return true;
  });
}
