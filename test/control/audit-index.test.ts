import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { evidenceFolder } from '../../src/audit/names.ts';
import { EvidenceIndex } from '../../src/control/evidence/evidence-index.ts';
import { HeadReader } from '../../src/control/evidence/head.ts';
import { evidenceEntries, evidenceLogs, evidenceSpans } from '../../src/store/evidence.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { Log } from '../../src/telemetry/log.ts';
import { WrittenLog } from '../audit/written-log.ts';
import { ALL } from './audit-filter.ts';

const PLAIN = { effect: 'allow', reason: 'in_residency', status: 200 };
const DENIED = { effect: 'deny', reason: 'region_not_allowed', status: 403 };

let folder: string;
let state: string;
let store: Store;
let lines: string[];
const open: EvidenceIndex[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'domicile-index-'));
  state = join(folder, 'state');
  store = await openStore({ url: null, folder: join(folder, 'store') });
  lines = [];
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((index) => index.close()));
  await store.close();
  rmSync(folder, { recursive: true });
});

function indexOf(collect: readonly string[] = [], of = state): EvidenceIndex {
  const log = new Log({ level: 'info', destination: { write: (line) => void lines.push(line) } });
  const index = new EvidenceIndex({ store, log, own: evidenceFolder(of), collect });
  open.push(index);
  return index;
}

const kept = async () => {
  const rows = await evidenceEntries(store.db, {
    filter: ALL,
    view: null,
    logs: null,
    order: 'oldest',
    after: null,
    limit: 5000,
  });
  return rows.sort((a, b) => (a.log === b.log ? a.seq - b.seq : a.log < b.log ? -1 : 1));
};
const counted = async (tenant: string) => {
  const logs = (await evidenceLogs(store.db)).map(({ origin }) => origin);
  const spans = await evidenceSpans(store.db, { tenant, logs, from: 0, to: 1e15, after: null, limit: 1000 });
  return spans.reduce((sum, { entries }) => sum + entries, 0);
};

