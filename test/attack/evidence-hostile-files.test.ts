/**
 * A folder that is handed to an auditor has, in the place of a file of the log, a pipe that nobody writes to, a link to a
 * device without an end, or a file that is larger than memory. Each is a fault at once, whichever file it is.
 */
import { execFileSync } from 'node:child_process';
import { rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LogReader } from '../../src/audit/reader.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { openLog, temporaryFolder } from '../audit/make-log.ts';

const FILES = ['checkpoint', 'key.pub', 'tile/0/000', 'tile/entries/000', 'tile/0/001.p/44', 'tile/entries/001.p/44'];

function spoiled(file: string, put: (path: string) => void): string {
  const log = openLog(temporaryFolder());
  log.addDecisions(299);
  rmSync(join(log.folder, file));
  put(join(log.folder, file));
  return log.folder;
}

test.each(FILES)('a pipe is not waited for: %s', async (file) => {
  const folder = spoiled(file, (path) => execFileSync('mkfifo', [path]));
  const message = 'is no file of a log, but a link or device';
  expect((await verifyLog(folder)).fault).toEqual({ file, offset: 0, message });
});

test.each(FILES)('a link to a device without an end is not followed: %s', async (file) => {
  const folder = spoiled(file, (path) => symlinkSync('/dev/zero', path));
  const message = 'is no file of a log, but a link or device';
  expect((await verifyLog(folder)).fault).toEqual({ file, offset: 0, message });
});

test.each(FILES)('what is larger than memory is not read: %s', async (file) => {
  const folder = spoiled(file, (path) => {
    writeFileSync(path, '');
    truncateSync(path, 2 ** 38);
  });
  const message = 'has 274877906944 bytes, more than any file of a log';
  expect((await verifyLog(folder)).fault).toEqual({ file, offset: 0, message });
});

test('nor do they stop whoever only reads', () => {
  const folder = spoiled('checkpoint', (path) => execFileSync('mkfifo', [path]));
  expect(() => LogReader.open(folder).checkpoint()).toThrow('checkpoint is no file of a log');
  const short = spoiled('tile/0/000', (path) => writeFileSync(path, Buffer.alloc(100)));
  expect(() => LogReader.open(short).hashes().hash(3, 0)).toThrow('tile/0/000 is too short');
});
