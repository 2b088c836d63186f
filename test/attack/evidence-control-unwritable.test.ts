import { sql } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StoredUses } from '../../src/store/uses.ts';
import { MemoryJournal } from '../control/journal.ts';
import { People, REQUEST, type Send } from '../control/people.ts';

/**
 * Somebody fills the disk on which evidence is kept, or pulls it out, and then changes what holds while nothing can be
 * written of it. Nothing that leaves no evidence is done, shown, or told to a proxy.
 */
describe('while the evidence of the control plane cannot be written', () => {
  const POLICY = { id: 'p-1', tenant_id: 'initech', primary_region: 'eu-west' };
  let journal: MemoryJournal;
  let people: People;
  let root: Send;
  let tenants: Send;
  let told: number[];
  beforeEach(async () => {
    journal = new MemoryJournal();
    people = await People.open({ journal });
    root = await people.someone('admin', 'root', null);
    await people.someone('approver', 'bob', null);
    tenants = await people.someone('admin', 'ida', 'initech');
    told = [];
    people.store.onRevision((revision) => told.push(revision));
  });
  afterEach(() => people.close());

  /** Sends it while evidence fails: it is refused with the reason, and nothing has changed. */
  async function isNotDone(work: () => ReturnType<Send>, why = 'no space left'): Promise<void> {
    const revision = await people.store.revision();
    const { status, body, headers } = await work();
    expect({ status, reason: body.reason }).toEqual({ status: 503, reason: 'audit_unavailable' });
    expect(Number(headers['retry-after'])).toBeGreaterThan(0);
    expect(body.detail).toContain(why);
    expect(await people.store.revision()).toBe(revision);
    expect(await people.store.touchedSince(revision)).toEqual({ revision, tenants: [] });
    expect(told, 'no proxy hears of it').toEqual([]);
  }

  describe.each(['at once', 'only when it is flushed'])('which shows %s', (when) => {
    beforeEach(() => {
      if (when === 'at once') Object.assign(journal, { failing: 'no space left', hasRoom: false });
      else journal.sync = () => Promise.reject(new Error('no space left'));
    });

    it('no policy is made, changed or deleted, and what was there is what is shown', async () => {
      await isNotDone(() => root('POST', '/policies', POLICY));
      expect((await root('GET', '/policies/p-1')).status).toBe(404);
      Object.assign(journal, { failing: null, hasRoom: true, sync: () => Promise.resolve() });
      expect((await root('POST', '/policies', POLICY)).status, 'and can be, once it can be written').toBe(201);
    });

    it('and people of one tenant do not learn why: it names folders that all tenants share', async () => {
      await isNotDone(() => tenants('POST', '/policies', POLICY), 'see the log');
      await isNotDone(() => tenants('POST', '/policies', { nonsense: true }), 'see the log');
      expect((await tenants('POST', '/policies', POLICY)).text).not.toContain('no space left');
    });

    it('no request, no revocation, no use', async () => {
      await isNotDone(() => root('POST', '/access/request', { ...REQUEST, tenant_id: 'acme' }));
      await isNotDone(() =>
        root('POST', '/data/classify', { data_id: 'x', tenant_id: 'acme', classification_level: 'content' }),
      );
      const uses = new StoredUses(people.store);
      const inFile = { id: 'f1', maxUses: 5, notBefore: 0, notAfter: Number.MAX_SAFE_INTEGER };
      await expect(uses.take([inFile])).rejects.toThrow('no space left');
      expect((await uses.of(['f1'])).size).toBe(0);
      expect((await root('GET', '/access/requests')).body.items).toEqual([]);
    });

    it('no URL is given away, and no refusal told apart from any other', async () => {
      const object = { tenant_id: 'acme', bucket: 'b', key: 'k', data_classification: 'identity' };
      await isNotDone(() => root('POST', '/storage/presign', object));
      await isNotDone(() => root('POST', '/storage/presign', { ...object, requested_region: 'us-west' }));
      // Who is not known is not told why.
      const stranger = { token: `dom_${'A'.repeat(43)}` };
      await isNotDone(() => people.rig.send('GET', '/api/v1/policies', stranger), 'see the log');
      await isNotDone(() => root('POST', '/policies', { nonsense: true }));
      expect((await root('GET', '/policies')).status, 'what is read by those who may goes on').toBe(200);
      expect((await people.rig.send('GET', '/health')).status).toBe(200);
    });
  });

  it('says of what it had written down that it was not done, once it can', async () => {
    const from = journal.texts.length;
    journal.sync = () => Promise.reject(new Error('no space left'));
    await isNotDone(() => root('POST', '/policies', POLICY, { 'x-request-id': 'r-5' }));
    const [done, failed, ...more] = journal.told(from);
    const same = { action: 'policy.created', object_id: 'p-1', request_id: 'r-5', actor: 'root' };
    expect(done).toMatchObject({ ...same, outcome: 'done' });
    expect(failed).toMatchObject({ ...same, revision: done!.revision, outcome: 'failed' });
    expect(failed!.detail).toContain('not done');
    expect(more).toEqual([]);
  });

  it('counts what it could not say at all', async () => {
    Object.assign(journal, { failing: 'no space left', hasRoom: false });
    const from = journal.texts.length;
    await isNotDone(() => root('POST', '/policies', POLICY));
    await isNotDone(() => root('POST', '/policies', {}));
    expect(journal.refusals).toBe(2);
    expect(journal.texts.length, 'nothing more waits for the disk').toBe(from);
  });

  it('says so when it is the store that fails, after it has written that it is done', async () => {
    await people.store.write(async (db) => {
      await sql`create table parents (id text primary key)`.execute(db);
      await sql`create table children (parent text references parents (id) deferrable initially deferred)`.execute(db);
      await sql`create trigger doubt after insert on policies begin insert into children values ('nobody'); end`.execute(
        db,
      );
    });
    const from = journal.texts.length;
    const { status } = await root('POST', '/policies', POLICY, { 'x-request-id': 'r-6' });
    expect(status).toBe(500);
    const same = { action: 'policy.created', object_id: 'p-1', request_id: 'r-6' };
    expect(journal.told(from)).toMatchObject([
      { ...same, outcome: 'done' },
      { ...same, outcome: 'failed', detail: expect.stringContaining('did not confirm') },
      { action: 'policy.refused', request_id: 'r-6', status: 500 },
    ]);
    expect((await root('GET', '/policies/p-1')).status).toBe(404);
  });
});
