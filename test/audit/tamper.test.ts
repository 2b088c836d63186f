import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { parseTilePath } from '../../src/audit/tile.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { openLog, temporaryFolder, type TestLog } from './make-log.ts';

vi.setConfig({ testTimeout: 900_000 }); // each byte is a log to verify

const ENTRIES = 270;
const FILES = [
  'checkpoint',
  'key.pub',
  'tile/0/000',
  'tile/0/001.p/14',
  'tile/1/000.p/1',
  'tile/entries/000',
  'tile/entries/001.p/14',
];

/** Entries as short as they may be: what matters is that there are two bundles, and tiles on two levels. */
function addShort(log: TestLog, count: number): void {
  for (let i = 0; i < count; i++)
    log.addText(`{"v":1,"kind":"query","seq":${log.next},"time":"2026-11-24T15:00:00.123Z","sidecar":"edge"}`);
  log.writer.commit();
}

function shortLog(count = ENTRIES): TestLog {
  const log = openLog(temporaryFolder());
  addShort(log, count - 1);
  return log;
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(folder, path)).isFile())
    .toSorted();
}

test('the log that is altered here verifies, and has every kind of file', async () => {
  const { folder } = shortLog();
  expect(await verifyLog(folder)).toMatchObject({ size: ENTRIES, fault: null, notes: [] });
  expect(filesOf(folder)).toEqual(FILES);
});

test.for([
  ['every byte of every file of a small log, its lowest bit flipped, is found', 12, 0x01, 1],
  ['bytes all over a log of two bundles, their lowest bits flipped, are found', ENTRIES, 0x01, 29],
  ['bytes all over it, all their bits flipped, are found', ENTRIES, 0xff, 31],
] as const)('%s, in its file; of tiles, at its place', async ([, entries, mask, step]) => {
  const { folder } = shortLog(entries);
  const missed: string[] = [];
  for (const file of filesOf(folder)) {
    const path = join(folder, file);
    const bytes = readFileSync(path);
    const isTile = file.startsWith('tile') && parseTilePath(file)?.level !== 'entries';
    for (let at = 0; at < bytes.length; at += step) {
      bytes[at]! ^= mask;
      writeFileSync(path, bytes);
      bytes[at]! ^= mask;
      const { fault } = await verifyLog(folder);
      const isFound = fault?.file === file && (isTile ? fault.offset === at : fault.offset <= bytes.length);
      if (!isFound) missed.push(`${file} ${at}: ${JSON.stringify(fault)}`);
    }
    writeFileSync(path, bytes);
  }
  expect(missed).toEqual([]);
  expect((await verifyLog(folder)).fault).toBe(null);
});

test('a byte of an entry is found at the beginning of that entry in its bundle', async () => {
  const { folder } = shortLog();
  const path = join(folder, 'tile/entries/000');
  const bytes = readFileSync(path);
  const at = bytes.indexOf('"seq":77,') - '{"v":1,"kind":"query",'.length - 2;
  bytes[at + 60]! ^= 1;
  writeFileSync(path, bytes);
  expect((await verifyLog(folder)).fault).toMatchObject({ file: 'tile/entries/000', offset: at });
});

test('every file that is removed is found missing, by its name', async () => {
  for (const file of FILES) {
    const { folder } = shortLog();
    rmSync(join(folder, file));
    expect((await verifyLog(folder)).fault).toEqual({ file, offset: 0, message: 'is missing' });
  }
});

test('every file that is cut short, or goes on after its end, is found', async () => {
  for (const file of FILES) {
    const { folder } = shortLog();
    const path = join(folder, file);
    const bytes = readFileSync(path);
    for (const length of [0, 1, Math.floor(bytes.length / 2), bytes.length - 32, bytes.length - 1]) {
      truncateSync(path, length);
      expect((await verifyLog(folder)).fault, `${file} of ${length} bytes`).toMatchObject({ file });
      writeFileSync(path, bytes);
    }
    for (const more of ['\0', '\n', 'x'.repeat(32)]) {
      writeFileSync(path, Buffer.concat([bytes, Buffer.from(more)]));
      expect((await verifyLog(folder)).fault, `${file} and ${JSON.stringify(more)}`).toMatchObject({ file });
      writeFileSync(path, bytes);
    }
  }
});

