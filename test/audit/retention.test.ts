import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { leafHash } from '../../src/audit/hash.ts';
import { Prunable, rangesOf, type DueBundle } from '../../src/audit/prunable.ts';
import { LogReader } from '../../src/audit/reader.ts';
import { keptUntil, type RetentionRules } from '../../src/audit/retention.ts';
import { inclusionProof, rootOfInclusion } from '../../src/audit/tree.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { scratch, WrittenLog } from './written-log.ts';

const DAY = 86_400_000;
const START = Date.parse('2026-01-01T00:00:00.000Z');
const at = (days: number) => new Date(START + days * DAY).toISOString();
const NO_RULES: RetentionRules = { days: null, classes: {}, hold: [] };

describe('how long an entry is kept', () => {
  const entry = { kind: 'decision', time: at(0), tenant: 'acme', classification: 'identity', retention_days: null };
  const days = (rules: Partial<RetentionRules>, fields: Record<string, unknown> = {}) =>
    (keptUntil({ ...entry, ...fields }, { ...NO_RULES, ...rules }, null) - START) / DAY;

  test.each<[string, Partial<RetentionRules>, Record<string, unknown>, number]>([
    ['for ever where nothing says how long', {}, {}, Infinity],
    ['as long as the policy said when it was decided', {}, { retention_days: 30 }, 30],
    ['as long as its class', { classes: { identity: 90, content: 5 } }, {}, 90],
    ['by default', { days: 10 }, {}, 10],
    ['for the longest of them: the policy’s', { days: 10, classes: { identity: 20 } }, { retention_days: 30 }, 30],
    ['for the longest of them: its class’s', { days: 10, classes: { identity: 40 } }, { retention_days: 30 }, 40],
    ['for the longest of them: the default', { days: 50, classes: { identity: 40 } }, { retention_days: 30 }, 50],
    ['for ever while its tenant is held', { days: 10, hold: ['acme'] }, {}, Infinity],
    ['as ever while another tenant is held', { days: 10, hold: ['acme-2'] }, {}, 10],
    ['for ever while all are held', { days: 10, hold: ['*'] }, { tenant: '' }, Infinity],
    ['for ever where it is of the control plane', { days: 10 }, { kind: 'control' }, Infinity],
    ['for ever where it is a key', { days: 10 }, { kind: 'key' }, Infinity],
    ['for ever where it is a gap', { days: 10 }, { kind: 'gap' }, Infinity],
    ['for ever where it is of a kind that is not known', { days: 10 }, { kind: 'dream' }, Infinity],
    ['for ever where nobody knows when it was', { days: 10 }, { time: 'soon' }, Infinity],
    ['as a question by the class that was asked about', { classes: { identity: 7 } }, { kind: 'query' }, 7],
  ])('%s', (_, rules, fields, expected) => {
    expect(days(rules, fields)).toBe(expected);
  });

  test('an outcome is kept as long as its decision, and goes where that is gone', () => {
    const outcome = { kind: 'outcome', time: at(1), tenant: 'acme', of: 7 };
    const rules = { ...NO_RULES, days: 3 };
    expect(keptUntil(outcome, rules, { ...entry, retention_days: 30 })).toBe(START + 30 * DAY);
    expect(keptUntil(outcome, rules, null)).toBe(START + DAY);
    expect(keptUntil(outcome, { ...rules, hold: ['acme'] }, null)).toBe(Infinity);
  });
});

/** Of a log: the bundles that may go on that day. */
function due(prunable: Prunable, log: WrittenLog, day: number, below = log.size): number[] {
  const found: DueBundle[] = [];
  for (let next: number | null = 0; next !== null;) next = prunable.scan(next, below, START + day * DAY, 1, found);
  return found.map(({ index }) => index);
}

/** A log whose first bundle has its key, and stays; what `fields` says is for the bundles from the second on. */
function logOf(...bundles: readonly ((place: number) => Record<string, unknown>)[]): WrittenLog {
  const log = new WrittenLog(scratch());
  log.fill(256, { time: at(0) });
  for (const fields of bundles) for (let i = 0; i < 256; i++) log.add({ time: at(0), ...fields(i) });
  log.commit();
  return log;
}

