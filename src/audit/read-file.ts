import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { MAX_ENTRY_BYTES } from './entry.ts';
import { TILE_WIDTH } from './tile.ts';

/** No file of a log is larger than a full bundle of the longest entries. */
const MAX_BYTES = TILE_WIDTH * (2 + MAX_ENTRY_BYTES);
/** A link is not followed, and what is no file is not waited for. */
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** What lies in a file's place can be none of a log. */
export class UnfitFile extends Error {
  readonly path: string;
  readonly why: string;

  constructor(path: string, why: string) {
    super(`${path} ${why}`);
    this.path = path;
    this.why = why;
  }
}

/**
 * A file of a log, as whoever wrote the folder left it, who may mean ill: nothing in it makes the reader wait, or read
 * without end.
 * @param most so many bytes of its beginning are read at most. Default: all
 * @throws UnfitFile for a link, a device, a folder, or more bytes than any file of a log has; what the file system throws
 */
export function readLogFile(path: string, most = MAX_BYTES): Buffer {
  const file = openRegular(path);
  try {
    const bytes = Buffer.allocUnsafeSlow(Math.min(most, sizeOf(path, fstatSync(file))));
    let end = 0;
    for (let read = -1; read !== 0 && end < bytes.length; end += read)
      read = readSync(file, bytes, end, bytes.length - end, null);
    return bytes.subarray(0, end);
  } finally {
    closeSync(file);
  }
}

/** Null: it is not there. Otherwise as `readLogFile`. */
export function readIfThere(path: string, most?: number): Buffer | null {
  try {
    return readLogFile(path, most);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** As `readIfThere`, where a disk may be slow to answer: in a copy of a log. */
export async function readCopyIfThere(path: string): Promise<Buffer | null> {
  try {
    await using file = await open(path, FLAGS);
    sizeOf(path, await file.stat());
    return await file.readFile();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    throw STRANGE.has(code) ? new UnfitFile(path, NO_FILE) : error;
  }
}

/** @throws UnfitFile for what is no file, or too large */
function sizeOf(path: string, found: Stats): number {
  if (found.isDirectory()) throw new UnfitFile(path, 'is a folder, and should be a file');
  if (!found.isFile()) throw new UnfitFile(path, NO_FILE);
  if (found.size > MAX_BYTES) throw new UnfitFile(path, `has ${found.size} bytes, more than any file of a log`);
  return found.size;
}

const NO_FILE = 'is no file of a log, but a link or device';
/** Of a link, and of a socket or a device without a driver. */
const STRANGE: ReadonlySet<string | undefined> = new Set(['ELOOP', 'ENXIO', 'ENODEV']);

function openRegular(path: string): number {
  try {
    return openSync(path, FLAGS);
  } catch (error) {
    if (STRANGE.has((error as NodeJS.ErrnoException).code)) throw new UnfitFile(path, NO_FILE);
    throw error;
  }
}
