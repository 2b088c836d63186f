/**
 * Whoever changes an entry also changes its hash in the tile, so that the two agree, and goes on upwards as far as there
 * are tiles: what they lead to is not the root that was signed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BundleHasher } from '../../src/audit/hash.ts';
import { subtree } from '../../src/audit/reader.ts';
import { verifyLog } from '../../src/audit/verify.ts';
import { openLog, temporaryFolder } from '../audit/make-log.ts';

function forge(folder: string, bundle: string, tile: string): Buffer {
  const bytes = readFileSync(join(folder, bundle));
  const at = bytes.indexOf('"effect":"allow"');
  bytes.write('"effect":"audit"', at, 'latin1');
  writeFileSync(join(folder, bundle), bytes);
  const hashes = readFileSync(join(folder, tile));
  new BundleHasher().leaves(bytes, 0, bytes.length, hashes, 0);
  writeFileSync(join(folder, tile), hashes);
  return hashes;
}

test('an entry that was changed with its hash does not fit the level above', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(599);
  forge(log.folder, 'tile/entries/001', 'tile/0/001');
  expect((await verifyLog(log.folder)).fault).toEqual({
    file: 'tile/0/001',
    offset: 0,
    message: 'has a hash that is not the one that was signed',
  });
});

test('one that was changed with all hashes above it does not lead to the root', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(599);
  const root = subtree(forge(log.folder, 'tile/entries/001', 'tile/0/001'));
  const above = readFileSync(join(log.folder, 'tile/1/000.p/2'));
  root.copy(above, 32);
  writeFileSync(join(log.folder, 'tile/1/000.p/2'), above);
  expect((await verifyLog(log.folder)).fault).toMatchObject({
    file: 'checkpoint',
    message: 'states another root than that of the entries here',
  });
});

test('one at the right edge, changed with its hash, does not lead to the root', async () => {
  const log = openLog(temporaryFolder());
  log.addDecisions(599);
  forge(log.folder, 'tile/entries/002.p/88', 'tile/0/002.p/88');
  expect((await verifyLog(log.folder)).fault).toMatchObject({
    file: 'checkpoint',
    message: 'states another root than that of the entries here',
  });
});
