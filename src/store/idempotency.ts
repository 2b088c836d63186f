import type { Change, Db } from './store.ts';

/** Milliseconds for which an answer is kept: 24 h. */
export const KEPT = 86_400_000;

/** One Idempotency-Key: each principal has its own on each path. */
interface Slot {
  readonly principal: string;
  readonly path: string;
  readonly key: string;
}

interface KeptAnswer {
  /** SHA-256 of the body of the request, hexadecimal. */
  readonly bodyHash: string;
  readonly status: number;
  /** JSON text. */
  readonly answer: string;
}

/** The answer that a request with this key got after `since` (milliseconds since the epoch), or null. */
export async function answerUnder(db: Db, { principal, path, key }: Slot, since: number): Promise<KeptAnswer | null> {
  const row = await db
    .selectFrom('idempotency')
    .select(['body_hash', 'status', 'answer'])
    .where('principal', '=', principal)
    .where('path', '=', path)
    .where('key', '=', key)
    .where('at', '>', since)
    .executeTakeFirst();
  return row === undefined ? null : { bodyHash: row.body_hash, status: row.status, answer: row.answer };
}

/** Keeps an answer together with the change that it tells of, and forgets those that are too old. */
export async function keepAnswer(change: Change, slot: Slot, { bodyHash, status, answer }: KeptAnswer): Promise<void> {
  await change.db
    .deleteFrom('idempotency')
    .where('at', '<=', change.now - KEPT)
    .execute();
  const set = { body_hash: bodyHash, status, answer, at: change.now };
  await change.db
    .insertInto('idempotency')
    .values({ ...slot, ...set })
    .onConflict((conflict) => conflict.columns(['principal', 'path', 'key']).doUpdateSet(set))
    .execute();
}