describe('the index', () => {
  it('keeps what people look for whole, counts the rest by tenant, and reads on from where it was', async () => {
    const log = new WrittenLog(state);
    const index = indexOf();
    for (let i = 0; i < 3000; i++)
      log.add({ ...(i % 100 === 0 ? DENIED : PLAIN), tenant: i % 3 === 0 ? 'acme' : 'other' });
    log.commit();
    await index.look();
    expect(await kept(), 'thirty denials, and the entry of the key').toHaveLength(31);
    expect(await counted('acme')).toBe(1000);
    expect(await counted('other')).toBe(2000);
    log.fill(6000, PLAIN);
    log.add({ effect: 'allow', reason: 'in_residency', mode: 'strict', grant: 'g1' });
    log.commit();
    await index.look();
    expect((await kept()).at(-1), 'a grant was used beside: the reason does not say so').toMatchObject({
      seq: 6000,
      crossing: 1,
    });
    expect(await kept()).toHaveLength(32);
    expect(await counted('acme')).toBe(1000 + 2999 + 1);
    expect(await evidenceLogs(store.db)).toEqual([
      expect.objectContaining({ origin: 'domicile/s1/1', size: 6001, counted: 6001, kept: 32, problem: null }),
    ]);
    expect(lines).toEqual([]);
  });

  it('takes its time over a flood of refusals, until somebody asks: then all of it is there', async () => {
    const log = new WrittenLog(state);
    const index = indexOf();
    log.fill(10_000, DENIED);
    log.commit();
    index.start();
    await expect.poll(async () => (await evidenceLogs(store.db))[0]?.kept).toBeGreaterThan(0);
    expect(index.behind).toEqual(['domicile/s1/1']);
    expect((await evidenceLogs(store.db))[0]?.kept, 'requests come first').toBeLessThan(5000);
    await index.look();
    expect((await evidenceLogs(store.db))[0]).toMatchObject({ size: 10_000, kept: 10_000 });
    expect(index.behind).toEqual([]);
  });

  it('has each entry once, also when two follow the same log at once', async () => {
    const log = new WrittenLog(state);
    for (let i = 0; i < 2000; i++) log.add(i % 2 === 0 ? DENIED : PLAIN);
    log.commit();
    await Promise.all([indexOf().look(), indexOf().look(), indexOf().look()]);
    expect((await kept()).map(({ seq }) => seq)).toEqual([0, ...Array.from({ length: 1000 }, (_, i) => 2 * i + 1)]);
    expect(await counted('acme')).toBe(2000);
  });

  it.each(['evidence_logs', 'evidence_spans', 'evidence_entries'] as const)(
    'is made anew when %s is lost',
    async (table) => {
      const log = new WrittenLog(state);
      for (let i = 0; i < 500; i++) log.add(i % 5 === 0 ? DENIED : PLAIN);
      log.commit();
      await indexOf().look();
      const before = await kept();
      await store.write(async (db) => void (await db.deleteFrom(table).execute()));
      await indexOf().look();
      expect(await kept()).toEqual(before);
      expect(await counted('acme')).toBe(500);
    },
  );

  it('while it runs, it notices that all of it was lost', async () => {
    new WrittenLog(state).fill(50, DENIED);
    const index = indexOf();
    await index.look();
    await store.write(async (db) => {
      for (const table of ['evidence_logs', 'evidence_spans', 'evidence_entries'] as const)
        await db.deleteFrom(table).execute();
    });
    await index.look();
    expect(await kept()).toHaveLength(50);
  });

  it('reports a log that was put back to an older state, and reads it anew', async () => {
    const log = new WrittenLog(state);
    log.fill(20, DENIED);
    const older = join(folder, 'older');
    cpSync(state, older, { recursive: true });
    log.fill(300, DENIED);
    const index = indexOf();
    await index.look();
    rmSync(state, { recursive: true });
    cpSync(older, state, { recursive: true });
    await index.look();
    expect(await kept()).toHaveLength(20);
    const [found] = await index.contradictions();
    expect(found?.problem).toMatch(/had 300 entries and now has 20: it was put back to an older state/);
    expect(lines.join('')).toContain('"level":"error"');
    await indexOf().look();
    expect(await index.contradictions(), 'it stays known after a restart').toHaveLength(1);
  });

  it('reports a log that was rewritten, whatever its size, and reads it anew', async () => {
    new WrittenLog(state).fill(300, DENIED);
    const index = indexOf();
    await index.look();
    rmSync(state, { recursive: true });
    new WrittenLog(state).fill(400, PLAIN);
    await index.look();
    expect(await kept()).toHaveLength(1);
    const [found] = await index.contradictions();
    expect(found?.problem).toMatch(/no longer begins with the 300 entries that were read before: it was rewritten/);
  });

  it('takes a copy that lags behind for what it is', async () => {
    const elsewhere = join(folder, 'elsewhere');
    const log = new WrittenLog(elsewhere, { sidecar: 's2' });
    log.fill(100, DENIED);
    const copy = join(folder, 'copy');
    cpSync(log.folder, join(copy, 's2.1'), { recursive: true });
    log.fill(200, DENIED);
    await indexOf([], elsewhere).look();
    const index = indexOf([copy]);
    await index.look();
    expect(await kept()).toHaveLength(200);
    expect(await index.contradictions()).toEqual([]);
    expect(index.behind).toEqual([]);
  });

  it('tells once of a log that does not open, and takes it in when it does', async () => {
    const log = new WrittenLog(state);
    log.fill(10, DENIED);
    const checkpoint = join(log.folder, 'checkpoint');
    const whole = join(folder, 'whole');
    cpSync(checkpoint, whole);
    writeFileSync(checkpoint, 'nonsense');
    const index = indexOf();
    await index.look();
    await index.look();
    expect(index.failing).toEqual([{ log: log.folder, problem: expect.any(String) }]);
    expect(lines).toHaveLength(1);
    cpSync(whole, checkpoint);
    await index.look();
    expect(index.failing).toEqual([]);
    expect(await kept()).toHaveLength(10);
  });

  it('passes over an entry that is none, and says which', async () => {
    const log = new WrittenLog(state);
    log.add(DENIED);
    log.add({ kind: null });
    log.add(DENIED);
    log.commit();
    const index = indexOf();
    await index.look();
    expect((await kept()).map(({ seq }) => seq)).toEqual([0, 1, 3]);
    expect(index.failing[0]?.problem).toMatch(/entry 2 of domicile\/s1\/1 cannot be read/);
  });

  it('forgets what retention took out of the log', async () => {
    const log = new WrittenLog(state);
    log.fill(600, DENIED);
    await log.prune({ from: 256, to: 512 });
    await indexOf().look();
    const read = (await kept()).map(({ seq }) => seq);
    expect(read.filter((seq) => seq >= 256 && seq < 512)).toEqual([]);
    expect(read).toHaveLength(601 - 256);
  });

  it('forgets what it had read already, too', async () => {
    const log = new WrittenLog(state);
    log.fill(600, DENIED);
    await indexOf().look();
    await log.prune({ from: 256, to: 512 });
    const index = indexOf();
    await index.look();
    expect(await kept()).toHaveLength(601 - 256);
    await indexOf().look();
    expect(lines, 'nothing is lost').toEqual([]);
  });
});

