import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OVERRIDE, People, REQUEST, type Send } from '../control/people.ts';

/**
 * Where two people must approve, one approver says yes twice: again, through a second token, or many times at once. Each
 * person counts once.
 */
describe('one approver in the place of two', () => {
  let people: People;
  let alice: Send;
  let bob: Send;
  beforeEach(async () => {
    people = await People.open({ approvals: { grantQuorum: 2 } });
    alice = await people.someone('admin', 'alice');
    bob = await people.someone('approver', 'bob');
    await people.someone('approver', 'carol');
  });
  afterEach(() => people.close());

  it('is refused a second word, also through another token, also the other way round', async () => {
    const { body } = await alice('POST', '/access/request', REQUEST);
    const yes = { request_id: body.request_id, approved: true };
    expect((await bob('POST', '/access/approve', yes)).body.status).toBe('pending');
    const other = await people.someone('approver', 'bob', null);
    for (const again of [bob, other]) expect((await again('POST', '/access/approve', yes)).status).toBe(409);
    expect((await bob('POST', '/access/approve', { ...yes, approved: false })).status).toBe(409);
    expect((await alice('GET', `/access/requests/${body.request_id}`)).body).toMatchObject({
      status: 'pending',
      approvals: [{ by: 'bob' }],
    });
  });

  it('is counted once however many of their approvals come at once', async () => {
    const { body } = await alice('POST', '/emergency/override', OVERRIDE);
    const path = `/emergency/overrides/${body.override_id}`;
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => bob('POST', `${path}/approve`, { approved: true })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array.from({ length: 7 }, () => 409)]);
    expect((await alice('GET', path)).body).toMatchObject({ status: 'pending', approvals: [{ by: 'bob' }] });
  });

  it('makes one grant only when two approvals complete it at once', async () => {
    const { body } = await alice('POST', '/access/request', REQUEST);
    const yes = { request_id: body.request_id, approved: true };
    const others = await Promise.all(['carol', 'dave', 'erin'].map((name) => people.someone('approver', name)));
    const answers = await Promise.all([bob, ...others].map((send) => send('POST', '/access/approve', yes)));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(2);
    expect((await alice('GET', '/access/grants')).body.items).toHaveLength(1);
  });
});
