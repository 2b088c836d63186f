import { expect, test } from 'vitest';
import { EntryMatcher, type EntryFilter } from '../../src/audit/filter.ts';
import { pseudonym } from '../../src/audit/pseudonym.ts';
import { query } from '../../src/audit/query.ts';
import { LogReader } from '../../src/audit/reader.ts';
import { decision, openLog, temporaryFolder, type TestLog } from './make-log.ts';

function seqs(logs: readonly TestLog[], filter: EntryFilter, reverse = false): number[] {
  const readers = logs.map(({ folder }) => LogReader.open(folder));
  return [...query(readers, new EntryMatcher(filter), { reverse })].map(({ seq }) => seq);
}

/** Adds a decision of a given time. */
function at(log: TestLog, time: string, requestId: string): void {
  const { kind, request_id: _id, tenant, ...rest } = decision();
  const head = { v: 1, kind, seq: log.next, time, sidecar: 'edge', request_id: requestId, tenant };
  log.addText(JSON.stringify({ ...head, ...rest }));
  log.writer.commit();
}

test('each filter finds what it says, in decisions, control and query entries', () => {
  const log = openLog(temporaryFolder());
  log.add(
    decision({
      subject: 'learner-1',
      user: 'ann',
      target_region: 'us-east',
      effect: 'deny',
      reason: 'region_prohibited',
    }),
    decision({ tenant: 'beta', subject: 'learner-10', resource: 'b/1,b/2', request_id: 'r-2' }),
    {
      kind: 'control',
      tenant: 'beta',
      actor: 'ann',
      action: 'grant.created',
      object: 'grant',
      object_id: 'g1',
      data: { subjects: ['learner-1', 'learner-2'], to_region: 'us-east', resource: 'b/*', reason: 'a case' },
    },
    { kind: 'query', tenant: 'acme', actor: 'bob', action: 'access.resolved', subject: 'learner-1', effect: 'allow' },
    decision({ tenant: 'b"e\\ta\u00e9', user: null, subject: 'ann' }),
  );
  const finds = (filter: EntryFilter) => seqs([log], filter);
  expect(finds({})).toEqual([0, 1, 2, 3, 4, 5]);
  expect(finds({ tenant: 'beta' })).toEqual([2, 3]);
  expect(finds({ tenant: 'b"e\\ta\u00e9' })).toEqual([5]);
  expect(finds({ subject: 'learner-1' })).toEqual([1, 3, 4]);
  expect(finds({ user: 'ann' })).toEqual([1, 3]);
  expect(finds({ resource: 'b/2' })).toEqual([2]);
  expect(finds({ resource: 'b/1,b/2' })).toEqual([2]);
  expect(finds({ resource: 'b/*' })).toEqual([3]);
  expect(finds({ region: 'us-east' })).toEqual([1, 3]);
  expect(finds({ effect: 'deny' })).toEqual([1]);
  expect(finds({ reason: 'region_prohibited' })).toEqual([1]);
  expect(finds({ reason: 'a case' })).toEqual([]);
  expect(finds({ kind: 'key' })).toEqual([0]);
  expect(finds({ requestId: 'r-2' })).toEqual([2]);
  expect(finds({ requestId: 'r' })).toEqual([]);
  expect(finds({ kind: 'decision', subject: 'learner-1', effect: 'allow' })).toEqual([]);
});

test('times are from, inclusive, to, exclusive; also where a clock went back', () => {
  const log = openLog(temporaryFolder());
  for (const minute of [1, 2, 3, 2, 4]) at(log, `2026-11-20T10:0${minute}:00.000Z`, `r-${minute}`);
  const between = (from?: string, to?: string) => seqs([log], { kind: 'decision', from, to });
  expect(between('2026-11-20T10:02:00.000Z', '2026-11-20T10:03:00.000Z')).toEqual([2, 4]);
  expect(between('2026-11-20T10:03:00.000Z')).toEqual([3, 5]);
  expect(between(undefined, '2026-11-20T10:02:00.000Z')).toEqual([1]);
  expect(between('2026-11-20T10:02:00.000Z', '2026-11-20T10:02:00.000Z')).toEqual([]);
});

test('what is found is found in every bundle, forwards and backwards, and nothing else is', () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(1000, (i) => ({ tenant: i % 97 === 0 ? 'rare' : 'acme', user: i % 2 === 0 ? 'even' : 'odd' }));
  const expected = Array.from({ length: 1000 }, (_, i) => i).filter((i) => i % 97 === 0 && i % 2 === 1);
  const found = seqs([log], { tenant: 'rare', user: 'odd' });
  expect(found).toEqual(expected.map((i) => i + 1));
  expect(seqs([log], { tenant: 'rare', user: 'odd' }, true)).toEqual(found.toReversed());
  expect(seqs([log], {}, true)).toEqual(Array.from({ length: 1001 }, (_, i) => 1000 - i));
});

test('several logs are merged by time, each in its own order', () => {
  const state = temporaryFolder();
  const [one, two] = [openLog(state), openLog(state, 'edge', '2')];
  for (const [log, seconds] of [
    [one, [1, 4, 3]],
    [two, [2, 3, 5]],
  ] as const)
    for (const second of seconds)
      at(log, `2026-11-20T10:00:0${second}.000Z`, `${log === one ? 'one' : 'two'}-${second}`);
  const readers = [one, two].map(({ folder }) => LogReader.open(folder));
  const found = (reverse: boolean) =>
    [...query(readers, new EntryMatcher({ kind: 'decision' }), { reverse })].map(({ value }) => value['request_id']);
  expect(found(false)).toEqual(['one-1', 'two-2', 'two-3', 'one-4', 'one-3', 'two-5']);
  expect(found(true)).toEqual(['two-5', 'one-3', 'one-4', 'two-3', 'two-2', 'one-1']);
});

test('progress tells of all entries that were looked at, found or not', () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(699);
  const told: number[] = [];
  const found = query([LogReader.open(log.folder)], new EntryMatcher({ tenant: 'none' }), {
    onProgress: (entries) => told.push(entries),
  });
  expect([...found]).toEqual([]);
  expect(told).toEqual([256, 512, 700]);
});

test('a pseudonym is the keyed hash of field, tenant and value', () => {
  // printf 'subject\0acme\0learner-1' | openssl dgst -sha256 -hmac 'a key of at least 32 characters..' -binary
  const key = 'a key of at least 32 characters..';
  expect(pseudonym(key, 'subject', 'acme', 'learner-1')).toBe('hmac:z-LoQZRDMskM3TbyqkDgSk2hxkwnM-jLpQg0_JnVgH8');
  const others = [
    pseudonym(key, 'resource', 'acme', 'learner-1'),
    pseudonym(key, 'subject', 'acm', 'elearner-1'),
    pseudonym(`${key}.`, 'subject', 'acme', 'learner-1'),
  ];
  for (const other of others) expect(other).not.toBe(pseudonym(key, 'subject', 'acme', 'learner-1'));
});
