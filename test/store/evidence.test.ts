import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  advanceEvidence,
  evidenceEntries,
  evidenceIsWhole,
  evidenceLogs,
  evidenceSpans,
  forgetEvidence,
  restartEvidence,
  type EvidenceEntryRow,
  type EvidenceFilter,
  type EvidenceLogRow,
  type EvidenceSpanRow,
} from '../../src/store/evidence.ts';
import type { Store } from '../../src/store/store.ts';
import { ALL } from '../control/audit-filter.ts';
import { Home, KINDS } from './homes.ts';

const LOG = 'domicile/s1/1';

function entry(seq: number, fields: Partial<EvidenceEntryRow> = {}): EvidenceEntryRow {
  return {
    log: LOG,
    seq,
    tenant: 'acme',
    at: 1000 + seq,
    kind: 'decision',
    effect: 'deny',
    reason: 'region_not_allowed',
    classification: 'identity',
    to_region: 'us-east',
    from_region: 'eu-west',
    user: 'ann',
    subject: 's-1',
    request_id: `r-${seq}`,
    violation: 1,
    crossing: 0,
    body: `{"seq":${seq}}`,
    ...fields,
  };
}

function span(fields: Partial<EvidenceSpanRow> = {}): EvidenceSpanRow {
  return { log: LOG, span: 0, tenant: 'acme', first_at: 1000, last_at: 2000, entries: 1, ...fields };
}

