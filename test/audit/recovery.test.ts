import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LogReader } from '../../src/audit/reader.ts';
import { folderIn, frames, newState, verified, writerIn } from './logs.ts';

/** A log of so many entries. */
function logOf(size: number): string {
  const state = newState();
  const writer = writerIn(state);
  writer.add(frames(1, size - 1));
  writer.commit();
  return state;
}

/** A log of two states: the files of the later, with the checkpoint of the earlier, as a crash between them leaves it. */
function cutShort(earlier: number, later: number): string {
  const state = logOf(earlier);
  const folder = folderIn(state);
  const kept = newState();
  cpSync(folder, kept, { recursive: true });
  const writer = writerIn(state);
  writer.add(frames(earlier, later - earlier));
  writer.commit();
  cpSync(kept, folder, { recursive: true });
  return state;
}

describe('entries that lie whole behind the last checkpoint', () => {
  it.each([
    [3, 5],
    [3, 300],
    [256, 257],
    [256, 600],
    [300, 512],
  ])('are taken in again (%i, then %i)', async (earlier, later) => {
    const state = cutShort(earlier, later);
    expect((await verified(state)).size).toBe(earlier);
    const writer = writerIn(state);
    expect(writer.size, 'with the gap that tells of them').toBe(later + 1);
    expect(writer.found.closed, 'it was told').toBe(true);
    const detail = expect.stringContaining(`the ${later - earlier} entries before this one lay behind its last`);
    expect(await verified(state)).toMatchObject({ size: later + 1, notes: [], gaps: [{ seq: later, detail }] });
  });

  it('are taken in up to the first that is torn, is of another place, or no entry of this sidecar', async () => {
    const spoil = [
      (bundle: Buffer) => bundle.subarray(0, bundle.length - 5),
      (bundle: Buffer) => Buffer.from(bundle.toString('latin1').replace('"seq":8', '"seq":9'), 'latin1'),
      (bundle: Buffer) => Buffer.from(bundle.toString('latin1').replace(/("seq":8.*?)"s1"/, '$1"s2"'), 'latin1'),
      (bundle: Buffer) => Buffer.from(bundle.toString('latin1').replace(/("seq":8.*?)"s1"/, '$1"s\u00e9"'), 'latin1'),
    ];
    for (const [i, change] of spoil.entries()) {
      const state = cutShort(3, 10);
      const path = join(folderIn(state), 'tile/entries/000.p/10');
      writeFileSync(path, change(readFileSync(path)));
      expect(writerIn(state).size).toBe(i === 0 ? 10 : 9);
      expect(await verified(state)).toMatchObject({ notes: [] });
    }
  });

  it('are not taken in where what the checkpoint covers is another log', () => {
    const state = cutShort(3, 10);
    const path = join(folderIn(state), 'tile/entries/000.p/10');
    writeFileSync(path, readFileSync(path, 'latin1').replace('"seq":1,', '"seq":7,'), 'latin1');
    expect(writerIn(state).size).toBe(3);
  });

  it('never hand the log over', () => {
    const state = logOf(3);
    const text = `{"v":1,"kind":"key","seq":3,"time":"2026-11-24T15:00:00.000Z","sidecar":"s1","request_id":"","tenant":"","action":"handed_over"}`;
    const known = readFileSync(join(folderIn(state), 'tile/entries/000.p/3'));
    const frame = Buffer.concat([known, Buffer.from([0, text.length]), Buffer.from(text)]);
    writeFileSync(join(folderIn(state), 'tile/entries/000.p/4'), frame);
    expect(writerIn(state).size).toBe(3);
  });
});

describe('a log that is not as it was left', () => {
  const damages: [string, number, (folder: string) => void, string][] = [
    [
      'no checkpoint',
      300,
      (folder) => rmSync(join(folder, 'checkpoint')),
      'checkpoint is missing, but there are tiles',
    ],
    ['an empty checkpoint', 300, (folder) => truncateSync(join(folder, 'checkpoint')), 'checkpoint is damaged'],
    [
      'a changed checkpoint',
      300,
      (folder) => {
        const path = join(folder, 'checkpoint');
        writeFileSync(path, readFileSync(path, 'utf8').replace('\n300\n', '\n299\n'));
      },
      "checkpoint is not signed by this sidecar's key",
    ],
    ['no partial tile', 300, (folder) => rmSync(join(folder, 'tile/0/001.p/44')), '001.p/44 is missing'],
    ['no full tile at the edge', 512, (folder) => rmSync(join(folder, 'tile/0/001')), 'tile/0/001 is missing'],
    ['no tile above', 512, (folder) => rmSync(join(folder, 'tile/1/000.p/2')), 'tile/1/000.p/2 is missing'],
    ['no bundle', 300, (folder) => rmSync(join(folder, 'tile/entries/001.p/44')), 'entries/001.p/44 is missing'],
    ['a short tile', 300, (folder) => truncateSync(join(folder, 'tile/0/001.p/44'), 40), 'has 40 bytes'],
    ['a changed tile', 300, (folder) => flip(join(folder, 'tile/0/001.p/44'), 0), 'does not match the root'],
    ['a changed tile above', 300, (folder) => flip(join(folder, 'tile/1/000.p/1'), 0), 'does not match the root'],
    ['a changed full tile', 512, (folder) => flip(join(folder, 'tile/0/001'), 0), 'does not match the level above'],
    [
      'a changed entry',
      300,
      (folder) => flip(join(folder, 'tile/entries/001.p/44'), 30),
      'entries/001.p/44 is damaged',
    ],
    ['a torn bundle', 300, (folder) => truncateSync(join(folder, 'tile/entries/001.p/44'), 99), 'is damaged'],
  ];

  it.each(damages)('is refused, and nothing is begun over it: %s', (_, size, damage, message) => {
    const state = logOf(size);
    damage(folderIn(state));
    expect(() => writerIn(state)).toThrow(message);
    expect(() => writerIn(state)).toThrow('move the folder aside to begin a new log');
  });

  it('is refused in the place of another', () => {
    const state = logOf(3);
    mkdirSync(join(state, 'elsewhere'));
    renameSync(folderIn(state), folderIn(state, '2'));
    cpSync(folderIn(state, '2'), folderIn(state), { recursive: true });
    const other = newState();
    mkdirSync(join(other, 'evidence'));
    cpSync(join(state, 'evidence.key'), join(other, 'evidence.key'));
    cpSync(folderIn(state, '2'), folderIn(other), { recursive: true });
    expect(writerIn(other).size).toBe(3);
    const path = join(folderIn(other), 'checkpoint');
    const renamed = readFileSync(path, 'utf8').replaceAll('domicile/s1/1', 'domicile/s1/2');
    writeFileSync(path, renamed);
    expect(() => writerIn(other)).toThrow('is of domicile/s1/2, not of domicile/s1/1');
  });
});

describe('what a crash leaves', () => {
  it('is cleared away when the log is opened', async () => {
    const state = logOf(600);
    const folder = folderIn(state);
    writeFileSync(join(folder, '.tmp-3'), 'torn');
    for (const [path, width] of [
      ['tile/entries/001.p', '7'],
      ['tile/0/000.p', '200'],
      ['tile/0/002.p', '99'],
    ] as const) {
      mkdirSync(join(folder, path), { recursive: true });
      writeFileSync(join(folder, path, width), 'x');
    }
    writeFileSync(join(folder, 'tile/0/003'), 'x');
    expect(writerIn(state).size).toBe(600);
    expect(await verified(state)).toMatchObject({ size: 600, notes: [] });
    expect([...LogReader.open(folder).entries()]).toHaveLength(600);
  });
});

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}
