import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerAccess, askAccess, revokeAccess } from '../../src/control/approval/access.ts';
import type { AccessAsk } from '../../src/control/approval/ask.ts';
import { answerOverride, askOverride } from '../../src/control/approval/override.ts';
import { Expiry } from '../../src/control/expiry.ts';
import { ApiError } from '../../src/control/problem.ts';
import {
  claimDeliveries,
  deliveryState,
  forgetEvents,
  planDeliveries,
  settleDelivery,
} from '../../src/store/events.ts';
import { grantById, listGrants } from '../../src/store/grants.ts';
import { overrideById } from '../../src/store/overrides.ts';
import { listRequests } from '../../src/store/requests.ts';
import type { Store } from '../../src/store/store.ts';
import { StoredUses } from '../../src/store/uses.ts';
import { Log } from '../../src/telemetry/log.ts';
import { ACCESS_ASK, OVERRIDE_ASK } from './people.ts';
import { SETTINGS } from './rig.ts';
import { Home, KINDS, type Place } from '../store/homes.ts';

const settings = SETTINGS.approvals;
const log = new Log({ level: 'fatal', destination: { write: () => {} } });
const who = (actor: string) => ({ actor, requestId: 'test' });
const approver = (subject: string) => ({ subject, role: 'approver', tenant: null, by: 'token' }) as const;
const always = () => Promise.resolve();
const yes = { approved: true, reason: '', hash: null };

