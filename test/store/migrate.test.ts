import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrate, type Migration } from '../../src/store/migrate.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/open.ts';
import { Home, KINDS, type Place } from './homes.ts';
import { WHO } from './rows.ts';

/** What versions to come may do: a column, and from it an index. */
const LATER: readonly Migration[] = [
  async (db) => {
    await sql`alter table policies add column owner text not null default 'nobody'`.execute(db);
  },
  async (db) => {
    await sql`create index policies_by_owner on policies (owner)`.execute(db);
    await sql`update policies set owner = tenant`.execute(db);
  },
];

async function schemaOf(place: Place): Promise<string | undefined> {
  const database = await place.database();
  const row = await database.reading.selectFrom('meta').selectAll().where('key', '=', 'schema').executeTakeFirst();
  await database.close();
  return row?.value;
}

async function migrateTo(place: Place, migrations: readonly Migration[]): Promise<void> {
  const database = await place.database();
  try {
    await migrate(database, migrations);
  } finally {
    await database.close();
  }
}

describe.each(KINDS)('migrations in %s', (kind) => {
  let home: Home;
  beforeAll(async () => void (home = await Home.start(kind)));
  afterAll(() => home.stop());

  it('are applied once, however many start at the same time', async () => {
    const place = await home.place();
    const stores = await Promise.all(Array.from({ length: 4 }, () => place.store()));
    expect(await schemaOf(place)).toBe(String(MIGRATIONS.length));
    expect(await stores[0]?.revision()).toBe(0);
  });

  it.each(MIGRATIONS.map((_, i) => i + 1))(
    'bring a database of schema %i, with data in it, up to the next ones',
    async (from) => {
      const place = await home.place();
      await migrateTo(place, MIGRATIONS.slice(0, from));
      const old = await place.database();
      const row = { id: 'p', tenant: 'acme', body: '{}', revision: 1, created_at: 1, updated_at: 1 };
      await old.writing.insertInto('policies').values(row).execute();
      await old.close();

      const migrations = [...MIGRATIONS, ...LATER];
      await migrateTo(place, migrations);
      expect(await schemaOf(place)).toBe(String(migrations.length));
      const now = await place.database();
      expect(await now.reading.selectFrom('policies').selectAll().execute()).toEqual([{ ...row, owner: 'acme' }]);
      await now.close();
    },
  );

  it('undo one that fails, keep those before it, and go on from there', async () => {
    const place = await home.place();
    const broken: Migration = async (db) => {
      await sql`alter table policies add column half text`.execute(db);
      throw new Error('out of luck');
    };
    await expect(migrateTo(place, [...MIGRATIONS, ...LATER.slice(0, 1), broken])).rejects.toThrow('out of luck');
    expect(await schemaOf(place)).toBe(String(MIGRATIONS.length + 1));
    await migrateTo(place, [...MIGRATIONS, ...LATER]);
    expect(await schemaOf(place)).toBe(String(MIGRATIONS.length + 2));
  });

  it('refuse a newer schema, say what to do, and touch nothing', async () => {
    const place = await home.place();
    await migrateTo(place, [...MIGRATIONS, ...LATER]);
    const newer = MIGRATIONS.length + LATER.length;
    await expect(openStore({ url: place.url, folder: place.folder })).rejects.toThrow(
      new RegExp(`has schema ${newer}, this Domicile knows those up to ${MIGRATIONS.length}: start the version`),
    );
    expect(await schemaOf(place)).toBe(String(newer));
  });

  it('make tables in which a grant without its request, or a delivery without its event, cannot be', async () => {
    const store = await home.store();
    const orphan = store.change(WHO, ({ db }) =>
      db
        .insertInto('deliveries')
        .values({ event_id: 'none', url: 'http://x', attempts: 0, next_at: 0, delivered_at: null, last_error: null })
        .execute(),
    );
    await expect(orphan).rejects.toThrow(/foreign key/i);
  });
});