test('a bundle goes when the last of its entries may, of whatever class and tenant', () => {
  const log = logOf(
    (i) => ({ classification: i % 2 === 0 ? 'content' : 'identity' }),
    (i) => ({ classification: 'content', tenant: i === 255 ? 'globex' : 'acme' }),
    (i) => ({ classification: 'content', retention_days: i === 128 ? 60 : 10 }),
    (i) => (i === 255 ? { kind: 'control', tenant: '' } : {}),
  );
  const rules = { days: 1, classes: { content: 20, identity: 40 }, hold: ['globex'] };
  const prunable = new Prunable(log.folder, rules);
  expect(due(prunable, log, 19)).toEqual([]);
  expect(due(prunable, log, 30)).toEqual([]);
  expect(due(prunable, log, 40)).toEqual([1]);
  expect(due(prunable, log, 60)).toEqual([1, 3]);
  expect(due(prunable, log, 99_999)).toEqual([1, 3]);
  expect(due(new Prunable(log.folder, { ...rules, hold: [] }), log, 60)).toEqual([1, 2, 3]);
});

test('an outcome in a later bundle waits for the decision that it completes', () => {
  const log = logOf(
    (i) => ({ retention_days: i === 3 ? 50 : 5 }),
    (i) => (i === 200 ? { kind: 'outcome', of: 259 } : i === 10 ? { kind: 'outcome', of: 513 } : { retention_days: 5 }),
  );
  const prunable = new Prunable(log.folder, NO_RULES);
  expect(due(prunable, log, 49)).toEqual([]);
  expect(due(prunable, log, 50)).toEqual([1, 2]);
});

test('a clock that goes back keeps what it would have let go; what was written by a fast clock stays longer', () => {
  const log = logOf(
    () => ({ retention_days: 5 }),
    (i) => ({ retention_days: 5, time: at(i === 7 ? 100 : 0) }),
  );
  const prunable = new Prunable(log.folder, NO_RULES);
  expect(due(prunable, log, 6)).toEqual([1]);
  expect(due(prunable, log, 4)).toEqual([]);
  expect(due(prunable, log, 6)).toEqual([1]);
  expect(due(prunable, log, 105)).toEqual([1, 2]);
});

test('what is not covered, or not full, is not looked at', () => {
  const log = logOf(
    () => ({ retention_days: 5 }),
    () => ({ retention_days: 5 }),
  );
  const prunable = new Prunable(log.folder, NO_RULES);
  expect(due(prunable, log, 9, 511)).toEqual([]);
  expect(due(prunable, log, 9, 767)).toEqual([1]);
  expect(due(prunable, log, 9, 768)).toEqual([1, 2]);
});

test('of a young bundle only the first entry is read, and not again before its time', () => {
  const log = logOf(() => ({ retention_days: 5 }));
  const path = join(log.folder, 'tile/entries/001');
  const first = 2 + readFileSync(path).readUInt16BE(0);
  writeFileSync(path, readFileSync(path).subarray(0, first));
  const prunable = new Prunable(log.folder, NO_RULES);
  expect(due(prunable, log, 4)).toEqual([]);
  writeFileSync(path, ''); // nobody looks
  expect(due(prunable, log, 4.9)).toEqual([]);
  expect(() => due(prunable, log, 5)).toThrow('goes past the end of its bundle');
});

test('a log without its pruned bundles verifies, and proves each entry that remains', async () => {
  const log = logOf(
    () => ({ retention_days: 5 }),
    () => ({ retention_days: 5 }),
    () => ({ retention_days: 50 }),
    () => ({ retention_days: 5 }),
  );
  const found: DueBundle[] = [];
  new Prunable(log.folder, NO_RULES).scan(0, log.size, START + 6 * DAY, 100, found);
  expect(rangesOf(found)).toEqual([
    { from: 256, to: 768 },
    { from: 1024, to: 1280 },
  ]);
  for (const range of rangesOf(found)) await log.prune(range);
  expect(await verifyLog(log.folder)).toMatchObject({ size: 1282, pruned: 768, fault: null });

  const reader = LogReader.open(log.folder);
  const { size, root } = reader.checkpoint();
  const seqs = [...reader.entries()].map(({ seq }) => seq);
  expect(seqs.length).toBe(1282 - 768);
  for (const { seq, text } of reader.entries(760, 800)) {
    const proof = inclusionProof(seq, size, reader.hashes());
    expect(rootOfInclusion(seq, size, leafHash(Buffer.from(text)), proof)).toEqual(root);
  }
});
