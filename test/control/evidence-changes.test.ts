import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { revokeToken } from '../../src/control/auth/tokens.ts';
import { Expiry } from '../../src/control/expiry.ts';
import { StoredUses } from '../../src/store/uses.ts';
import { Proof } from './evidence.ts';
import type { Told } from './journal.ts';
import { OVERRIDE, People, REQUEST, type Send } from './people.ts';

/** Whatever a change changes is on the disk, once each, before anybody is told that it is done. */
let proof: Proof;
let people: People;
const someone: Record<string, Send> = {};
beforeAll(async () => {
  proof = await Proof.open();
  people = await People.open({ journal: proof.log });
  for (const [role, name, tenant] of [
    ['admin', 'root', null],
    ['admin', 'alice', 'acme'],
    ['operator', 'otto', 'acme'],
    ['approver', 'bob', 'acme'],
    ['approver', 'carol', 'acme'],
  ] as const)
    someone[name] = await people.someone(role, name, tenant);
});
afterEach(() => void vi.useRealTimers());
afterAll(async () => {
  await people.close();
  await proof.close();
});

let requests = 0;

/** Sends it, and returns its answer and what is on the disk then; each entry names actor, request and revision. */
async function left(
  name: string,
  method: 'GET' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) {
  const requestId = `change-${++requests}`;
  const from = proof.log.size;
  const send = someone[name] as (...sent: unknown[]) => ReturnType<Send>;
  const answer = await send(method, path, body, { 'x-request-id': requestId, ...headers });
  expect(answer.status, answer.text).toBeLessThan(300);
  const entries = proof.told(from);
  const revision = await people.store.revision();
  for (const entry of entries)
    expect(entry).toMatchObject({ kind: 'control', actor: name, request_id: requestId, revision, outcome: 'done' });
  return { answer, entries, said: entries.map(said) };
}

/** What and of which object. */
function said({ action, object_id, tenant }: Told): string {
  return `${action} ${object_id} ${tenant}`;
}

describe('a change that is answered has left on the disk', () => {
  it('the policy that was made, changed, and deleted', async () => {
    const policy = { id: 'p-1', tenant_id: 'initech', primary_region: 'eu-west', name: 'ü "q" \u{1f30d}' };
    const made = await left('root', 'POST', '/policies', policy);
    expect(made.said).toEqual(['policy.created p-1 initech']);
    expect(made.entries[0], 'as it holds').toMatchObject({ object: 'policy', status: null, data: policy });
    const match = { 'if-match': made.answer.etag };
    const changed = await left('root', 'PUT', '/policies/p-1', { ...policy, name: 'other' }, match);
    expect(changed.said).toEqual(['policy.updated p-1 initech']);
    expect(changed.entries[0]).toMatchObject({ data: { name: 'other' } });
    const gone = await left('root', 'DELETE', '/policies/p-1', undefined, { 'if-match': changed.answer.etag });
    expect(gone.said).toEqual(['policy.deleted p-1 initech']);
  });

  it('the region', async () => {
    const region = { id: 'mars', name: 'Mars', cloud_region: 'mars-1', country: 'FR', endpoints: {} };
    const made = await left('root', 'POST', '/regions', region);
    expect(made.said).toEqual(['region.created mars ']);
    const endpoints = { storage: { url: 'http://127.0.0.1:9' } };
    const match = { 'if-match': made.answer.etag };
    expect((await left('root', 'PUT', '/regions/mars', { ...region, endpoints }, match)).said).toEqual([
      'region.updated mars ',
    ]);
    expect((await left('root', 'POST', '/regions/mars/activate')).said).toEqual(['region.activated mars ']);
    const drained = await left('root', 'POST', '/regions/mars/drain');
    expect(drained.said).toEqual(['region.drained mars ']);
    expect(drained.entries[0]).toMatchObject({ data: { id: 'mars', status: 'draining', entry: { country: 'FR' } } });
    expect((await left('root', 'POST', '/regions/mars/drain')).said, 'nothing has changed').toEqual([]);
    const gone = await left('root', 'DELETE', '/regions/mars', undefined, { 'if-match': '*' });
    expect(gone.said).toEqual(['region.deleted mars ']);
  });

  it('the class of a resource, and that a lower one is wanted', async () => {
    const record = { data_id: 'bucket/ö', classification_level: 'identity' };
    const made = await left('otto', 'POST', '/data/classify', record);
    expect(made.said).toEqual(['record.classified bucket/ö acme']);
    const lower = { ...record, classification_level: 'content', reason: 'no names in it' };
    const asked = await left('otto', 'POST', '/data/classify', lower);
    expect(asked.said).toEqual(['record.lowering_requested bucket/ö acme']);
    expect(asked.entries[0]).toMatchObject({ data: { classification: 'content', reason: 'no names in it' } });
  });

  it('the request, each word on it, the grant that came of it, and its end', async () => {
    const legal = { ...REQUEST, legal_basis: 'GDPR Art. 49(1)(d)', ticket: 'T-1', max_uses: 2 };
    const asked = await left('alice', 'POST', '/access/request', legal);
    const id = asked.answer.body.request_id;
    expect(asked.said).toEqual([`request.requested ${id} acme`]);
    expect(asked.entries[0]).toMatchObject({
      data: {
        requester: 'alice',
        user_id: 'alice',
        resource: 'invoices/*',
        verbs: ['access'],
        from_region: 'eu-west',
        to_region: 'us-east',
        legal_basis: 'GDPR Art. 49(1)(d)',
        ticket: 'T-1',
        reason: 'case 4711',
        status: 'pending',
      },
    });
    const yes = { request_id: id, approved: true, reason: 'checked with the customer' };
    const approved = await left('bob', 'POST', '/access/approve', yes);
    const grant = approved.answer.body.grant_id;
    expect(approved.said).toEqual([
      `approval.given ${id} acme`,
      `grant.granted ${grant} acme`,
      `request.approved ${id} acme`,
    ]);
    expect(approved.entries[0], 'why, and of exactly what').toMatchObject({
      data: { of: 'request', approved: true, reason: yes.reason, request_hash: asked.answer.body.request_hash },
    });
    expect(approved.entries[1]).toMatchObject({
      data: { request_id: id, approved_by: ['bob'], to_region: 'us-east', max_uses: 2, status: 'active' },
    });
    const window = approved.entries[1]!.data;
    expect(Date.parse(window.not_after) - Date.parse(window.not_before)).toBe(3_600_000);
    expect(approved.entries[2]).toMatchObject({ data: { grant_id: grant, status: 'approved' } });
    const revoked = await left('alice', 'POST', '/access/revoke', { grant_id: grant, reason: 'done' });
    expect(revoked.said).toEqual([`grant.revoked ${grant} acme`]);
    expect(revoked.entries[0]).toMatchObject({ data: { revoked_by: 'alice', revoke_reason: 'done' } });
  });

  it('the denial, with its reason', async () => {
    const { answer } = await left('alice', 'POST', '/access/request', REQUEST);
    const id = answer.body.request_id;
    const no = { request_id: id, approved: false, reason: 'not needed' };
    const denied = await left('bob', 'POST', '/access/approve', no);
    expect(denied.said).toEqual([`approval.denied ${id} acme`, `request.denied ${id} acme`]);
    expect(denied.entries[0]).toMatchObject({ data: { approved: false, reason: 'not needed' } });
  });

  it('the override, its approvals, its end and its review', async () => {
    const asked = await left('alice', 'POST', '/emergency/override', OVERRIDE);
    const id = asked.answer.body.override_id;
    const path = `/emergency/overrides/${id}`;
    expect(asked.said).toEqual([`override.requested ${id} acme`]);
    const once = await left('bob', 'POST', `${path}/approve`, { approved: true });
    expect(once.said, 'in force by two only').toEqual([`approval.given ${id} acme`, `override.approval ${id} acme`]);
    const twice = await left('carol', 'POST', `${path}/approve`, { approved: true });
    expect(twice.said).toEqual([`approval.given ${id} acme`, `override.approved ${id} acme`]);
    expect(twice.entries[1]).toMatchObject({
      data: { status: 'active', approved_by: ['bob', 'carol'], from_region: 'eu-west', to_region: 'us-west' },
    });
    expect((await left('alice', 'POST', `${path}/revoke`, { reason: 'over' })).said).toEqual([
      `override.revoked ${id} acme`,
    ]);
    const reviewed = await left('bob', 'POST', `${path}/review`, { outcome: 'all well' });
    expect(reviewed.said).toEqual([`override.reviewed ${id} acme`]);
    expect(reviewed.entries[0]).toMatchObject({ data: { reviewed_by: 'bob', review_outcome: 'all well' } });
  });

  it('nothing more when the same request comes again', async () => {
    const key = { 'idempotency-key': 'once' };
    expect((await left('alice', 'POST', '/access/request', REQUEST, key)).said).toHaveLength(1);
    expect((await left('alice', 'POST', '/access/request', REQUEST, key)).said).toEqual([]);
  });
});

