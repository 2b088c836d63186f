/**
 * A log is written anew from its first entry, and signed by a key of whoever did it, `key.pub` and all. It agrees with
 * itself; the auditor's own copy of the key does not agree with it. Nor does it help to have the true key hand it over.
 */
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { asciiJson } from '../../src/audit/ascii.ts';
import { formatCheckpoint } from '../../src/audit/checkpoint.ts';
import { EntryHead } from '../../src/audit/entry-head.ts';
import { noteSigner, parseNote, parseVerifier, signNote } from '../../src/audit/note.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { openLog, temporaryFolder } from '../audit/make-log.ts';

test('a log that a stranger signed is not believed by the key that is known', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(299);
  const known = parseVerifier(log.writer.verifier);
  expect((await verifyLog(log.folder, { keys: [known] })).fault).toBe(null);

  const forged = openLog(temporaryFolder());
  forged.addDecisions(299, () => ({ effect: 'allow' }));
  rmSync(log.folder, { recursive: true });
  cpSync(forged.folder, log.folder, { recursive: true });
  expect((await verifyLog(log.folder)).fault).toBe(null);
  const { fault } = await verifyLog(log.folder, { keys: [known] });
  expect(fault).toMatchObject({ file: 'checkpoint' });
  expect(fault?.message).toMatch(
    /^is signed by domicile\/edge\/1\+\S+: the key that was given did not sign it, nor hand/,
  );
});

test('with the true key.pub put back, its checkpoint is not signed by what it says', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(9);
  const forged = openLog(temporaryFolder());
  forged.addDecisions(9);
  cpSync(join(log.folder, 'key.pub'), join(forged.folder, 'key.pub'));
  expect((await verifyLog(forged.folder)).fault).toMatchObject({ file: 'key.pub' });
});

test('a hand-over that the key before did not sign is found, whoever signs what follows', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(9);
  const known = parseVerifier(log.writer.verifier);
  const stranger = noteSigner(log.writer.origin, generateKeyPairSync('ed25519').privateKey).verifier.text;
  for (const signature of [null, '', Buffer.alloc(64).toString('base64')]) {
    const forged = openLog(temporaryFolder());
    const facts = { sidecar: 'edge', request_id: '', tenant: '', action: 'handed_over' };
    const rest = asciiJson({ ...facts, key: stranger, previous: forged.writer.verifier, signature });
    forged.addText(EntryHead.before(rest.slice(1), 'key', forged.next));
    forged.writer.commit();
    for (const keys of [null, [known]])
      expect((await verifyLog(forged.folder, { keys })).fault).toEqual({
        file: 'tile/entries/000.p/2',
        offset: 2 + readFileSync(join(forged.folder, 'tile/entries/000.p/2')).readUInt16BE(0),
        message: 'entry 1 hands the log over to a key, and is not signed by the one before',
      });
  }
});

test('a log that says it began with the known key, and is signed by a stranger, is found', async () => {
  const log = openLog(temporaryFolder());
  const known = parseVerifier(log.writer.verifier);
  const origin = log.writer.origin;
  // What it begins with is no secret. The stranger signs a tree that has it, under the same name.
  const stranger = noteSigner(origin, generateKeyPairSync('ed25519').privateKey);
  const root = readFileSync(join(log.folder, 'tile/0/000.p/1'));
  const text = formatCheckpoint({ origin, size: 1, root, extensions: [] });
  const byStranger = signNote(text, stranger);
  for (const note of [byStranger, `${byStranger}${withOtherSignature(join(log.folder, 'checkpoint'))}\n`]) {
    writeFileSync(join(log.folder, 'checkpoint'), note);
    const { fault } = await verifyLog(log.folder, { keys: [known] });
    expect(fault).toMatchObject({ file: 'checkpoint', offset: text.length + 1 });
    expect(fault?.message).toBe(`is not signed by ${known.text}, which signs the log by now`);
  }
});

/** The signature line of a note in a file, its name and key as they are, and one bit of its signature another. */
function withOtherSignature(file: string): string {
  const { line } = parseNote(readFileSync(file)).signatures[0]!;
  const at = line.lastIndexOf(' ') + 1;
  const bytes = Buffer.from(line.slice(at), 'base64');
  bytes[bytes.length - 1]! ^= 1;
  return `${line.slice(0, at)}${bytes.toString('base64')}`;
}