describe.each(KINDS)('what people decide, in %s', (kind) => {
  let home: Home;
  let place: Place;
  let store: Store;
  /** A second replica. */
  let other: Store;
  beforeAll(async () => {
    home = await Home.start(kind);
    place = await home.place();
    store = await place.store();
    other = await place.store();
  });
  afterAll(() => home.stop());

  const ask = (more: Partial<AccessAsk> = {}, rules = settings) =>
    store.change(who('alice'), (change) => askAccess(change, { ...ACCESS_ASK, ...more }, rules));
  const approve = (at: Store, id: string, by: string, rules = settings) =>
    at.change(who(by), (change) => answerAccess(change, approver(by), id, yes, rules, always));
  const eventsOf = async (id: string) => {
    const rows = await store.db.selectFrom('events').select('kind').where('object_id', '=', id).orderBy('at').execute();
    return rows.map((row) => row.kind).sort();
  };
  /** As if so much time had gone by for these. */
  const age = (table: 'requests' | 'grants' | 'overrides', id: string, field: string) =>
    store.change(who('test'), async ({ db, now }) => {
      await db
        .updateTable(table)
        .set({ [field]: now - 1 })
        .where('id', '=', id)
        .execute();
    });

  it('is decided once, when approvers at two replicas decide at once', async () => {
    const { row } = await ask();
    const answers = await Promise.allSettled(
      ['bob', 'carol', 'dave', 'erin'].map((by, i) => approve(i % 2 === 0 ? store : other, row.id, by)),
    );
    expect(answers.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const answer of answers) if (answer.status === 'rejected') expect(answer.reason).toBeInstanceOf(ApiError);
    const grants = await store.db.selectFrom('grants').selectAll().where('request_id', '=', row.id).execute();
    expect(grants).toHaveLength(1);
    expect(await eventsOf(row.id)).toEqual(['access.approved', 'access.requested']);
  });

  it('touches the tenant when a grant begins, when it is revoked and when it ends, and not before', async () => {
    const touched = async (after: number) => (await store.touchedSince(after))?.tenants;
    const { row } = await ask();
    const start = await store.revision();
    expect(await touched(row.revision - 1)).toEqual([]);
    const { row: approved } = await approve(store, row.id, 'bob');
    expect(await touched(start)).toEqual(['acme']);
    const granted = await store.revision();
    await store.change(who('bob'), (change) =>
      revokeAccess(change, approver('bob'), { grantId: approved.grant_id as string }, null, settings),
    );
    expect(await touched(granted)).toEqual(['acme']);
  });

  it('ends by itself once, though two replicas look at once', async () => {
    const pending = (await ask()).row;
    const granted = (await approve(store, (await ask({ maxUses: 1 })).row.id, 'bob')).row.grant_id as string;
    const override = await store.change(who('sre'), (change) => askOverride(change, OVERRIDE_ASK, settings));
    for (const by of ['bob', 'carol'])
      await store.change(who(by), (change) =>
        answerOverride(change, approver(by), override.row.id, yes, settings, always),
      );
    const uses = new StoredUses(store);
    const { taken } = await uses.take([{ id: granted, maxUses: 1, notBefore: 0, notAfter: Number.MAX_SAFE_INTEGER }]);
    expect(taken).toBe(true);
    await uses.add([[override.row.id, 1]]);
    await age('requests', pending.id, 'pending_until');
    await age('grants', granted, 'not_after');
    await age('overrides', override.row.id, 'not_after');
    const sweeps = [store, other, store, other].map((each) => new Expiry(each, settings, log).sweep());
    await Promise.all(sweeps);
    expect(await eventsOf(pending.id)).toEqual(['access.expired', 'access.requested']);
    expect(await eventsOf(granted)).toEqual(['grant.expired', 'grant.used', 'grant.used']);
    expect((await grantById(store.db, granted))?.state).toBe('expired');
    const events = (await eventsOf(override.row.id)).filter((each) => /used|expired/.test(each));
    expect(events).toEqual(['override.expired', 'override.used']);
    expect(await overrideById(store.db, override.row.id)).toMatchObject({
      state: 'expired',
      review_due_at: expect.any(Number),
    });
    await age('overrides', override.row.id, 'review_due_at');
    await Promise.all([store, other].map((each) => new Expiry(each, settings, log).sweep()));
    expect((await eventsOf(override.row.id)).filter((each) => each.includes('overdue'))).toHaveLength(1);
    const before = await store.revision();
    await new Expiry(store, settings, log).sweep();
    expect(await store.revision()).toBe(before);
  });

  it('is listed by age, a page after the other', async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.push((await ask({ tenantId: 'listed' })).row.id);
    const list = { tenant: 'listed', state: null, limit: 2 };
    const seen: string[] = [];
    for (let after: string | null = null; ;) {
      const rows: { readonly id: string }[] = await listRequests(store.db, { ...list, after });
      if (rows.length === 0) break;
      seen.push(...rows.map(({ id }) => id));
      after = seen.at(-1) as string;
    }
    expect(seen).toEqual(made);
    expect(await listGrants(store.db, { ...list, after: null })).toEqual([]);
  });

  it('is told to a webhook by one replica at a time, until it is taken', async () => {
    const url = 'https://hook.example/';
    await planDeliveries(store, { url, kinds: ['access.requested'] }, 0);
    await planDeliveries(other, { url, kinds: ['access.requested'] }, 0);
    const all = await store.db.selectFrom('events').selectAll().where('kind', '=', 'access.requested').execute();
    expect(await deliveryState(store.db, url, 0)).toEqual({ delivered: 0, waiting: all.length, lastError: null });
    const claims = await Promise.all(
      [store, other, store, other].map((each) => claimDeliveries(each, url, { since: 0, lease: 60_000, limit: 1000 })),
    );
    const claimed = claims.flat();
    expect(claimed.map(({ event }) => event.id).sort()).toEqual(all.map(({ id }) => id).sort());
    const [first, second, ...rest] = claimed;
    await settleDelivery(store, first!, { delivered: true });
    await settleDelivery(other, second!, { delivered: false, error: 'answered 500', retryIn: 0 });
    for (const delivery of rest) await settleDelivery(store, delivery, { delivered: true });
    expect(await deliveryState(store.db, url, 0)).toEqual({
      delivered: all.length - 1,
      waiting: 1,
      lastError: 'answered 500',
    });
    const again = await claimDeliveries(other, url, { since: 0, lease: 60_000, limit: 1000 });
    expect(again).toMatchObject([{ attempts: 2, event: { id: second!.event.id } }]);
    await forgetEvents(store, (await store.now()) + 1);
    expect(await store.db.selectFrom('events').select('id').execute()).toEqual([]);
    expect(await store.db.selectFrom('deliveries').select('url').execute()).toEqual([]);
  });
});
