import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, inject, test } from 'vitest';
import { formatCheckpoint } from '../../src/audit/checkpoint.ts';
import { BundleHasher, HASH_BYTES } from '../../src/audit/hash.ts';
import { noteSigner, signNote, type NoteSigner } from '../../src/audit/note.ts';
import { proveEntry } from '../../src/audit/proof.ts';
import { LogReader } from '../../src/audit/reader.ts';
import { TILE_WIDTH, tilePath, tilesAt } from '../../src/audit/tile.ts';
import { consistencyProof, Frontier } from '../../src/audit/tree.ts';
import { available } from '../servers/servers.ts';
import { openLog, temporaryFolder } from './make-log.ts';

const execute = promisify(execFile);
let program: string;

/** What the program says. @throws Error with its reason, when it exits with another code than 0 */
async function go(...words: readonly string[]): Promise<string> {
  return (await execute(program, words, { timeout: 60_000 })).stdout;
}

describe.skipIf(available('go') !== null)("Go's implementation of transparency logs", () => {
  // Built on first use, which takes a while.
  beforeAll(async () => {
    const script = join(import.meta.dirname, '../servers/evidence.sh');
    const env = { ...process.env, DOMICILE_SERVERS: inject('run').cache };
    program = (await execute('bash', [script], { env })).stdout.trim();
  }, 300_000);

  test.each([
    { size: 0, tiles: 0 },
    { size: 1, tiles: 1 },
    { size: 2, tiles: 1 },
    { size: 255, tiles: 1 },
    { size: 256, tiles: 2 },
    { size: 257, tiles: 3 },
    { size: 1000, tiles: 5 },
    { size: 66_000, tiles: 261 },
  ])('agrees with trees, tiles and notes of $size entries', async ({ size, tiles }) => {
    const { folder, signer } = ownLog(size);
    const said = await go('log', folder, signer.verifier.text);
    const id = signer.verifier.id.toString(16).padStart(8, '0');
    expect(said).toContain(`checkpoint: ${signer.verifier.name} has ${size} entries, signed by key ${id}\n`);
    expect(said).toContain(`entries: ${size} in ${Math.ceil(size / TILE_WIDTH)} bundles\n`);
    expect(said).toContain(`tiles: ${tiles} are as tlog computes them\n`);
    expect(said).toMatch(size === 0 ? /proofs: 0 of inclusion/ : /proofs: \d+ of inclusion, [1-9]\d* of consistency/);
  });

  test('agrees with a log as it is written, one commit after the other, and with its proofs', async () => {
    const state = temporaryFolder();
    const log = openLog(state);
    const checkpoints = new Map<number, string>();
    for (const count of [1, 200, 54, 1, 1, 600]) {
      log.addDecisions(count);
      checkpoints.set(log.writer.size, readFileSync(join(log.folder, 'checkpoint'), 'utf8'));
    }
    const { verifier } = log.writer;
    const size = log.next;
    expect(await go('log', log.folder, verifier)).toContain(`entries: ${size} in 4 bundles\n`);

    const reader = LogReader.open(log.folder);
    const proofs = [0, 1, 255, 256, 700, size - 1].map((seq) => JSON.stringify(proveEntry(reader, seq)));
    const said = await go('inclusion', fileOf(proofs.join('\n')), verifier);
    expect(said.trim().split('\n')).toHaveLength(proofs.length);
    expect(said).toContain(`has the entry at 700, by 10 hashes to its checkpoint of ${size}\n`);

    const to = checkpoints.get(size)!;
    for (const [earlier, from] of checkpoints) {
      const proof = consistencyProof(earlier, size, reader.hashes()).map((hash) => hash.toString('base64'));
      const told = await go('consistency', fileOf(JSON.stringify({ from, to, proof })), verifier);
      expect(told).toContain(`of ${size} begins with that of ${earlier}, by ${proof.length} hashes`);
    }
  });

  test('refuses what was tampered with, so that its agreement means something', async () => {
    const { folder, signer } = ownLog(300);
    const key = signer.verifier.text;
    const changed = (path: string, change: (bytes: Buffer) => Buffer) => {
      const copy = temporaryFolder();
      cpSync(folder, copy, { recursive: true });
      writeFileSync(join(copy, path), change(readFileSync(join(copy, path))));
      return go('log', copy, key);
    };
    const flipped = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.of(bytes.at(-1)! ^ 1)]);
    await expect(changed('tile/entries/001.p/44', flipped)).rejects.toThrow('root: the entries have');
    await expect(changed('tile/0/000', flipped)).rejects.toThrow('tile/0/000: is not what its entries hash to');
    await expect(changed('tile/1/000.p/1', flipped)).rejects.toThrow('tile/1/000.p/1: is not what its entries hash to');
    const larger = (bytes: Buffer) => Buffer.from(bytes.toString().replace('\n300\n', '\n299\n'));
    await expect(changed('checkpoint', larger)).rejects.toThrow('invalid signature');
    const other = noteSigner(signer.verifier.name, generateKeyPairSync('ed25519').privateKey);
    await expect(go('log', folder, other.verifier.text)).rejects.toThrow('note has no verifiable signatures');

    const { folder: written, writer } = writtenLog();
    const proof = proveEntry(LogReader.open(written), 3);
    const forged = { ...proof, entry: proof.entry.replace('"effect":"allow"', '"effect":"deny"') };
    expect(forged.entry).not.toBe(proof.entry);
    await expect(go('inclusion', fileOf(JSON.stringify(forged)), writer.verifier)).rejects.toThrow(
      'inclusion of entry 3',
    );
  });
});