describe.each(KINDS)('the index of evidence in %s', (kind) => {
  let home: Home;
  let store: Store;
  beforeAll(async () => void (home = await Home.start(kind)));
  afterAll(() => home.stop());
  beforeEach(async () => void (store = await home.store()));

  const logRow = async (origin = LOG) =>
    (await evidenceLogs(store.db)).find((row) => row.origin === origin) as EvidenceLogRow;

  async function begun(): Promise<EvidenceLogRow> {
    await restartEvidence(store, LOG, 'empty', null);
    return logRow();
  }

  const seqs = async (asked: Partial<Parameters<typeof evidenceEntries>[1]> = {}) => {
    const rows = await evidenceEntries(store.db, {
      filter: ALL,
      view: null,
      logs: null,
      after: null,
      limit: 100,
      ...asked,
    });
    return rows.map(({ seq }) => seq);
  };

  it('advances once from each size, whoever reads on, and adds to spans that it has', async () => {
    const row = await begun();
    expect(row).toEqual({ origin: LOG, size: 0, root: 'empty', counted: 0, kept: 0, problem: null });
    const read = { size: 3, root: 'three', spans: [span({ entries: 3 })], entries: [entry(0), entry(2)] };
    expect(await advanceEvidence(store, row, read)).toBe(true);
    expect(await advanceEvidence(store, row, read), 'not twice from the same size').toBe(false);
    const after = await logRow();
    expect(after).toMatchObject({ size: 3, root: 'three', counted: 3, kept: 2 });
    const more = { size: 5, root: 'five', spans: [span({ first_at: 900, last_at: 1500, entries: 2 })], entries: [] };
    expect(await advanceEvidence(store, after, more)).toBe(true);
    const asked = { tenant: 'acme', logs: [LOG], from: 0, to: 1e15, after: null, limit: 10 };
    expect(await evidenceSpans(store.db, asked)).toEqual([span({ first_at: 900, last_at: 2000, entries: 5 })]);
    expect(await seqs()).toEqual([2, 0]);
    expect(await evidenceIsWhole(store.db, await logRow())).toBe(true);
  });

  it('knows when rows of either table are lost', async () => {
    const read = { size: 2, root: 'two', spans: [span({ entries: 2 })], entries: [entry(0), entry(1)] };
    await advanceEvidence(store, await begun(), read);
    await store.write(async (db) => void (await db.deleteFrom('evidence_entries').where('seq', '=', 1).execute()));
    expect(await evidenceIsWhole(store.db, await logRow()), 'an entry').toBe(false);
    await restartEvidence(store, LOG, 'empty', null);
    await advanceEvidence(store, await logRow(), read);
    await store.write(async (db) => void (await db.deleteFrom('evidence_spans').execute()));
    expect(await evidenceIsWhole(store.db, await logRow()), 'a span').toBe(false);
  });

  it('begins a log anew with nothing left of it, leaves the others, and remembers what was wrong with it', async () => {
    const other = { ...entry(0), log: 'domicile/s1/2' };
    await restartEvidence(store, other.log, 'empty', null);
    await advanceEvidence(store, await logRow(other.log), { size: 1, root: 'o', spans: [], entries: [other] });
    const entries = Array.from({ length: 2500 }, (_, seq) => entry(seq));
    await advanceEvidence(store, await begun(), { size: 2500, root: 'x', spans: [span({ entries: 2500 })], entries });
    await Promise.all([
      restartEvidence(store, LOG, 'empty', 'it was rewritten'),
      restartEvidence(store, LOG, 'empty', 'it was rewritten'),
    ]);
    expect(await logRow()).toEqual({
      origin: LOG,
      size: 0,
      root: 'empty',
      counted: 0,
      kept: 0,
      problem: 'it was rewritten',
    });
    expect(await seqs({ logs: [LOG] })).toEqual([]);
    expect(await seqs({ logs: [other.log] })).toEqual([0]);
    await restartEvidence(store, LOG, 'empty', null);
    expect((await logRow()).problem, 'a loss of rows does not make it good').toBe('it was rewritten');
  });

  it('nobody adds to a log that is being forgotten', async () => {
    const row = await begun();
    await store.write(async (db) => void (await db.updateTable('evidence_logs').set({ size: -1 }).execute()));
    expect(await advanceEvidence(store, row, { size: 1, root: 'a', spans: [], entries: [entry(0)] })).toBe(false);
    expect(await seqs()).toEqual([]);
  });

  it('finds entries by every filter, in order of time, log and place, and from any place on', async () => {
    const entries = [
      entry(0, { at: 5 }),
      entry(1, { at: 5, user: 'ben', violation: 0, crossing: 1, effect: 'allow', reason: 'grant' }),
      entry(2, { at: 3, tenant: 'other', subject: 's-2', kind: 'control', classification: null }),
      entry(3, { at: 9, to_region: 'ap-south', from_region: 'us-west' }),
    ];
    await advanceEvidence(store, await begun(), { size: 4, root: 'r', spans: [], entries });
    expect(await seqs()).toEqual([3, 1, 0, 2]);
    expect(await seqs({ order: 'oldest' })).toEqual([2, 0, 1, 3]);
    expect(await seqs({ after: { at: 5, log: LOG, seq: 1 } })).toEqual([0, 2]);
    expect(await seqs({ order: 'oldest', after: { at: 5, log: LOG, seq: 0 } })).toEqual([1, 3]);
    expect(await seqs({ limit: 2 })).toEqual([3, 1]);
    expect(await seqs({ view: 'violation' })).toEqual([3, 0, 2]);
    expect(await seqs({ view: 'crossing' })).toEqual([1]);
    const by = (filter: Partial<EvidenceFilter>) => seqs({ filter: { ...ALL, ...filter } });
    expect(await by({ tenant: 'other' })).toEqual([2]);
    expect(await by({ from: 5, to: 9 })).toEqual([1, 0]);
    expect(await by({ user: 'ben' })).toEqual([1]);
    expect(await by({ subject: 's-2' })).toEqual([2]);
    expect(await by({ reason: 'grant' })).toEqual([1]);
    expect(await by({ effect: 'allow' })).toEqual([1]);
    expect(await by({ kind: 'control' })).toEqual([2]);
    expect(await by({ classification: 'identity' })).toEqual([3, 1, 0]);
    expect(await by({ region: 'us-west' }), 'from there').toEqual([3]);
    expect(await by({ region: 'ap-south' }), 'to there').toEqual([3]);
  });

  it('finds the spans of a tenant that overlap a time, the newest first', async () => {
    const spans = [
      span({ span: 0, first_at: 10, last_at: 20 }),
      span({ span: 1, first_at: 15, last_at: 40 }),
      span({ span: 2, first_at: 30, last_at: 30, tenant: 'other' }),
      span({ span: 3, first_at: 30, last_at: 40 }),
    ];
    await advanceEvidence(store, await begun(), { size: 4, root: 'r', spans, entries: [] });
    const numbers = async (more: object = {}) => {
      const asked = { tenant: 'acme', logs: [LOG], from: 0, to: 100, after: null, limit: 10, ...more };
      return (await evidenceSpans(store.db, asked)).map((each) => each.span);
    };
    expect(await numbers()).toEqual([3, 1, 0]);
    expect(await numbers({ from: 21 })).toEqual([3, 1]);
    expect(await numbers({ to: 15 })).toEqual([0]);
    expect(await numbers({ after: spans[3] })).toEqual([1, 0]);
    expect(await numbers({ tenant: 'other' })).toEqual([2]);
    expect(await numbers({ logs: ['domicile/s9/1'] })).toEqual([]);
  });

  it('forgets what the log itself no longer has, and is whole without it', async () => {
    const entries = [0, 1, 2, 3].map((seq) => entry(seq));
    await advanceEvidence(store, await begun(), { size: 4, root: 'r', spans: [span({ entries: 4 })], entries });
    await forgetEvidence(store, LOG, 1, 3);
    await forgetEvidence(store, LOG, 1, 3);
    expect(await seqs()).toEqual([3, 0]);
    expect(await evidenceIsWhole(store.db, await logRow())).toBe(true);
  });

  // PostgreSQL plans by how many rows there are.
  if (kind !== 'postgres')
    it.each(['violation', 'crossing'] as const)(
      'lists each %s of a tenant by an index that has nothing else',
      async (view) => {
        const { rows } = await sql<{ detail: string }>`explain query plan
        select * from evidence_entries where at >= 0 and at < 9 and tenant = 'acme' and ${sql.ref(view)} = 1
        order by at desc, log desc, seq desc limit 10`.execute(store.db);
        expect(rows.map(({ detail }) => detail)).toEqual([
          expect.stringContaining(`USING INDEX evidence_${view}s_of (tenant=? AND at>? AND at<?)`),
        ]);
      },
    );
});