describe('what goes by itself leaves', () => {
  it('uses, their marks, and expiries, by domicile', async () => {
    const asked = await left('alice', 'POST', '/access/request', { ...REQUEST, max_uses: 1, duration_minutes: 30 });
    const { answer } = await left('bob', 'POST', '/access/approve', {
      request_id: asked.answer.body.request_id,
      approved: true,
    });
    const id = answer.body.grant_id;
    const uses = new StoredUses(people.store);
    const ask = { id, maxUses: 0, notBefore: 0, notAfter: 0 };
    const taken = await proof.of(() => uses.take([ask]));
    expect(taken.map(said)).toEqual([`use.counted ${id} acme`]);
    expect(taken[0]).toMatchObject({ actor: 'domicile', revision: null, data: { uses: 1, made: 1 } });
    expect(await proof.of(() => uses.take([ask])), 'it is used up').toEqual([]);
    const added = await proof.of(() => uses.add([[id, 3]]));
    expect(added[0]).toMatchObject({ action: 'use.counted', data: { uses: 4, made: 3 } });

    const { store, settings, log } = people.rig.context;
    const expiry = new Expiry(store, settings.approvals, log);
    const marked = await proof.of(() => expiry.sweep());
    expect(marked.map(said)).toEqual([`grant.used ${id} acme`, `grant.exhausted ${id} acme`]);
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 31 * 60_000 });
    const expired = await proof.of(() => expiry.sweep());
    expect(expired.map(said)).toContain(`grant.expired ${id} acme`);
    for (const { actor, request_id } of [...marked, ...expired])
      expect({ actor, request_id }).toEqual({ actor: 'domicile', request_id: expect.stringMatching(/./) });
  });

  it('tokens that are made and revoked, without what proves anything', async () => {
    const made = await proof.of(() => people.rig.token('viewer', 'acme', 'ann'));
    expect(made.map(({ action, data }) => ({ action, data }))).toEqual([
      {
        action: 'token.created',
        data: { role: 'viewer', tenant_id: 'acme', subject: 'ann', expires_at: null, created_by: 'test' },
      },
    ]);
    const who = { actor: 'cli:ada', requestId: 'r-7' };
    const revoked = await proof.of(() => revokeToken(people.store, who, made[0]!.object_id));
    expect(revoked).toMatchObject([
      { action: 'token.revoked', object_id: made[0]!.object_id, actor: 'cli:ada', request_id: 'r-7' },
    ]);
  });
});
