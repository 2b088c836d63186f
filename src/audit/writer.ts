import type { KeyObject } from 'node:crypto';
import { dirname } from 'node:path';
import { asciiJson } from './ascii.ts';
import { formatCheckpoint } from './checkpoint.ts';
import type { DurableFiles } from './durable.ts';
import { Edge, type TileFile } from './edge.ts';
import { EntryHead } from './entry-head.ts';
import type { Kind } from './entry.ts';
import { loadKeys, signHandOver } from './key.ts';
import { LOG_CLOSED } from './log-entry.ts';
import type { Found, LogPlace } from './messages.ts';
import { CHECKPOINT_FILE, evidenceFolder, folderOf, originOf, TEMPORARY, VERIFIER_FILE } from './names.ts';
import { noteSigner, signNote, type NoteSigner } from './note.ts';
import { uncleanStop } from './omissions.ts';
import { recover } from './recovery.ts';
import { parseTilePath, TILE_WIDTH, tilePath } from './tile.ts';

/**
 * A log on disk, for the one that may write it. A commit writes bundles and tiles first and the checkpoint last, each
 * durable before the next, so that at any instant the folder verifies as it lies. Whatever fails can be tried again:
 * everything not known to be on disk is written once more, to new files (after a failed fsync the kernel may have
 * forgotten what it did not write).
 */
export class LogWriter {
  readonly folder: string;
  readonly origin: string;
  readonly found: Found;
  readonly #files: DurableFiles;
  readonly #sidecar: string;
  readonly #edge: Edge;
  #signer: NoteSigner;
  /** Entries that a durable checkpoint covers; -1: there is no checkpoint. */
  #size: number;
  /**
   * What `checkpoint` may say as long as nobody else writes it: a commit that failed may have put one there. Null: it is
   * not there.
   */
  #own: readonly (string | null)[];
  /** What `key.pub` is known to say. */
  #published: string | null;
  /** Tiles that are or may be on disk, and that a later checkpoint may have no use for. */
  readonly #loose: Set<string>;
  /** Folders that are there, in this one. */
  readonly #folders = new Set<string>();
  /** Folders in which a name may not be on disk yet. */
  readonly #unsynced = new Set<string>();
  /** Something failed: temporary files may be left. */
  #isUnclean = true;

