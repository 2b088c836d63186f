import { setImmediate } from 'node:timers/promises';
import type { Transaction } from 'kysely';
import type { Db, Note, Store } from './store.ts';
import type { Tables } from './tables.ts';
import type { ChangeFact } from './witness.ts';

/** A grant that a request is about to use. What the store has of a grant goes before what is said here. */
export interface UseAsked {
  readonly id: string;
  /** Left out: the store knows it, if anybody does. */
  readonly tenantId?: string;
  /** Null: without limit, and then the use is not counted here. */
  readonly maxUses: number | null;
  /** Milliseconds since the epoch: `notBefore ≤ now < notAfter`. */
  readonly notBefore: number;
  readonly notAfter: number;
}

export interface UsesTaken {
  readonly taken: boolean;
  /** Uses of every grant asked for that has a limit, after it. */
  readonly counts: readonly (readonly [id: string, uses: number])[];
}

/** Uses made of something since they were last told. */
export type UsesMade = readonly (readonly [id: string, uses: number])[];

interface Waiting {
  readonly asked: readonly UseAsked[];
  readonly resolve: (taken: UsesTaken) => void;
  readonly reject: (error: unknown) => void;
}

/** Takings that share a transaction, and so a write to the disk. */
const GROUP = 500;

/** Ids in one statement. */
const IDS = 5000;

