import { cpSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { entryCount } from '../../src/audit/bundle.ts';
import { leafHash } from '../../src/audit/hash.ts';
import { LogReader } from '../../src/audit/reader.ts';
import { rootAt } from '../../src/audit/tree.ts';
import { openLog, temporaryFolder } from './make-log.ts';

test('entries come in order, from and to where they are asked for', () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(599);
  const reader = LogReader.open(log.folder);
  const seqs = (from?: number, to?: number) => [...reader.entries(from, to)].map(({ seq }) => seq);
  expect(seqs()).toEqual(Array.from({ length: 600 }, (_, i) => i));
  expect(seqs(255, 258)).toEqual([255, 256, 257]);
  expect(seqs(598)).toEqual([598, 599]);
  expect(seqs(600)).toEqual([]);
  expect([...reader.bundles(300)].map(({ first, bytes }) => [first, entryCount(bytes)])).toEqual([
    [256, 256],
    [512, 88],
  ]);
  const [entry] = reader.entries(300, 301);
  expect(entry).toMatchObject({ log: 'domicile/edge/1', seq: 300 });
  expect(entry!.value).toMatchObject({ seq: 300, kind: 'decision', time: entry!.time });
  expect(leafHash(Buffer.from(entry!.text))).toEqual(reader.hashes().hash(0, 300));
});

test('what the checkpoint does not cover yet is not read', () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(9);
  const copy = join(temporaryFolder(), basename(log.folder));
  cpSync(log.folder, copy, { recursive: true });
  log.addDecisions(300);
  cpSync(join(log.folder, 'tile'), join(copy, 'tile'), { recursive: true });
  expect([...LogReader.open(copy).entries()].map(({ seq }) => seq)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a log that grows while it is read is read as it was: partial tiles that went are found in what took their place', () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(299);
  const reader = LogReader.open(log.folder);
  const { size, root } = reader.checkpoint();
  const [entries, hashes] = [reader.entries(), reader.hashesAt(size)];
  expect(entries.next().value?.seq).toBe(0);
  for (const more of [1, 100, 300]) {
    log.addDecisions(more);
    expect(rootAt(size, reader.hashesAt(size))).toEqual(root);
  }
  expect([...entries].at(-1)?.seq).toBe(299);
  expect(rootAt(size, hashes)).toEqual(root);
});

test('deleted bundles are passed over; a last one that is missing is an error', () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(599);
  const reader = LogReader.open(log.folder);
  log.writer.prune(256, 512);
  const seqs = [...reader.entries()].map(({ seq }) => seq);
  expect([seqs.length, seqs[255], seqs[256]]).toEqual([344, 255, 512]);
  const last = join(log.folder, 'tile/entries/002.p/88');
  renameSync(last, `${last}0`);
  expect(() => [...reader.entries()]).toThrow('002.p/88 is missing');
  rmSync(join(log.folder, 'tile/0/002.p/88'));
  expect(() => reader.hashes().hash(0, 599)).toThrow('002.p/88 is missing');
});
