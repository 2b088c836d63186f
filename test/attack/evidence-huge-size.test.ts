/**
 * A checkpoint may state any size, and a size of a power of 256 needs no partial tile but one. Whoever verifies or reads
 * such a log must not look for years for what is not there, nor make room for it.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { formatCheckpoint } from '../../src/audit/checkpoint.ts';
import { EntryMatcher } from '../../src/audit/filter.ts';
import { noteSigner, signNote } from '../../src/audit/note.ts';
import { query } from '../../src/audit/query.ts';
import { LogReader } from '../../src/audit/reader.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { temporaryFolder } from '../audit/make-log.ts';

const SIZE = 2 ** 48;

function claimed(): string {
  const folder = join(temporaryFolder(), 'edge.1');
  const origin = 'domicile/edge/1';
  const signer = noteSigner(origin, generateKeyPairSync('ed25519').privateKey);
  const root = Buffer.alloc(32, 7);
  const files = {
    checkpoint: signNote(formatCheckpoint({ origin, size: SIZE, root, extensions: [] }), signer),
    'key.pub': `${signer.verifier.text}\n`,
    'tile/6/000.p/1': root,
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  return folder;
}

test('the first tile that is not there ends its verification', async () => {
  expect(await verifyLog(claimed())).toMatchObject({
    size: SIZE,
    fault: { file: 'tile/0/000', offset: 0, message: 'is missing' },
  });
});

test('entries of which not even the hashes are there were not pruned: reading ends', () => {
  const log = LogReader.open(claimed());
  const missing = `${join(log.folder, 'tile/entries/000')} is missing: this copy of the log is not whole`;
  expect(() => [...query([log], new EntryMatcher({ tenant: 'acme' }))]).toThrow(missing);
  expect(() => [...log.entries()]).toThrow(missing);
});
