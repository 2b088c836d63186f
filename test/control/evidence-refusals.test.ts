import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryJournal, type Told } from './journal.ts';
import { ACME, OVERRIDE, People, REQUEST, type Send } from './people.ts';

let journal: MemoryJournal;
let people: People;
let alice: Send;
beforeEach(async () => {
  journal = new MemoryJournal();
  people = await People.open({ journal });
  alice = await people.someone('requester', 'alice');
});
afterEach(() => people.close());

/** Entries that this leaves, all of them durable when it is answered. */
async function left(work: () => Promise<unknown>): Promise<Told[]> {
  const from = journal.texts.length;
  await work();
  expect(journal.size, 'it is answered once they are durable').toBe(journal.texts.length);
  return journal.told(from);
}

const headers = { 'x-request-id': 'r-9' };

describe('a refusal leaves', () => {
  it('the login that failed, whatever the method, and nothing of the token', async () => {
    const token = `dom_${'A'.repeat(43)}`;
    for (const method of ['GET', 'POST']) {
      const path = '/api/v1/policies?token=dom_secret';
      const entries = await left(() => people.rig.send(method, path, { token, headers }));
      expect(entries).toHaveLength(1);
      expect(entries[0]).toMatchObject({
        kind: 'control',
        request_id: 'r-9',
        tenant: '',
        actor: '',
        action: 'login.failed',
        object: 'login',
        object_id: null,
        revision: null,
        outcome: 'refused',
        status: 401,
        data: { method, path: '/api/v1/policies', address: '127.0.0.1' },
      });
      expect(JSON.stringify(entries)).not.toMatch(/dom_/);
    }
  });

  it('what somebody may not read', async () => {
    const entries = await left(() => alice('GET', '/sidecars', undefined, headers));
    expect(entries).toMatchObject([
      {
        actor: 'alice',
        tenant: 'acme',
        action: 'sidecar.refused',
        status: 403,
        data: { method: 'GET', path: '/api/v1/sidecars', role: 'requester', proof: expect.stringMatching(/^tok_/) },
      },
    ]);
  });

  it('what somebody may not write, by the object in the path', async () => {
    const token = await people.rig.token('viewer', 'acme', 'ann');
    const refused = await left(() => people.rig.send('DELETE', '/api/v1/policies/acme-eu', { token, headers }));
    expect(refused).toMatchObject([
      {
        request_id: 'r-9',
        tenant: 'acme',
        actor: 'ann',
        action: 'policy.refused',
        object: 'policy',
        object_id: 'acme-eu',
        outcome: 'refused',
        status: 403,
        detail: expect.stringContaining('the role viewer may not do this'),
        data: { method: 'DELETE', path: '/api/v1/policies/{policy_id}' },
      },
    ]);
  });

  it('every other change that is refused: what is wrong, unknown, in the way, or nobody’s own to decide', async () => {
    const bob = await people.someone('approver', 'bob');
    const root = await people.someone('admin', 'root');
    const mine = (await root('POST', '/access/request', REQUEST)).body.request_id;
    const approver = await people.someone('approver', 'root');
    const cases: [Send, string, unknown, number, string][] = [
      [alice, '/access/request', { to_region: 'us-east' }, 400, 'request.refused'],
      [bob, '/access/approve', { request_id: 'nothing', approved: true }, 404, 'request.refused'],
      [approver, '/access/approve', { request_id: mine, approved: true }, 403, 'request.refused'],
      [root, '/policies', ACME, 409, 'policy.refused'],
      [root, '/emergency/override', { ...OVERRIDE, target_region: 'eu-west' }, 422, 'override.refused'],
      [root, '/nothing/here', {}, 404, 'path.refused'],
      [root, '/access/grants', {}, 405, 'path.refused'],
    ];
    for (const [send, path, body, status, action] of cases) {
      const before = await people.store.revision();
      const entries = await left(async () => expect((await send('POST', path, body)).status).toBe(status));
      expect(entries, path).toMatchObject([{ action, status, outcome: 'refused' }]);
      expect(await people.store.revision()).toBe(before);
    }
  });

  it('a path that cannot be read', async () => {
    const entries = await left(() => people.rig.send('POST', '/api/v1/policies/%zz', { headers }));
    expect(entries).toMatchObject([
      { action: 'path.refused', request_id: 'r-9', status: 400, data: { unknown_path: '/api/v1/policies/%zz' } },
    ]);
  });

  it('nothing, where everybody may ask and nothing would change', async () => {
    const token = await people.rig.token('viewer', 'acme', 'ann');
    const entries = await left(async () => {
      for (const path of ['/health', '/docs/json', '/nothing', '/api/v1/policies/nothing', '/api/v1/policies'])
        await people.rig.send('GET', path, { token });
    });
    expect(entries).toEqual([]);
  });

  it('is short however long what was sent is', async () => {
    const path = `/api/v1/policies/${encodeURIComponent('\u{1f30d}'.repeat(1000))}`;
    const token = await people.rig.token('admin', 'acme', 'root');
    const [entry] = await left(() => people.rig.send('DELETE', path, { token, headers: { 'if-match': '*' } }));
    expect(entry).toMatchObject({ status: 404, object_id: expect.stringMatching(/ … sha256:[0-9a-f]{64}$/) });
  });
});

