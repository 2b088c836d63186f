import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { rotateKey } from '../../src/audit/key.ts';
import { parseVerifier } from '../../src/audit/note.ts';
import { findLogs } from '../../src/audit/reader.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { openLog, temporaryFolder, type TestLog } from './make-log.ts';

vi.setConfig({ testTimeout: 60_000 });

/** Deletes bundles, and says so. */
function prune(log: TestLog, from: number, to: number): void {
  log.add({
    kind: 'control',
    actor: 'domicile',
    action: 'evidence.pruned',
    object: 'log',
    object_id: log.writer.origin,
    revision: null,
    outcome: 'done',
    status: null,
    data: { from, to },
  });
  log.writer.prune(from, to);
}

test('a log verifies at every size around the borders of tiles', async () => {
  const log = openLog(temporaryFolder());
  expect(await verifyLog(log.folder)).toMatchObject({ origin: 'domicile/edge/1', size: 1, fault: null });
  for (const add of [253, 1, 1, 1, 254, 1]) {
    log.addDecisions(add);
    expect(await verifyLog(log.folder)).toMatchObject({ size: log.writer.size, fault: null, notes: [] });
  }
});

test('a log with tiles on three levels, checked in threads, verifies; a byte in its middle is found', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(65_536 + 300);
  const progress: number[] = [];
  const verified = await verifyLog(log.folder, { onProgress: (entries) => progress.push(entries) });
  expect(verified).toMatchObject({ size: 65_837, fault: null, notes: [] });
  expect(Math.max(...progress)).toBe(65_792);
  for (const file of ['tile/1/000', 'tile/2/000.p/1', 'tile/entries/200']) {
    const bytes = readFileSync(join(log.folder, file));
    const at = bytes.length >> 1;
    bytes[at]! ^= 0x10;
    writeFileSync(join(log.folder, file), bytes);
    const { fault } = await verifyLog(log.folder);
    expect(fault).toMatchObject({ file });
    if (!file.includes('entries')) expect(fault?.offset).toBe(at);
    bytes[at]! ^= 0x10;
    writeFileSync(join(log.folder, file), bytes);
  }
});

test('what a kill leaves is told, and no fault: temporary files, superseded tiles, tiles beyond the checkpoint', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(299);
  const earlier = join(temporaryFolder(), basename(log.folder));
  cpSync(log.folder, earlier, { recursive: true });
  log.addDecisions(20);
  cpSync(join(log.folder, 'tile'), join(earlier, 'tile'), { recursive: true });
  writeFileSync(join(earlier, '.tmp-3'), 'half');
  const beyond = await verifyLog(earlier);
  expect(beyond.fault).toBe(null);
  expect(beyond.notes).toEqual([
    expect.stringMatching(/^tile\/\S+\.p\/64 and 1 more are beyond the checkpoint, and not part of the log yet$/),
  ]);
  cpSync(join(log.folder, 'checkpoint'), join(earlier, 'checkpoint'));
  const superseded = await verifyLog(earlier);
  expect(superseded).toMatchObject({ size: 320, fault: null });
  expect(superseded.notes).toEqual([
    expect.stringMatching(/^tile\/\S+\.p\/44 and 1 more are superseded, and not deleted yet$/),
  ]);
});

test('a log that grows while it is verified verifies as it was', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(20_000);
  let grown = 0;
  const onProgress = () => {
    log.addDecisions(100);
    grown++;
  };
  expect((await verifyLog(log.folder, { onProgress })).fault).toBe(null);
  expect(grown).toBeGreaterThan(0);
});

test('deleted bundles are accounted for by a later entry, and their hashes still count', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(1200);
  prune(log, 256, 768);
  expect(await verifyLog(log.folder)).toMatchObject({ fault: null, pruned: 512 });
  const tile = join(log.folder, 'tile/0/002');
  const bytes = readFileSync(tile);
  bytes[40]! ^= 1;
  writeFileSync(tile, bytes);
  expect((await verifyLog(log.folder)).fault).toMatchObject({ file: 'tile/0/002' });
  bytes[40]! ^= 1;
  writeFileSync(tile, bytes);
  log.writer.prune(768, 1024);
  expect((await verifyLog(log.folder)).fault).toEqual({ file: 'tile/entries/003', offset: 0, message: 'is missing' });
});

test('an entry cannot account for the deletion of what came after it', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(400);
  const { origin: object_id } = log.writer;
  const facts = { actor: 'domicile', action: 'evidence.pruned', object: 'log', object_id, outcome: 'done' };
  log.add({ kind: 'control', ...facts, data: { from: 256, to: 768 } });
  log.addDecisions(600);
  log.writer.prune(512, 768);
  expect((await verifyLog(log.folder)).fault).toMatchObject({ file: 'tile/entries/002', message: 'is missing' });
});

test('gap entries are counted, and their facts are handed on', async () => {
  const log = openLog(temporaryFolder());
  const gap = { cause: 'best_effort', lost: 3, refused: 0, from: null, to: null, detail: 'the queue was full' };
  log.add({ kind: 'gap', ...gap });
  expect((await verifyLog(log.folder)).gaps).toMatchObject([{ seq: 1, ...gap }]);
});

