import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { tilesAt, tilePath } from '../../src/audit/tile.ts';
import { FaultyFiles } from './faults.ts';
import { folderIn, frames, newState, verified, writerIn } from './logs.ts';

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}

describe('a log that is written', () => {
  it('verifies after each commit, and holds exactly the files that its size asks for', async () => {
    const state = newState();
    const writer = writerIn(state);
    for (const count of [1, 3, 250, 1, 1, 300, 212, 700]) {
      writer.add(frames(writer.size, count));
      writer.commit();
      expect(filesOf(folderIn(state))).toEqual(
        ['checkpoint', 'key.pub', ...tilesAt(writer.size).map(tilePath)].toSorted(),
      );
      expect((await verified(state)).size).toBe(writer.size);
    }
    expect(writer.size).toBe(1469);
  });

  it('writes what entries need first, the checkpoint next, and deletes last', () => {
    const files = new FaultyFiles();
    const state = newState();
    const writer = writerIn(state, files);
    files.written.length = 0;
    writer.add(frames(writer.size, 300));
    writer.commit();
    const written = files.written.map((path) => path.slice(folderIn(state).length + 1));
    expect(written.at(-1)).toBe('checkpoint');
    expect(written.slice(0, -1).toSorted()).toEqual([
      'tile/0/000',
      'tile/0/001.p/45',
      'tile/1/000.p/1',
      'tile/entries/000',
      'tile/entries/001.p/45',
    ]);
  });

  it('is of its owner only', () => {
    const state = newState();
    writerIn(state);
    expect(statSync(folderIn(state)).mode & 0o077).toBe(0);
    for (const file of ['checkpoint', 'key.pub', 'tile/0/000.p/1'])
      expect(statSync(join(folderIn(state), file)).mode & 0o077).toBe(0);
    expect(statSync(join(state, 'evidence.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folderIn(state), 'key.pub'), 'utf8')).toMatch(/^domicile\/s1\/1\+[0-9a-f]{8}\+.{44}\n$/);
  });

  it('deletes full bundles that a checkpoint covers, and nothing else', async () => {
    const state = newState();
    const writer = writerIn(state);
    writer.add(frames(writer.size, 800));
    writer.commit();
    expect(() => writer.prune(0, 255)).toThrow('not full bundles');
    expect(() => writer.prune(0, 1024)).toThrow('not full bundles');
    writer.prune(256, 768);
    expect(filesOf(join(folderIn(state), 'tile/entries'))).toEqual(['000', '003.p/33']);
    writer.prune(256, 768);
    expect(writerIn(state).size).toBe(801);
  });
});