function writtenLog() {
  const log = openLog(temporaryFolder());
  log.addDecisions(9);
  return log;
}

function fileOf(text: string): string {
  const path = join(temporaryFolder(), 'proof.json');
  writeFileSync(path, text);
  return path;
}

/** A log made of nothing but entries, hashes, tiles and a note. */
function ownLog(size: number): { readonly folder: string; readonly signer: NoteSigner } {
  const folder = temporaryFolder();
  const frontier = Frontier.empty();
  const hashes: Buffer[][] = [[]];
  const bundles: Buffer[] = [];
  const hasher = new BundleHasher();
  for (let first = 0; first < size; first += TILE_WIDTH) {
    const count = Math.min(TILE_WIDTH, size - first);
    const bundle = bundleOf(first, count);
    const leaves = Buffer.alloc(count * HASH_BYTES);
    expect(hasher.leaves(bundle, 0, bundle.length, leaves, 0)).toBe(count);
    frontier.appendAll(leaves, count, (level, _, hash) => (hashes[level] ??= []).push(Buffer.from(hash)));
    hashes[0]!.push(leaves);
    bundles.push(bundle);
  }
  const levels = hashes.map((level) => Buffer.concat(level));
  for (const tile of tilesAt(size)) {
    const path = join(folder, tilePath(tile));
    mkdirSync(dirname(path), { recursive: true });
    const start = tile.index * TILE_WIDTH * HASH_BYTES;
    writeFileSync(
      path,
      tile.level === 'entries'
        ? bundles[tile.index]!
        : levels[tile.level]!.subarray(start, start + tile.width * HASH_BYTES),
    );
  }
  const signer = noteSigner('domicile/made/1', generateKeyPairSync('ed25519').privateKey);
  const checkpoint = { origin: signer.verifier.name, size, root: frontier.root(), extensions: [] };
  writeFileSync(join(folder, 'checkpoint'), signNote(formatCheckpoint(checkpoint), signer));
  return { folder, signer };
}

/** Entries of many lengths, some empty. */
function bundleOf(first: number, count: number): Buffer {
  const frames: Buffer[] = [];
  for (let i = first; i < first + count; i++) {
    const text = `${i} `.repeat(i % 90);
    const frame = Buffer.alloc(2 + text.length);
    frame.writeUInt16BE(text.length);
    frame.write(text, 2);
    frames.push(frame);
  }
  return Buffer.concat(frames);
}