describe('a query leaves', () => {
  const FACTS = { data_classification: 'identity', subject_id: 's-1', resource_id: 'b/k' };

  it('what was resolved, for whom, and how', async () => {
    const from = journal.texts.length;
    const asked = { ...headers, 'x-user-id': 'uma' };
    await alice('POST', '/access/resolve?service=storage', { ...FACTS, requested_region: 'us-west' }, asked);
    const { time, ...entry } = journal.told(from)[0]!;
    expect(Date.parse(time)).toBeGreaterThan(0);
    expect(entry).toEqual({
      v: 1,
      kind: 'query',
      seq: from,
      sidecar: 'sidecar-1',
      request_id: 'r-9',
      tenant: 'acme',
      actor: 'alice',
      action: 'access.resolved',
      subject: 's-1',
      user: 'uma',
      classification: 'identity',
      verb: 'access',
      service: 'storage',
      resource: 'b/k',
      target_region: 'us-west',
      effect: 'deny',
      reason: 'region_prohibited',
      status: 200,
    });
    await alice('POST', '/access/resolve', { subject_id: 's-1' });
    expect(journal.told(from + 1)).toMatchObject([{ reason: 'classification_missing', classification: null }]);
  });

  it('what was presigned, before the URL is given away, and what was not, once', async () => {
    const object = { bucket: 'b', key: 'k', data_classification: 'identity' };
    const given = await left(async () => {
      expect((await alice('POST', '/storage/presign', object, headers)).status).toBe(200);
    });
    expect(given).toMatchObject([
      {
        kind: 'query',
        action: 'storage.presigned',
        request_id: 'r-9',
        resource: 'b/k',
        target_region: 'eu-west',
        effect: 'allow',
        reason: 'in_residency',
        status: 200,
      },
    ]);
    expect(JSON.stringify(given), 'not the URL, which whoever reads it could use').not.toContain('X-Amz');
    const denied = await left(async () => {
      const { status } = await alice('POST', '/storage/presign', { ...object, requested_region: 'us-west' });
      expect(status).toBe(403);
    });
    expect(denied).toMatchObject([{ kind: 'query', effect: 'deny', reason: 'region_prohibited', status: 403 }]);
  });
});

describe('with pseudonyms', () => {
  it('no entry names a subject or a resource', async () => {
    const hidden = new MemoryJournal();
    const pseudonyms = { key: 'k'.repeat(32), fields: ['subject', 'resource'] as const };
    await people.close();
    people = await People.open({ journal: hidden, pseudonyms });
    const root = await people.someone('admin', 'root');
    await root('POST', '/access/resolve', {
      data_classification: 'content',
      subject_id: 'sam',
      resource_id: 'bin/sam',
    });
    await root('POST', '/data/classify', { data_id: 'bin/sam', classification_level: 'content' });
    await root('POST', '/data/classify', { data_id: 'bin/sam', classification_level: 'analytical' });
    await people.someone('approver', 'bob');
    await root('POST', '/access/request', { ...REQUEST, subjects: ['sam'], resource: 'bin/sam' });
    await root('POST', '/policies', { tenant_id: 'acme', subject_id: 'sam', primary_region: 'eu-west' });
    const path = '/api/v1/data/bin%2Fsam/classification';
    await people.rig.send('GET', path);
    const token = await people.rig.token('admin', null, 'root');
    for (const each of [path, '/api/v1/data/sam', '/%zz/sam']) await people.rig.send('POST', each, { token });
    const actions = hidden.told().map(({ action }) => action);
    expect(actions).toEqual(expect.arrayContaining(['record.classified', 'record.refused', 'request.requested']));
    expect(actions).toEqual(expect.arrayContaining(['policy.created', 'login.failed', 'access.resolved']));
    expect(hidden.texts.filter((text) => text.includes('sam'))).toEqual([]);
    const records = hidden.told().filter(({ action }) => action.startsWith('record.'));
    expect(records.map(({ object_id }) => object_id)).toEqual([expect.stringMatching(/^hmac:/), null]);
  });
});
