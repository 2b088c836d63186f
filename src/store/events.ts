import type { Selectable } from 'kysely';
import type { Db, Store } from './store.ts';
import type { Tables } from './tables.ts';

export type EventRow = Selectable<Tables['events']>;

/** An event on its way to one webhook. */
export interface Delivery {
  readonly event: EventRow;
  readonly url: string;
  /** Made so far, this one included. */
  readonly attempts: number;
}

/** Which events a webhook is told of. */
export interface Subscription {
  readonly url: string;
  readonly kinds: readonly string[];
}

/** Writes down that a webhook is to be told of every event that it has not heard of, from `since` on. */
export async function planDeliveries(store: Store, { url, kinds }: Subscription, since: number): Promise<void> {
  const unplanned = (db: Db) =>
    db
      .selectFrom('events')
      .select('events.id')
      .where('events.at', '>', since)
      .where('events.kind', 'in', kinds)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('deliveries')
              .select('deliveries.event_id')
              .whereRef('deliveries.event_id', '=', 'events.id')
              .where('deliveries.url', '=', url),
          ),
        ),
      )
      .limit(1000)
      .execute();
  while ((await unplanned(store.db)).length > 0) {
    await store.write(async (db, now) => {
      const events = await unplanned(db);
      if (events.length === 0) return;
      const rows = events.map(({ id }) => ({ event_id: id, url, attempts: 0, next_at: now }));
      await db
        .insertInto('deliveries')
        .values(rows.map((row) => ({ ...row, delivered_at: null, last_error: null })))
        .onConflict((conflict) => conflict.columns(['event_id', 'url']).doNothing())
        .execute();
    });
  }
}

/**
 * Takes deliveries that are due, the oldest first, so that for `lease` milliseconds nobody else does.
 * @param since events before it are given up
 */
export async function claimDeliveries(
  store: Store,
  url: string,
  { since, lease, limit }: { readonly since: number; readonly lease: number; readonly limit: number },
): Promise<Delivery[]> {
  const due = (db: Db, now: number) =>
    db
      .selectFrom('deliveries')
      .innerJoin('events', 'events.id', 'deliveries.event_id')
      .selectAll('events')
      .select('deliveries.attempts')
      .where('deliveries.url', '=', url)
      .where('deliveries.delivered_at', 'is', null)
      .where('deliveries.next_at', '<=', now)
      .where('events.at', '>', since)
      .orderBy('deliveries.next_at')
      .limit(limit)
      .execute();
  if ((await due(store.db, await store.now())).length === 0) return [];
  return store.write(async (db, now) => {
    const claimed: Delivery[] = [];
    for (const { attempts, ...event } of await due(db, now)) {
      const { numUpdatedRows } = await db
        .updateTable('deliveries')
        .set({ attempts: attempts + 1, next_at: now + lease })
        .where('event_id', '=', event.id)
        .where('url', '=', url)
        .where('attempts', '=', attempts)
        .where('delivered_at', 'is', null)
        .executeTakeFirst();
      if (numUpdatedRows === 1n) claimed.push({ event, url, attempts: attempts + 1 });
    }
    return claimed;
  });
}

/** How an attempt ended. */
export type Outcome =
  | { readonly delivered: true }
  | { readonly delivered: false; readonly error: string; readonly retryIn: number };

/** Writes down how an attempt ended. @param outcome `retryIn` in milliseconds */
export async function settleDelivery(
  store: Store,
  { event, url, attempts }: Delivery,
  outcome: Outcome,
): Promise<void> {
  await store.write(async (db, now) => {
    await db
      .updateTable('deliveries')
      .set(
        outcome.delivered
          ? { delivered_at: now, last_error: null }
          : { next_at: now + outcome.retryIn, last_error: outcome.error },
      )
      .where('event_id', '=', event.id)
      .where('url', '=', url)
      .where('attempts', '=', attempts)
      .execute();
  });
}

/** Forgets events of before `since`, and their deliveries. */
export async function forgetEvents(store: Store, since: number): Promise<void> {
  const old = (db: Db) => db.selectFrom('events').select('id').where('at', '<', since).limit(1000);
  while ((await old(store.db).execute()).length > 0) {
    await store.write(async (db) => {
      const ids = (await old(db).execute()).map(({ id }) => id);
      if (ids.length === 0) return;
      await db.deleteFrom('deliveries').where('event_id', 'in', ids).execute();
      await db.deleteFrom('events').where('id', 'in', ids).execute();
    });
  }
}

/** How it stands with a webhook. */
export interface DeliveryState {
  readonly delivered: number;
  readonly waiting: number;
  /** Of the delivery that waits longest, or null. */
  readonly lastError: string | null;
}

/** @param since events before it are given up, and not counted as waiting */
export async function deliveryState(db: Db, url: string, since: number): Promise<DeliveryState> {
  const of = () =>
    db
      .selectFrom('deliveries')
      .innerJoin('events', 'events.id', 'deliveries.event_id')
      .where('deliveries.url', '=', url);
  const { count: delivered } = await of()
    .where('delivered_at', 'is not', null)
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  const waiting = () => of().where('delivered_at', 'is', null).where('events.at', '>', since);
  const { count } = await waiting()
    .select(({ fn }) => fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  const oldest = await waiting()
    .where('last_error', 'is not', null)
    .orderBy('events.at')
    .select('last_error')
    .limit(1)
    .executeTakeFirst();
  return { delivered, waiting: count, lastError: oldest?.last_error ?? null };
}