  /**
   * Opens a log, or begins one; hands it over where another key is to sign it.
   * @throws Error in one line, when it is not as it was left, or cannot be written
   */
  constructor(place: LogPlace, files: DurableFiles) {
    const { state, sidecar, name, key } = place;
    const keys = loadKeys(state, key);
    const root = evidenceFolder(state);
    this.#files = files;
    this.#sidecar = sidecar;
    this.origin = originOf(sidecar, name);
    this.folder = folderOf(root, sidecar, name);
    for (const folder of [root, this.folder]) {
      files.makeFolder(folder);
      files.syncFolder(dirname(folder));
    }
    const recovered = recover({ files, folder: this.folder, origin: this.origin, sidecar, keys });
    const next = noteSigner(this.origin, keys.current);
    this.#signer = recovered === null ? next : noteSigner(this.origin, recovered.signer);
    this.#edge = recovered?.edge ?? Edge.empty();
    this.#size = recovered?.size ?? -1;
    this.#own = [recovered?.checkpoint.toString('latin1') ?? null];
    this.#loose = new Set(recovered?.atEdge);
    this.#published = files.read(this.#at(VERIFIER_FILE))?.toString().trimEnd() ?? null;
    this.found = foundOf(recovered?.last ?? null);
    const taken = this.#edge.size - this.size;
    if (recovered === null) this.#begin();
    else if (taken > 0) {
      // Under the same checkpoint: what nobody had signed is never signed without being told apart, however it ends.
      this.#addEntry('gap', uncleanStop(sidecar, this.found.lastTime, taken));
      this.found = { ...this.found, closed: true };
    }
    if (this.#edge.size === 0) this.#addKey('began', null, null);
    this.commit();
    if (recovered !== null && next.verifier.text !== this.verifier) this.#handOver(recovered.signer, next);
  }

  /** vkey of what signs the log. */
  get verifier(): string {
    return this.#signer.verifier.text;
  }

  /** Entries that are durable. */
  get size(): number {
    return Math.max(0, this.#size);
  }

  /** Takes framed entries in; they are copied. */
  add(frames: Uint8Array): void {
    this.#edge.add(frames);
  }

  /**
   * Makes all that was added durable. `size` tells how far it came.
   * @throws Error in one line where somebody else wrote the log; what the file system throws; it can be tried again
   */
  commit(): void {
    this.#requireOwn();
    if (this.#isUnclean) this.#removeTemporaries();
    this.#isUnclean = true;
    const { size } = this.#edge;
    if (size > this.#size) {
      const files = this.#edge.unwritten();
      for (const { path } of files) this.#loose.add(path);
      this.#cover(files);
      this.#edge.settled();
    }
    // After the checkpoint: until then the log is signed by the key before, which the hand-over names.
    if (this.#published !== this.verifier) this.#publish();
    this.#removeLoose();
    this.#isUnclean = false;
  }

  /**
   * Deletes the entries [from, to), whole bundles of them; their hashes stay.
   * @throws RangeError where the checkpoint does not cover them all, or a bundle is in it in part; what `commit` throws
   */
  prune(from: number, to: number): void {
    requireFullBundles(from, to, this.size);
    this.#requireOwn();
    const folders = new Set<string>();
    for (let index = from / TILE_WIDTH; index < to / TILE_WIDTH; index++) {
      const path = this.#at(tilePath({ level: 'entries', index, width: TILE_WIDTH }));
      this.#files.remove(path);
      folders.add(dirname(path));
    }
    for (const folder of folders) this.#files.syncFolder(folder);
  }

  /** An empty log: from its first entry on it is written as any other. */
  #begin(): void {
    this.#removeTemporaries();
    this.#publish();
    this.#cover([]);
  }

  /** Alone in its commit: the only checkpoint of which `key.pub` can be found one key behind is that of the hand-over. */
  #handOver(from: KeyObject, to: NoteSigner): void {
    const previous = this.verifier;
    const signature = signHandOver(from, this.origin, this.#edge.size, to.verifier.text);
    this.#signer = to;
    this.#addKey('handed_over', previous, signature);
    this.commit();
  }

  #addKey(action: 'began' | 'handed_over', previous: string | null, signature: string | null): void {
    const head = {
      sidecar: this.#sidecar,
      request_id: '',
      tenant: '',
      action,
      key: this.verifier,
      previous,
      signature,
    };
    this.#addEntry('key', asciiJson(head).slice(1));
  }

  /** @param rest what follows the time */
  #addEntry(kind: Kind, rest: string): void {
    const text = EntryHead.before(rest, kind, this.#edge.size);
    const frame = Buffer.alloc(2 + text.length);
    frame.writeUInt16BE(text.length);
    frame.latin1Write(text, 2);
    this.#edge.add(frame);
  }

  /** Puts files in their places, and then a checkpoint that covers them. */
  #cover(files: readonly TileFile[]): void {
    const { origin } = this;
    const { size } = this.#edge;
    const text = formatCheckpoint({ origin, size, root: this.#edge.root(), extensions: [] });
    const bytes = Buffer.from(signNote(text, this.#signer));
    this.#own = [this.#requireOwn(), bytes.toString('latin1')];
    this.#put(files, { path: CHECKPOINT_FILE, bytes });
    this.#size = size;
  }

  /**
   * What `checkpoint` says. Whoever deletes the locks of processes that run lets a second one in: two that write one log
   * must not cover each other's entries.
   * @throws Error in one line where it is not what this writer put there
   */
  #requireOwn(): string | null {
    const path = this.#at(CHECKPOINT_FILE);
    const there = this.#files.read(path)?.toString('latin1') ?? null;
    if (this.#own.includes(there)) return there;
    throw new Error(
      `${path} is not as this process left it: see that no other writes this log and that nobody deletes locks, and restart`,
    );
  }

  #publish(): void {
    this.#put([], { path: VERIFIER_FILE, bytes: Buffer.from(`${this.verifier}\n`) });
    this.#published = this.verifier;
  }

  /** Puts files in their places, and once they are there for good another one; when it returns that is there for good too. */
  #put(files: readonly TileFile[], last: TileFile): void {
    for (const { path } of files) this.#makeFolder(dirname(path));
    const temporaries = [...files, last].map(({ bytes }, i) => ({
      path: this.#at(`${TEMPORARY}${i}`),
      bytes,
    }));
    this.#files.write(temporaries);
    this.#requireOwn(); // that may have taken long
    for (const [i, { path }] of files.entries()) this.#place(temporaries[i]!.path, path);
    this.#syncFolders();
    this.#place(temporaries.at(-1)!.path, last.path);
    this.#syncFolders();
  }

  /** @param path in the log's folder. Nothing to be normalized in it: `join` would cost as much as the system calls. */
  #at(path: string): string {
    return path === '.' ? this.folder : `${this.folder}/${path}`;
  }

  #place(temporary: string, path: string): void {
    this.#files.rename(temporary, this.#at(path));
    this.#unsynced.add(dirname(path));
  }

  #syncFolders(): void {
    for (const path of this.#unsynced) this.#files.syncFolder(this.#at(path));
    this.#unsynced.clear();
  }

  /** @param path in the log's folder */
  #makeFolder(path: string): void {
    if (path === '.' || this.#folders.has(path)) return;
    const around = dirname(path);
    this.#makeFolder(around);
    this.#files.makeFolder(this.#at(path));
    this.#unsynced.add(around);
    this.#folders.add(path);
  }

  /** Removes what the checkpoint on disk has no use for. */
  #removeLoose(): void {
    for (const path of this.#loose) {
      const tile = parseTilePath(path)!;
      const isNeeded = this.#edge.needs(tile);
      if (!isNeeded) this.#remove(path, this.#edge.needs({ ...tile, width: TILE_WIDTH }));
      // A full one that is needed now is needed for good.
      if (!isNeeded || tile.width === TILE_WIDTH) this.#loose.delete(path);
    }
  }

  /** @param isLast whether nothing more comes to its folder */
  #remove(path: string, isLast: boolean): void {
    this.#files.remove(this.#at(path));
    if (!isLast) return;
    this.#files.removeFolder(this.#at(dirname(path)));
    this.#folders.delete(dirname(path));
  }

  /** Of a commit that failed, or of a process that was killed. */
  #removeTemporaries(): void {
    for (const name of this.#files.list(this.folder) ?? [])
      if (name.startsWith(TEMPORARY)) this.#files.remove(this.#at(name));
  }
}

/** @throws RangeError where a bundle is in [from, to) in part, or not covered by a checkpoint of `size` */
export function requireFullBundles(from: number, to: number, size: number): void {
  const isWhole = from % TILE_WIDTH === 0 && to % TILE_WIDTH === 0;
  if (!isWhole || from < 0 || from >= to || to > size)
    throw new RangeError(`entries ${from} to ${to} are not full bundles of a log of ${size}`);
}

function foundOf(last: string | null): Found {
  if (last === null) return { closed: true, lastTime: null };
  const { kind, action, time } = JSON.parse(last) as { kind: unknown; action: unknown; time: string };
  return { closed: kind === 'control' && action === LOG_CLOSED, lastTime: time };
}