describe('the beginning of an entry', () => {
  const text = (fields: object) =>
    JSON.stringify({
      v: 1,
      kind: 'decision',
      seq: 7,
      time: '2026-11-24T15:00:00.123Z',
      sidecar: 's1',
      request_id: 'r-1',
      tenant: 'acme',
      effect: 'allow',
      reason: 'in_residency',
      ...fields,
      bytes_in: 0,
    });
  function read(...entries: readonly string[]) {
    const head = new HeadReader();
    const frames = entries.map((entry) => {
      const frame = Buffer.alloc(2 + entry.length);
      frame.writeUInt16BE(entry.length);
      frame.write(entry, 2, 'latin1');
      return frame;
    });
    head.over(Buffer.concat(frames));
    const found = [];
    while (head.advance()) found.push(head.read() ? { at: head.at, tenant: head.tenant, plain: head.plain } : null);
    return found;
  }

  it('says whose it is, of when, and whether it stayed', () => {
    const at = Date.parse('2026-11-24T15:00:00.123Z');
    expect(read(text({}), text({ tenant: 'b' }), text({ time: '2026-12-01T00:00:00.000Z' }), text({}))).toEqual([
      { at, tenant: 'acme', plain: true },
      { at, tenant: 'b', plain: true },
      { at: Date.parse('2026-12-01'), tenant: 'acme', plain: true },
      { at, tenant: 'acme', plain: true },
    ]);
  });

  it.each([
    ['a denial', { effect: 'deny', reason: 'no_policy' }],
    ['a use of a grant beside', { mode: 'strict' }],
    ['a failover', { reason: 'failover' }],
    ['a control entry', { kind: 'control' }],
    ['a text that plays the keys', { effect: 'deny', subject: ',"effect":"allow","reason":"in_residency"' }],
  ])('calls %s no plain one', (_, fields) => {
    expect(read(text(fields))[0]?.plain ?? false).toBe(false);
    expect(read(text({}), text(fields))[1]?.plain ?? false, 'after a plain one').toBe(false);
  });

  it('is taken from the key, and not from a text that plays it', () => {
    const played = text({ sidecar: 's","tenant":"evil' });
    expect(read(played)[0]?.tenant).toBe('acme');
  });

  it.each([
    '{}',
    '',
    '{"v":1,"kind":"decision"}',
    text({ tenant: 'a"b' }),
    text({ time: 'yesterday, some time ago.' }),
  ])('is not guessed: %s', (entry) => {
    expect(read(entry)).toEqual([null]);
  });
});
