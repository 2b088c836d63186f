/**
 * A log that verifies by itself is put in the place of another: that of another worker, or of another sidecar, in which
 * the request that is looked for never was.
 */
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseVerifier } from '../../src/audit/note.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { openLog, temporaryFolder } from '../audit/make-log.ts';

test('the log of another worker, or of another sidecar, is found in the place of this one', async () => {
  const state = temporaryFolder();
  const log = openLog(state);
  log.addDecisions(9);
  const key = parseVerifier(log.writer.verifier);
  for (const other of [openLog(state, 'edge', '2'), openLog(temporaryFolder(), 'edge-two', '1')]) {
    other.addDecisions(9);
    rmSync(log.folder, { recursive: true });
    cpSync(other.folder, log.folder, { recursive: true });
    const { origin } = other.writer;
    const message = `is of ${origin}, whose folder is called ${origin.slice('domicile/'.length).replace('/', '.')} and not edge.1`;
    expect((await verifyLog(log.folder)).fault).toEqual({ file: 'checkpoint', offset: 0, message });
  }
  const renamed = join(temporaryFolder(), 'copy');
  cpSync(log.folder, renamed, { recursive: true });
  const unnamed = await verifyLog(renamed);
  expect(unnamed.notes).toEqual(['the folder is not called edge-two.1: nothing but the key tells whose log it is']);
  const { fault } = await verifyLog(renamed, { keys: [key] });
  expect(fault?.message).toContain('no key of domicile/edge-two/1 was given');
});

test('a checkpoint or a key of another log, put into this one, is found', async () => {
  for (const file of ['checkpoint', 'key.pub']) {
    const state = temporaryFolder();
    const [log, other] = [openLog(state), openLog(state, 'edge', '2')];
    log.addDecisions(9);
    other.addDecisions(9);
    cpSync(join(other.folder, file), join(log.folder, file));
    expect((await verifyLog(log.folder)).fault).toMatchObject({ file: file === 'checkpoint' ? 'key.pub' : file });
  }
});
