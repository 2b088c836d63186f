/**
 * Whoever has the machine puts yesterday's copy of the whole log in its place: every signature in it is right, and nothing
 * in it tells that there was more. A checkpoint that left the machine does.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';
import { parseCheckpoint } from '../../src/audit/checkpoint.ts';
import { parseNote } from '../../src/audit/note.ts';
import { verifyLog, type KeptCheckpoint } from '../../src/audit/verify.ts';
import { openLog, temporaryFolder } from '../audit/make-log.ts';

function kept(folder: string): KeptCheckpoint {
  const bytes = readFileSync(join(folder, 'checkpoint'));
  const note = parseNote(bytes);
  return { file: '/safe/checkpoint', bytes, checkpoint: { ...parseCheckpoint(note.text), note } };
}

test('a folder that was rolled back is found by a checkpoint kept elsewhere, and by that alone', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(280);
  const yesterday = join(temporaryFolder(), basename(log.folder));
  cpSync(log.folder, yesterday, { recursive: true });
  const since = kept(log.folder);
  log.addDecisions(40);
  const today = kept(log.folder);
  expect((await verifyLog(log.folder, { since })).fault).toBe(null);
  expect((await verifyLog(log.folder, { since: today })).fault).toBe(null);

  rmSync(log.folder, { recursive: true });
  cpSync(yesterday, log.folder, { recursive: true });
  expect((await verifyLog(log.folder)).fault).toBe(null);
  expect((await verifyLog(log.folder, { since: today })).fault).toEqual({
    file: 'checkpoint',
    offset: 'domicile/edge/1\n'.length,
    message: 'has 281 entries, and had 321 by /safe/checkpoint: the log was rolled back',
  });
});

test('it is found too when the log has grown past that size again, with other entries', async () => {
  const state = temporaryFolder();
  const log = openLog(state);
  log.addDecisions(280);
  const yesterday = join(temporaryFolder(), basename(log.folder));
  cpSync(log.folder, yesterday, { recursive: true });
  log.addDecisions(40);
  const since = kept(log.folder);
  rmSync(log.folder, { recursive: true });
  cpSync(yesterday, log.folder, { recursive: true });
  openLog(state).addDecisions(60);
  expect((await verifyLog(log.folder)).fault).toBe(null);
  expect((await verifyLog(log.folder, { since })).fault).toMatchObject({
    file: '/safe/checkpoint',
    message: 'states another root of the first 321 entries than they have here: the log was rewritten',
  });
});
