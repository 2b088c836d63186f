/**
 * In the place of a file that a running process reads lies a pipe that nobody writes to: in a log that is opened, shipped
 * or pruned, or where it was shipped to. Nothing waits for it; each says which file it is.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Prunable } from '../../src/audit/prunable.ts';
import { FolderDestination } from '../../src/audit/ship-folder.ts';
import { ShipRecord } from '../../src/audit/ship-record.ts';
import { Shipment } from '../../src/audit/shipment.ts';
import { frames, newState, writerIn } from '../audit/logs.ts';
import { scratch } from '../audit/written-log.ts';

const WHY = 'is no file of a log, but a link or device';

function pipe(path: string): void {
  rmSync(path, { force: true });
  execFileSync('mkfifo', [path]);
}

function written() {
  const state = newState();
  const writer = writerIn(state);
  writer.add(frames(1, 300));
  writer.commit();
  return { state, folder: writer.folder };
}

function shipmentOf(state: string, root: string): Shipment {
  const destination = new FolderDestination(root);
  const record = ShipRecord.read(join(state, 'ship.json'), destination.id);
  return new Shipment({ evidence: join(state, 'evidence'), destination, record, isOwn: () => false });
}

test.each([
  'checkpoint',
  'key.pub',
  'tile/1/000.p/1',
  'tile/0/001.p/45',
  'tile/entries/001.p/45',
  'tile/entries/001.p/46',
])('a log is not opened: %s', (file) => {
  const { state, folder } = written();
  pipe(join(folder, file));
  expect(() => writerIn(state)).toThrow(`${join(folder, file)} ${WHY}`);
});

test.each(['checkpoint', 'key.pub'])('a log is not shipped: %s', async (file) => {
  const { state, folder } = written();
  pipe(join(folder, file));
  const [failure] = await shipmentOf(state, scratch()).ship(AbortSignal.timeout(10_000));
  expect(failure?.error.message).toBe(`${join(folder, file)} ${WHY}`);
});

test.each(['checkpoint', 'tile/entries/000'])('nor to where one lies: %s', async (file) => {
  const { state } = written();
  const root = scratch();
  const there = join(root, 's1.1', file);
  execFileSync('mkdir', ['-p', join(there, '..')]);
  pipe(there);
  const [failure] = await shipmentOf(state, root).ship(AbortSignal.timeout(10_000));
  expect(failure?.error.message).toBe(`${there} ${WHY}`);
});

test('a log is not pruned', () => {
  const { folder } = written();
  pipe(join(folder, 'tile/entries/000'));
  const prunable = new Prunable(folder, { days: 1, classes: {}, hold: [] });
  expect(() => prunable.scan(0, 301, Date.now(), 10, [])).toThrow(`tile/entries/000 ${WHY}`);
});
