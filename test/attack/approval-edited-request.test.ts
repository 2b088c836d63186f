import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OVERRIDE, People, REQUEST, type Send } from '../control/people.ts';

/**
 * A harmless request is shown to the approvers and changed before the last of them says yes: there is no path that edits
 * one, so it is done in the database. An approval holds for the hash of what was asked for, and an edit voids it.
 */
describe('a request that is edited after it was shown', () => {
  let people: People;
  let alice: Send;
  let bob: Send;
  let carol: Send;
  beforeEach(async () => {
    people = await People.open({ approvals: { grantQuorum: 2 } });
    alice = await people.someone('admin', 'alice');
    bob = await people.someone('approver', 'bob');
    carol = await people.someone('approver', 'carol');
  });
  afterEach(() => people.close());

  async function edit(table: 'requests' | 'overrides', id: string, changes: object, hashed: boolean): Promise<void> {
    await people.store.change({ actor: 'mallory', requestId: 'sql' }, async ({ db }) => {
      const row = await db.selectFrom(table).select('body').where('id', '=', id).executeTakeFirstOrThrow();
      const body = JSON.stringify({ ...JSON.parse(row.body), ...changes });
      const hash = createHash('sha256').update(body).digest('hex');
      await db
        .updateTable(table)
        .set(hashed ? { body, hash } : { body })
        .where('id', '=', id)
        .execute();
    });
  }

  it('cannot be approved: its content is not what its hash says', async () => {
    const { body } = await alice('POST', '/access/request', REQUEST);
    const yes = { request_id: body.request_id, approved: true };
    await bob('POST', '/access/approve', yes);
    await edit('requests', body.request_id, { resource: null, durationMinutes: 9999 }, false);
    const answer = await carol('POST', '/access/approve', yes);
    expect(answer.status).toBe(409);
    expect(answer.body.detail).toContain('altered');
    expect((await alice('GET', '/access/grants')).body.items).toEqual([]);
  });

  it('loses the approvals that it had when its hash is changed too', async () => {
    const { body } = await alice('POST', '/access/request', REQUEST);
    const yes = { request_id: body.request_id, approved: true };
    await bob('POST', '/access/approve', yes);
    await edit('requests', body.request_id, { resource: null }, true);
    expect((await carol('POST', '/access/approve', yes)).body).toMatchObject({ status: 'pending', grant_id: null });
    expect((await bob('POST', '/access/approve', yes)).status).toBe(409);
  });

  it('is refused to an approver who says what they have looked at', async () => {
    const { body } = await alice('POST', '/access/request', REQUEST);
    const yes = { request_id: body.request_id, approved: true, request_hash: body.request_hash };
    await edit('requests', body.request_id, { resource: null }, true);
    const answer = await bob('POST', '/access/approve', yes);
    expect(answer.status).toBe(409);
    expect(answer.body.detail).toContain('not what you have looked at');
  });

  it('is no override either', async () => {
    const { body } = await alice('POST', '/emergency/override', { ...OVERRIDE, affected_learners: ['s1'] });
    const path = `/emergency/overrides/${body.override_id}/approve`;
    await bob('POST', path, { approved: true });
    await edit('overrides', body.override_id, { subjects: [], durationMs: 1e9 }, false);
    expect((await carol('POST', path, { approved: true })).status).toBe(409);
    expect((await alice('GET', `/emergency/overrides/${body.override_id}`)).body.status).toBe('pending');
  });
});