/** Uses of grants and overrides, counted durably and never given back. */
export class StoredUses {
  readonly #store: Store;
  #waiting: Waiting[] = [];
  #running = false;

  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Uses all of these grants once, or none where one is not active, not in its window by the store's clock, or used up.
   * Resolves once it is durable. Rejects when it may or may not have been counted: then nothing may be used.
   */
  take(asked: readonly UseAsked[]): Promise<UsesTaken> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ asked, resolve, reject });
      if (!this.#running) void this.#run();
    });
  }

  /** Counts uses that were made of what has no limit. */
  async add(made: UsesMade): Promise<void> {
    const sums = new Map<string, number>();
    for (const [id, uses] of made) sums.set(id, (sums.get(id) ?? 0) + uses);
    const rows = inOrder([...sums]);
    for (let i = 0; i < rows.length; i += IDS)
      await this.#store.write(async (db, now, note) => {
        const values = rows.slice(i, i + IDS).map(([id, uses]) => ({ id, uses, last_at: now }));
        const counted = await db
          .insertInto('uses')
          .values(values)
          .onConflict((conflict) =>
            conflict.column('id').doUpdateSet(({ eb, ref }) => ({
              uses: eb('uses.uses', '+', ref('excluded.uses')),
              last_at: ref('excluded.last_at'),
            })),
          )
          .returning(['id', 'uses'])
          .execute();
        const tenants = await tenantsOf(
          db,
          values.map(({ id }) => id),
        );
        for (const { id, uses } of counted) note(useFact(id, tenants.get(id) ?? null, uses, sums.get(id) as number));
      });
  }

  /** Those of which there are any. */
  of(ids: readonly string[]): Promise<Map<string, number>> {
    return usesOf(this.#store.db, ids);
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      await setImmediate(); // what has come in at once goes together
      const group = this.#waiting.splice(0, GROUP);
      try {
        const answers = await this.#store.write((db, now, note) => takeAll(db, now, note, group));
        group.forEach(({ resolve }, i) => resolve(answers[i] as UsesTaken));
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#running = false;
  }
}

/** Uses made of these, by id; of none of which there are none. */
export async function usesOf(db: Db, ids: readonly string[]): Promise<Map<string, number>> {
  const uses = new Map<string, number>();
  for (let i = 0; i < ids.length; i += IDS) {
    const rows = await db
      .selectFrom('uses')
      .select(['id', 'uses'])
      .where('id', 'in', ids.slice(i, i + IDS))
      .where('uses', '>', 0)
      .execute();
    for (const row of rows) uses.set(row.id, row.uses);
  }
  return uses;
}

/** One after the other, each all or none. */
async function takeAll(
  db: Transaction<Tables>,
  now: number,
  note: Note,
  group: readonly Waiting[],
): Promise<UsesTaken[]> {
  const ids = new Set(group.flatMap(({ asked }) => asked.map(({ id }) => id)));
  if (ids.size === 0) return group.map(() => ({ taken: true, counts: [] }));
  const counts = await lockUses(db, ids, now);
  const before = new Map(counts);
  const grants = await db
    .selectFrom('grants')
    .select(['id', 'tenant', 'state', 'not_before', 'not_after', 'max_uses'])
    .where('id', 'in', [...ids])
    .execute();
  const stored = new Map(grants.map((grant) => [grant.id, grant]));
  const givenTenants = new Map(group.flatMap(({ asked }) => asked.map(({ id, tenantId }) => [id, tenantId] as const)));

  const answers = group.map(({ asked }): UsesTaken => {
    const wanted = new Map<string, number>();
    const limits = new Map<string, number>();
    let taken = true;
    for (const given of asked) {
      const grant = stored.get(given.id);
      const { not_before, not_after, max_uses } = grant ?? {
        not_before: given.notBefore,
        not_after: given.notAfter,
        max_uses: given.maxUses,
      };
      if ((grant && grant.state !== 'active') || now < not_before || not_after <= now) taken = false;
      if (max_uses === null) continue;
      limits.set(given.id, max_uses);
      wanted.set(given.id, (wanted.get(given.id) ?? 0) + 1);
    }
    for (const [id, uses] of wanted) if (countOf(counts, id) + uses > (limits.get(id) as number)) taken = false;
    if (taken) for (const [id, uses] of wanted) counts.set(id, countOf(counts, id) + uses);
    return { taken, counts: Array.from(wanted.keys(), (id) => [id, countOf(counts, id)] as const) };
  });

  for (const [id, uses] of counts) {
    const made = uses - countOf(before, id);
    if (made === 0) continue;
    await db.updateTable('uses').set({ uses, last_at: now }).where('id', '=', id).execute();
    note(useFact(id, stored.get(id)?.tenant ?? givenTenants.get(id) ?? null, uses, made));
  }
  return answers;
}

/** Their counts, which until the end of the transaction nobody else changes. */
async function lockUses(db: Transaction<Tables>, ids: ReadonlySet<string>, now: number): Promise<Map<string, number>> {
  // Everybody locks in the same order, so that no two wait for each other.
  const values = inOrder(Array.from(ids, (id) => [id] as const)).map(([id]) => ({ id, uses: 0, last_at: now }));
  const rows = await db
    .insertInto('uses')
    .values(values)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(({ ref }) => ({ uses: ref('uses.uses') })))
    .returning(['id', 'uses'])
    .execute();
  return new Map(rows.map(({ id, uses }) => [id, uses]));
}

/** Of grants and overrides that the store has. */
async function tenantsOf(db: Db, ids: readonly string[]): Promise<Map<string, string>> {
  const rows = await db
    .selectFrom('grants')
    .select(['id', 'tenant'])
    .where('id', 'in', ids)
    .unionAll(db.selectFrom('overrides').select(['id', 'tenant']).where('id', 'in', ids))
    .execute();
  return new Map(rows.map(({ id, tenant }) => [id, tenant]));
}

/** @param uses all of them @param made those that came now */
function useFact(id: string, tenant: string | null, uses: number, made: number): ChangeFact {
  const by = { actor: 'domicile', requestId: '', revision: null };
  return { kind: 'use', id, tenant, action: 'counted', ...by, body: { uses, made } };
}

function countOf(counts: ReadonlyMap<string, number>, id: string): number {
  return counts.get(id) ?? 0;
}

function inOrder<T extends readonly [string, ...unknown[]]>(rows: readonly T[]): T[] {
  return rows.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
