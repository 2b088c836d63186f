import { randomBytes } from 'node:crypto';
import type { Transaction } from 'kysely';
import type { Db, Store } from './store.ts';
import type { Tables } from './tables.ts';

/** A value that the control plane keeps under a key, or null. */
export async function metaValue(db: Db, key: string): Promise<string | null> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst();
  return row?.value ?? null;
}

export async function setMetaValue(db: Transaction<Tables>, key: string, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
}

/** 32 random bytes under a key, base64: made by the first that asks, whoever asks at once. */
export async function secretUnder(store: Store, key: string): Promise<string> {
  const kept = await metaValue(store.db, key);
  if (kept !== null) return kept;
  const made = randomBytes(32).toString('base64');
  return store.write(async (db) => {
    await db
      .insertInto('meta')
      .values({ key, value: made })
      .onConflict((conflict) => conflict.column('key').doNothing())
      .execute();
    return (await metaValue(db, key)) as string;
  });
}
