import { countPolicies } from './policies.ts';
import type { Db } from './store.ts';

/** What the metrics tell of the store. */
export interface StoreCounts {
  readonly policies: number;
  /**
   * Overrides that ever came to each state; none of it ever falls. `pending`: all, for each awaits approval, also one that
   * is in force before it.
   */
  readonly overrides: Readonly<Record<'pending' | 'active' | 'denied' | 'revoked' | 'expired', number>>;
}

export async function storeCounts(db: Db): Promise<StoreCounts> {
  const overrides = { pending: 0, active: 0, denied: 0, revoked: 0, expired: 0 };
  // No row is ever taken out, `not_after` stays from when it comes into force, and three of the states are final. An index
  // has both columns, so that no row is read.
  const rows = await db
    .selectFrom('overrides')
    .select(({ fn }) => ['state', fn.countAll<number>().as('all'), fn.count<number>('not_after').as('activated')])
    .groupBy('state')
    .execute();
  for (const { state, all, activated } of rows) {
    overrides.pending += all;
    overrides.active += activated;
    if (state !== 'pending' && state !== 'active') overrides[state] = all;
  }
  return { policies: await countPolicies(db), overrides };
}
