import {
  closeSync,
  fdatasyncSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { readIfThere } from './read-file.ts';

export interface NewFile {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** What a log asks of the file system; all of it synchronous, and all of it throws what Node throws. */
export interface DurableFiles {
  /**
   * Makes files that were not there, of their owner only, and returns once their content is on the disk. All are written
   * before the first is synced: what a file system has to do for one it then does for all.
   */
  write(files: readonly NewFile[]): void;
  /** Puts a file in the place of another, or where there is none. Durable once the folder is. */
  rename(from: string, to: string): void;
  /** Returns once the names in a folder are on the disk. */
  syncFolder(path: string): void;
  /** Makes a folder, unless it is there. Durable once the folder around it is. */
  makeFolder(path: string): void;
  /** Removes a file, if it is there. */
  remove(path: string): void;
  /** Removes a folder, if it is there and nothing is in it. */
  removeFolder(path: string): void;
  /** Names in a folder; null: it is not there. */
  list(path: string): string[] | null;
  /** A file of a log; null: it is not there. */
  read(path: string): Buffer | null;
}

/** The file system of this machine. */
export const systemFiles: DurableFiles = {
  write(files) {
    const open: number[] = [];
    try {
      for (const { path, bytes } of files) {
        const file = openSync(path, 'wx', 0o600);
        open.push(file);
        for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at);
      }
      for (const file of open) fdatasyncSync(file);
    } finally {
      for (const file of open) closeSync(file);
    }
  },
  rename: renameSync,
  syncFolder(path) {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  },
  makeFolder: (path) => unless(['EEXIST'], () => mkdirSync(path, 0o700)),
  remove: (path) => unless(['ENOENT'], () => unlinkSync(path)),
  removeFolder: (path) => unless(['ENOENT', 'ENOTEMPTY', 'EEXIST'], () => rmdirSync(path)),
  list: (path) => unless(['ENOENT'], () => readdirSync(path)),
  read: readIfThere,
};

/** Null where it failed in one of these ways. */
function unless<T>(codes: readonly string[], act: () => T): T | null {
  try {
    return act();
  } catch (error) {
    if (codes.includes((error as NodeJS.ErrnoException).code ?? '')) return null;
    throw error;
  }
}

const FIXES: Readonly<Record<string, string>> = {
  ENOSPC: 'free space there',
  EDQUOT: 'raise the quota or free space there',
  EFBIG: 'raise the limit of file sizes',
  EROFS: 'mount it writable',
  EACCES: 'let this user write there',
  EPERM: 'let this user write there',
  EMFILE: 'raise the limit of open files',
  ENOENT: 'restore what was removed there, and restart',
  EIO: 'look at the disk',
};

/** One line for people: what, where and what to do. */
export function describeFailure(folder: string, error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) return `evidence cannot be written to ${folder}: ${message}`; // our own, which says what to do
  const fix = FIXES[code] ?? 'look at the disk';
  return `evidence cannot be written to ${folder}: ${message}: ${fix}; what is queued is written as soon as it can be`;
}
