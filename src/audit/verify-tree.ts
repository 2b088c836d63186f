import { join } from 'node:path';
import type { ControlEntry } from './entry.ts';
import { LogFault } from './fault.ts';
import { HASH_BYTES } from './hash.ts';
import { EVIDENCE_PRUNED } from './log-entry.ts';
import { CHECKPOINT_FILE } from './names.ts';
import { readIfThere } from './read-file.ts';
import { hashIn, subtree } from './reader.ts';
import { TILE_WIDTH, tilePath, type TileName } from './tile.ts';
import { rootAt } from './tree.ts';
import { BundleChecker, firstDifference, requireWidth, type Marked } from './verify-bundles.ts';
import type { Extra } from './verify-layout.ts';
import { lineOffset, type Snapshot } from './verify-snapshot.ts';
import { checkBundles } from './verify-threads.ts';

const ROOT_LINE = 2;

/** Checks that bundles and tiles are those of which a checkpoint states the root. */
export class TreeCheck {
  readonly #folder: string;
  readonly #snapshot: Snapshot;
  readonly #size: number;
  /** Entries that say something about the log itself, in order. */
  readonly marked: Marked[] = [];
  /** Bundles that are not there, and were said to be deleted. */
  pruned = 0;

  constructor(folder: string, snapshot: Snapshot) {
    this.#folder = folder;
    this.#snapshot = snapshot;
    this.#size = snapshot.checkpoint.size;
  }