test('a log that was handed over verifies by the key before, by the key now, and by none of others', async () => {
  const state = temporaryFolder();
  const before = openLog(state);
  before.addDecisions(10);
  const first = parseVerifier(before.writer.verifier);
  rotateKey(state);
  const log = openLog(state);
  log.addDecisions(300);
  const now = parseVerifier(log.writer.verifier);
  expect(now.text).not.toBe(first.text);
  for (const keys of [null, [first], [now]]) {
    const verified = await verifyLog(log.folder, { keys });
    expect(verified).toMatchObject({ fault: null, notes: [], size: 312 });
    expect(verified.key?.text).toBe(now.text);
  }
  const other = parseVerifier(openLog(temporaryFolder()).writer.verifier);
  expect((await verifyLog(log.folder, { keys: [other] })).fault).toMatchObject({ file: 'checkpoint' });
  const elsewhere = parseVerifier(openLog(temporaryFolder(), 'edge', '2').writer.verifier);
  const { fault } = await verifyLog(log.folder, { keys: [elsewhere] });
  expect(fault?.message).toContain('no key of domicile/edge/1 was given');
});

test('key.pub may be one key behind right after the hand-over, and no longer', async () => {
  const state = temporaryFolder();
  const { folder } = openLog(state);
  const earlier = readFileSync(join(folder, 'key.pub'));
  rotateKey(state);
  const log = openLog(state);
  writeFileSync(join(folder, 'key.pub'), earlier);
  expect(await verifyLog(folder)).toMatchObject({
    fault: null,
    notes: ['key.pub is still the key before: the hand-over was just made, or was cut short'],
  });
  log.addDecisions(1);
  expect((await verifyLog(folder)).fault).toMatchObject({ file: 'key.pub', offset: 0 });
});

test('a copy that keeps its checkpoints has each of them checked', async () => {
  const state = temporaryFolder();
  const log = openLog(state);
  const kept = join(log.folder, 'checkpoints');
  mkdirSync(kept);
  const keep = () => cpSync(join(log.folder, 'checkpoint'), join(kept, String(log.writer.size)));
  for (const count of [99, 200, 300]) {
    log.addDecisions(count);
    keep();
  }
  rotateKey(state);
  const later = openLog(state);
  later.addDecisions(5);
  cpSync(join(log.folder, 'checkpoint'), join(kept, String(later.writer.size)));
  expect(await verifyLog(log.folder)).toMatchObject({ fault: null, notes: [] });

  renameSync(join(kept, '300'), join(kept, '301'));
  expect((await verifyLog(log.folder)).fault).toMatchObject({ file: 'checkpoints/301', message: 'is of 300 entries' });
  renameSync(join(kept, '301'), join(kept, '300'));
  const bytes = readFileSync(join(kept, '100'));
  bytes[bytes.length - 10]! ^= 1;
  writeFileSync(join(kept, '100'), bytes);
  expect((await verifyLog(log.folder)).fault).toMatchObject({ file: 'checkpoints/100' });
});

test('a copy may have one kept checkpoint more than it has taken up, with all that it needs', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(299);
  const copy = join(temporaryFolder(), basename(log.folder));
  cpSync(log.folder, copy, { recursive: true });
  log.addDecisions(20);
  cpSync(join(log.folder, 'tile'), join(copy, 'tile'), { recursive: true });
  mkdirSync(join(copy, 'checkpoints'));
  cpSync(join(log.folder, 'checkpoint'), join(copy, 'checkpoints/320'));
  const verified = await verifyLog(copy);
  expect(verified).toMatchObject({ size: 300, fault: null });
  expect(verified.notes).toContain('checkpoints/320 is newer than checkpoint: copying goes on, or was cut short');
  rmSync(join(copy, 'tile/0/001.p/64'));
  expect((await verifyLog(copy)).fault?.message).toContain('rolled back');
});

test('logs are found in the folder itself and up to three levels below, sorted', async () => {
  const root = temporaryFolder();
  const one = openLog(join(root, 'a/b')).folder;
  const two = openLog(join(root, 'a/b'), 'edge', 'control').folder;
  expect(await findLogs(join(root, 'a'))).toEqual([one, two]);
  expect(await findLogs(one)).toEqual([one]);
  expect(await findLogs(root)).toEqual([]);
  expect(await findLogs(dirname(one))).toEqual([one, two]);
  await expect(findLogs(join(root, 'nowhere'))).rejects.toThrow('ENOENT');
});

test('a file that cannot be read is a fault, not a crash', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(300);
  rmSync(join(log.folder, 'tile/entries/000'));
  mkdirSync(join(log.folder, 'tile/entries/000'));
  expect((await verifyLog(log.folder)).fault).toMatchObject({ message: 'is a folder, and should be a file' });
  rmSync(join(log.folder, 'checkpoint'));
  mkdirSync(join(log.folder, 'checkpoint'));
  expect((await verifyLog(log.folder)).fault).toMatchObject({ message: 'is a folder, and should be a file' });
});
