/**
 * Whoever else can write to the folder that evidence is shipped to puts a link where a temporary file will be, to a file
 * that only this process may write. What is shipped is not written through it.
 */
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderDestination } from '../../src/audit/ship-folder.ts';
import { scratch } from '../audit/written-log.ts';

test('a link in the place of a temporary file is not followed', async () => {
  const [root, victim] = [scratch(), join(scratch(), 'victim')];
  writeFileSync(victim, 'precious');
  mkdirSync(join(root, 's1.1'));
  symlinkSync(victim, join(root, 's1.1', `.tmp-${process.pid}`));
  const destination = new FolderDestination(root);
  await destination.put('s1.1/checkpoint', Buffer.from('shipped'), 'replace');
  await destination.settle();
  expect(readFileSync(join(root, 's1.1/checkpoint'), 'utf8')).toBe('shipped');
  expect(readFileSync(victim, 'utf8')).toBe('precious');
});