test('any two files that are swapped are found', async () => {
  for (const [i, one] of FILES.entries()) {
    for (const other of FILES.slice(i + 1)) {
      const { folder } = shortLog();
      const [a, b] = [join(folder, one), join(folder, other)];
      renameSync(a, join(folder, 'aside'));
      renameSync(b, a);
      renameSync(join(folder, 'aside'), b);
      const { fault } = await verifyLog(folder);
      expect([one, other], `${one} and ${other}: ${fault?.message}`).toContain(fault?.file);
    }
  }
});

test('two entries that are swapped within a bundle are found, by their places', async () => {
  const { folder } = shortLog();
  const path = join(folder, 'tile/entries/001.p/14');
  const bytes = readFileSync(path);
  const length = 2 + bytes.readUInt16BE(0);
  const [first, second] = [Buffer.from(bytes.subarray(0, length)), Buffer.from(bytes.subarray(length, 2 * length))];
  second.copy(bytes, 0);
  first.copy(bytes, length);
  writeFileSync(path, bytes);
  expect((await verifyLog(folder)).fault).toEqual({
    file: 'tile/entries/001.p/14',
    offset: 0,
    message: 'entry 256 says "seq":257, and stands at 256',
  });
});

test('a checkpoint that is put back as it was is found by what it needs', async () => {
  const log = shortLog(262);
  const earlier = readFileSync(join(log.folder, 'checkpoint'));
  addShort(log, ENTRIES - 262);
  writeFileSync(join(log.folder, 'checkpoint'), earlier);
  const { fault } = await verifyLog(log.folder);
  expect(fault).toEqual({ file: 'tile/entries/001.p/6', offset: 0, message: 'is missing' });
});

test('a partial tile or bundle that is put back changes nothing; in the place of another it is found', async () => {
  for (const [file, later] of [
    ['tile/0/001.p/6', 'tile/0/001.p/14'],
    ['tile/entries/001.p/6', 'tile/entries/001.p/14'],
  ] as const) {
    const log = shortLog(262);
    const earlier = readFileSync(join(log.folder, file));
    addShort(log, ENTRIES - 262);
    writeFileSync(join(log.folder, file), earlier);
    expect(await verifyLog(log.folder)).toMatchObject({
      fault: null,
      notes: [`${file} is superseded, and not deleted yet`],
    });
    earlier[earlier.length - 3]! ^= 1;
    writeFileSync(join(log.folder, file), earlier);
    expect((await verifyLog(log.folder)).fault).toMatchObject({ file });
    rmSync(join(log.folder, file));
    earlier[earlier.length - 3]! ^= 1;
    writeFileSync(join(log.folder, later), earlier);
    expect((await verifyLog(log.folder)).fault).toMatchObject({ file: later });
  }
});

test('a file that no log has, or a link to one, is found', async () => {
  for (const path of [
    'tile/0/001.p/014',
    'tile/0/1',
    'notes.txt',
    'tile/entries/000.gz',
    'checkpoints/01',
    'tile/0/.x',
  ]) {
    const { folder } = shortLog();
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), '');
    const fault = { file: path, offset: 0, message: 'is no file of a log' };
    expect((await verifyLog(folder)).fault).toEqual(fault);
  }
  const { folder } = shortLog();
  renameSync(join(folder, 'tile/0/000'), join(folder, 'tile/0/.tmp-0'));
  symlinkSync('.tmp-0', join(folder, 'tile/0/000'));
  expect((await verifyLog(folder)).fault?.message).toBe('is no file of a log, but a link or device');
});
