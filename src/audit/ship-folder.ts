import { existsSync } from 'node:fs';
import { mkdir, open, rename, rm, rmdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Destination, Rule } from './destination.ts';
import { TEMPORARY } from './names.ts';
import { parseNote } from './note.ts';
import { readCopyIfThere } from './read-file.ts';

/** A whole file or none: temporary name, write, fsync, rename. Its name is durable once its folder is synced. */
export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `${TEMPORARY}${process.pid}`);
  // Others may write there: what they put in its place is not written through.
  await rm(temporary, { force: true });
  const file = await open(temporary, 'wx', 0o640);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** Makes names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Tells a folder from other destinations. */
export function folderId(root: string): string {
  return `folder:${root}`;
}

/** A folder, such as one on another disk or a network file system: `FOLDER/SIDECAR.NAME/…`, in the layout of a log. */
export class FolderDestination implements Destination {
  readonly id: string;
  readonly readable = true;
  readonly #root: string;
  /** Folders with names that are not durable yet. */
  readonly #unsynced = new Set<string>();
  readonly #made = new Set<string>();

  /** @param root absolute path. It must be there: one that is not mounted must not be made on another disk */
  constructor(root: string) {
    this.#root = root;
    this.id = folderId(root);
  }

  async put(path: string, bytes: Buffer, rule: Rule): Promise<void> {
    const target = join(this.#root, path);
    if (rule !== 'replace') {
      const there = await this.read(path);
      if (there !== null) {
        if (there.equals(bytes) || (rule === 'same_statement' && states(there, bytes))) return;
        throw new Error(`${target} holds something else than this log: it is not overwritten`);
      }
    }
    const folder = dirname(target);
    await this.#make(folder);
    await writeWhole(target, bytes);
    this.#unsynced.add(folder);
  }

  async settle(): Promise<void> {
    for (const folder of this.#unsynced) {
      await syncFolder(folder);
      this.#unsynced.delete(folder);
    }
  }

  read(path: string): Promise<Buffer | null> {
    return readCopyIfThere(join(this.#root, path));
  }

  async remove(path: string): Promise<void> {
    const target = join(this.#root, path);
    await rm(target, { force: true });
    try {
      await rmdir(dirname(target));
    } catch (error) {
      // The folder of the partial tiles of one place goes with the last of them.
      if (!LEFT_STANDING.has((error as NodeJS.ErrnoException).code)) throw error;
    }
    this.#made.delete(dirname(target));
  }

  /** With every folder on the way, whose names have to be durable too. */
  async #make(folder: string): Promise<void> {
    if (this.#made.has(folder)) return;
    if (!existsSync(this.#root)) throw new Error(`${this.#root} is not there: mount it, or make it`);
    const first = await mkdir(folder, { recursive: true });
    if (first !== undefined) {
      for (let made = folder; made.length >= first.length; made = dirname(made)) this.#unsynced.add(dirname(made));
    }
    this.#made.add(folder);
  }
}

const LEFT_STANDING: ReadonlySet<string | undefined> = new Set(['ENOTEMPTY', 'EEXIST', 'ENOENT']);

/** Whether two signed notes have the same text. */
function states(some: Buffer, other: Buffer): boolean {
  try {
    return parseNote(some).text === parseNote(other).text;
  } catch {
    return false; // what is no note states nothing
  }
}
