import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { entriesOf, entryCount } from '../../src/audit/bundle.ts';
import { parseTilePath, tilePath, tilesAt } from '../../src/audit/tile.ts';

describe('the path of a tile', () => {
  test.each([
    [{ level: 0, index: 0, width: 256 }, 'tile/0/000'],
    [{ level: 0, index: 1, width: 17 }, 'tile/0/001.p/17'],
    [{ level: 'entries', index: 999, width: 256 }, 'tile/entries/999'],
    [{ level: 'entries', index: 1000, width: 255 }, 'tile/entries/x001/000.p/255'],
    [{ level: 0, index: 1_234_067, width: 5 }, 'tile/0/x001/x234/067.p/5'],
    [{ level: 63, index: Number.MAX_SAFE_INTEGER, width: 1 }, 'tile/63/x009/x007/x199/x254/x740/991.p/1'],
  ] as const)('%j is %s, and back', (tile, path) => {
    expect(tilePath(tile)).toBe(path);
    expect(parseTilePath(path)).toEqual(tile);
  });

  test('is read back whatever the tile', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.constant('entries' as const), fc.nat(63)),
        fc.maxSafeNat(),
        fc.integer({ min: 1, max: 256 }),
        (level, index, width) => {
          expect(parseTilePath(tilePath({ level, index, width }))).toEqual({ level, index, width });
        },
      ),
    );
  });

  test.each([
    ['tile/00/000', 'a level with a leading zero'],
    ['tile/64/000', 'a level that no tree has'],
    ['tile/0/0', 'a number that is not filled up'],
    ['tile/0/x000/000', 'a number that is filled up too much'],
    ['tile/0/001/000', 'a folder without its x'],
    ['tile/0/x001', 'a folder'],
    ['tile/0/x009/x007/x199/x254/x740/992', 'a number that cannot be held exactly'],
    ['tile/0/x001/x009/x007/x199/x254/x740/991', 'a number of too many parts'],
    ['tile/0/000.p/256', 'a full tile that calls itself partial'],
    ['tile/0/000.p/0', 'an empty tile'],
    ['tile/0/000.p/01', 'a width with a leading zero'],
    ['tile/0/000.p', 'the folder of partial tiles'],
    ['tile/0/000\n', 'a line end'],
    ['/tile/0/000', 'an absolute path'],
    ['tile/0/../0/000', 'a path that goes up'],
    ['tile/entry/000', 'another word'],
    ['.tmp-1', 'a temporary file'],
    ['checkpoint', 'the checkpoint'],
  ])('%j is none: %s', (path) => {
    expect(parseTilePath(path)).toBeNull();
  });
});

describe('the tiles of a log', () => {
  const names = (size: number) => tilesAt(size).map(tilePath);

  test('are as many as its size asks for', () => {
    expect(names(0)).toEqual([]);
    expect(names(1)).toEqual(['tile/entries/000.p/1', 'tile/0/000.p/1']);
    expect(names(256)).toEqual(['tile/entries/000', 'tile/0/000', 'tile/1/000.p/1']);
    expect(names(257)).toEqual([
      'tile/entries/000',
      'tile/entries/001.p/1',
      'tile/0/000',
      'tile/0/001.p/1',
      'tile/1/000.p/1',
    ]);
  });

  test('of 70,000 entries are those that the specification names', () => {
    const upper = names(70_000).filter((path) => !path.startsWith('tile/entries/'));
    expect(upper.filter((path) => path.startsWith('tile/0/')).length).toBe(274);
    expect(upper.slice(-4)).toEqual(['tile/0/273.p/112', 'tile/1/000', 'tile/1/001.p/17', 'tile/2/000.p/1']);
  });
});

describe('an entry bundle', () => {
  test('gives back its entries', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 }), (entries) => {
        const bundle = bundleOf(entries);
        expect(entryCount(bundle)).toBe(entries.length);
        expect([...entriesOf(bundle)].map((entry) => [...entry])).toEqual(entries.map((entry) => [...entry]));
      }),
    );
  });

  test('that is cut anywhere but between entries is refused, with the place', () => {
    const bundle = bundleOf([Buffer.alloc(3), Buffer.alloc(300)]);
    for (let length = 0; length < bundle.length; length++) {
      const cut = bundle.subarray(0, length);
      if (length === 0 || length === 5) {
        expect(entryCount(cut)).toBe(length === 0 ? 0 : 1);
        continue;
      }
      const place = `the entry at offset ${length < 5 ? 0 : 5} goes past the end of its bundle (${length} bytes)`;
      expect(() => entryCount(cut)).toThrow(new RangeError(place));
      expect(() => [...entriesOf(cut)]).toThrow(new RangeError(place));
    }
  });
});

function bundleOf(entries: readonly Uint8Array[]): Buffer {
  return Buffer.concat(entries.flatMap((entry) => [Buffer.of(entry.length >> 8, entry.length & 0xff), entry]));
}