  /**
   * Checks every entry and every hash. Where two files differ, the one that does not fit the rest is the fault.
   * @param onProgress told how many entries are checked
   * @throws LogFault
   */
  async run(onProgress: (entries: number) => void): Promise<void> {
    const count = Math.floor(this.#size / TILE_WIDTH);
    const results = await checkBundles({
      folder: this.#folder,
      count,
      onProgress: (bundles) => onProgress(bundles * TILE_WIDTH),
    });
    const missing: number[] = [];
    for (const { fault, ...result } of results) {
      if (fault !== null) throw new LogFault(fault.file, fault.offset, fault.message);
      missing.push(...result.missing);
      this.marked.push(...result.marked);
    }
    this.#checkEdge();
    this.#checkAbove(Buffer.concat(results.map(({ roots }) => roots)));
    const reader = { hash: (level: number, index: number) => hashIn(this.#tile, level, index) };
    if (!rootAt(this.#size, reader).equals(this.#snapshot.checkpoint.root))
      throw new LogFault(
        CHECKPOINT_FILE,
        lineOffset(this.#snapshot.checkpointBytes, ROOT_LINE),
        'states another root than that of the entries here',
      );
    this.#account(missing);
  }

  /** Checks what the checkpoint covers of a file that it does not need. @throws LogFault */
  checkExtra({ path, tile: { level, index, width }, covered }: Extra): void {
    if (covered === 0) return;
    const bytes = readIfThere(join(this.#folder, path));
    if (bytes === null) return; // deleted meanwhile
    const hashes = this.#tile(level === 'entries' ? 0 : level, index);
    if (level === 'entries') new BundleChecker().prefix(path, index, bytes, hashes, covered, covered === width);
    else {
      if (covered === width) requireWidth(path, bytes, width);
      const known = hashes.subarray(0, covered * HASH_BYTES);
      if (bytes.subarray(0, known.length).equals(known)) return;
      throw new LogFault(path, firstDifference(known, bytes), 'is not what the tile in its place begins with');
    }
  }

  #checkEdge(): void {
    const width = this.#size % TILE_WIDTH;
    if (width === 0) return;
    const index = Math.floor(this.#size / TILE_WIDTH);
    const tile = this.#tile(0, index);
    const path = tilePath({ level: 'entries', index, width });
    const fits = (hashes: Buffer) => this.#fits({ level: 0, index, width }, hashes);
    new BundleChecker().bundle(index, this.#snapshot.edge.get(path)!, tile, this.marked, fits);
  }

  /** @param hashes what the tiles of level 1 must be: roots of the full tiles of level 0 */
  #checkAbove(hashes: Buffer): void {
    for (let level = 1; hashes.length > 0; level++) {
      const roots: Buffer[] = [];
      for (let index = 0, at = 0; at < hashes.length; index++, at += TILE_WIDTH * HASH_BYTES) {
        const expected = hashes.subarray(at, at + TILE_WIDTH * HASH_BYTES);
        const tile = this.#tile(level, index);
        if (!tile.equals(expected)) throw this.#differing(level, index, tile, expected);
        if (expected.length === TILE_WIDTH * HASH_BYTES) roots.push(subtree(expected));
      }
      hashes = Buffer.concat(roots);
    }
  }

  #differing(level: number, index: number, tile: Buffer, expected: Buffer): LogFault {
    const width = expected.length / HASH_BYTES;
    const name = { level, index, width };
    const at = firstDifference(expected, tile);
    if (!this.#fits(name, tile) || this.#fits(name, expected))
      return new LogFault(tilePath(name), at, 'is not the root of the tile below it');
    const below = { level: level - 1, index: index * TILE_WIDTH + Math.floor(at / HASH_BYTES), width: TILE_WIDTH };
    return new LogFault(tilePath(below), 0, 'has a hash that is not the one that was signed');
  }

  /** Whether hashes, in the place of a tile, lead to what is above it: a hash of the tile there, or the root. */
  #fits({ level, index, width }: TileName & { readonly level: number }, hashes: Buffer): boolean {
    if (width === TILE_WIDTH) {
      const at = (index % TILE_WIDTH) * HASH_BYTES;
      return this.#tile(level + 1, Math.floor(index / TILE_WIDTH))
        .subarray(at, at + HASH_BYTES)
        .equals(subtree(hashes));
    }
    const tile = (l: number, i: number) => (l === level && i === index ? hashes : this.#tile(l, i));
    const root = rootAt(this.#size, { hash: (l, i) => hashIn(tile, l, i) });
    return root.equals(this.#snapshot.checkpoint.root);
  }

  /** A tile as the checkpoint needs it. @throws LogFault where it is missing or of another length */
  readonly #tile = (level: number, index: number): Buffer => {
    const width = Math.min(TILE_WIDTH, Math.floor(this.#size / TILE_WIDTH ** level) - index * TILE_WIDTH);
    const path = tilePath({ level, index, width });
    const bytes = this.#snapshot.edge.get(path) ?? readIfThere(join(this.#folder, path));
    if (bytes === null) throw new LogFault(path, 0, 'is missing');
    requireWidth(path, bytes, width);
    return bytes;
  };

  /** Each bundle that is missing must be one that a later entry says was deleted. */
  #account(missing: readonly number[]): void {
    const ranges = this.marked.flatMap(({ seq, text }) => this.#prunedBy(seq, text));
    for (const index of missing) {
      const [first, end] = [index * TILE_WIDTH, (index + 1) * TILE_WIDTH];
      if (!ranges.some(({ from, to }) => from <= first && end <= to))
        throw new LogFault(tilePath({ level: 'entries', index, width: TILE_WIDTH }), 0, 'is missing');
    }
    this.pruned = missing.length * TILE_WIDTH;
  }

  #prunedBy(seq: number, text: string): { readonly from: number; readonly to: number }[] {
    const { kind, action, object, object_id, data } = JSON.parse(text) as Partial<ControlEntry>;
    const isPruning = kind === 'control' && action === EVIDENCE_PRUNED && object === 'log';
    if (!isPruning || object_id !== this.#snapshot.checkpoint.origin) return [];
    const { from, to } = data ?? {};
    return typeof from === 'number' && typeof to === 'number' && to <= seq ? [{ from, to }] : [];
  }
}
