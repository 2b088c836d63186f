import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OVERRIDE, People, REQUEST, type Send } from '../control/people.ts';

/**
 * What was denied, revoked, used or let lapse is approved once more, by another approver, or by sending the same request
 * again. What is closed stays closed, and one request gives one grant.
 */
describe('approving what is closed', () => {
  let people: People;
  let alice: Send;
  let bob: Send;
  let carol: Send;
  beforeEach(async () => {
    people = await People.open({ approvals: { overrideQuorum: 1 } });
    alice = await people.someone('admin', 'alice');
    bob = await people.someone('approver', 'bob');
    carol = await people.someone('approver', 'carol');
  });
  afterEach(async () => {
    vi.useRealTimers();
    await people.close();
  });

  const closings: readonly [string, (id: string) => Promise<unknown>][] = [
    ['denied', (id) => bob('POST', '/access/approve', { request_id: id, approved: false })],
    ['approved', (id) => bob('POST', '/access/approve', { request_id: id, approved: true })],
    ['revoked', (id) => alice('POST', '/access/revoke', { request_id: id })],
    [
      'approved',
      async (id) => {
        await bob('POST', '/access/approve', { request_id: id, approved: true });
        await alice('POST', '/access/revoke', { request_id: id });
      },
    ],
    ['expired', async () => void vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3_600_001 })],
  ];

  it.each(closings)('a request that is %s', async (state, close) => {
    const { body } = await alice('POST', '/access/request', REQUEST);
    await close(body.request_id);
    const before = (await alice('GET', '/access/grants?status=active')).body.items;
    const answer = await carol('POST', '/access/approve', { request_id: body.request_id, approved: true });
    expect(answer.status).toBe(409);
    expect(answer.body.detail).toContain(state);
    expect((await alice('GET', '/access/grants?status=active')).body.items).toEqual(before);
  });

  it('by sending the very same approval again, with its key or without', async () => {
    const { body } = await alice('POST', '/access/request', REQUEST);
    const yes = { request_id: body.request_id, approved: true };
    const key = { 'idempotency-key': 'once' };
    const first = await bob('POST', '/access/approve', yes, key);
    const replayed = await bob('POST', '/access/approve', yes, key);
    expect(replayed.body).toEqual(first.body);
    expect((await bob('POST', '/access/approve', yes)).status).toBe(409);
    expect((await alice('GET', '/access/grants')).body.items).toHaveLength(1);
    await alice('POST', '/access/revoke', { grant_id: first.body.grant_id });
    await bob('POST', '/access/approve', yes, key);
    expect((await alice('GET', '/access/grants?status=active')).body.items).toEqual([]);
  });

  it('an override that is active, revoked or denied', async () => {
    const id = async () => (await alice('POST', '/emergency/override', OVERRIDE)).body.override_id;
    const answer = (send: Send, override: string, approved = true) =>
      send('POST', `/emergency/overrides/${override}/approve`, { approved });
    const [active, revoked, denied] = [await id(), await id(), await id()];
    await answer(bob, active);
    await alice('POST', `/emergency/overrides/${revoked}/revoke`, {});
    await answer(bob, denied, false);
    for (const override of [active, revoked, denied]) expect((await answer(carol, override)).status).toBe(409);
    expect((await answer(carol, active, false)).status).toBe(409);
    expect((await alice('GET', '/emergency/overrides?status=active')).body.items).toHaveLength(1);
  });
});
