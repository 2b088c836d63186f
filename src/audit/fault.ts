import { relative } from 'node:path';
import { UnfitFile } from './read-file.ts';

/** The first thing in a log that is not as it was signed. */
export interface Fault {
  /** Relative to the log's folder, or the path of a file that was given. */
  readonly file: string;
  /** Bytes from the beginning of the file; of a file that is missing or strange as a whole, 0. */
  readonly offset: number;
  /** What is wrong, without the place. */
  readonly message: string;
}

export class LogFault extends Error implements Fault {
  readonly file: string;
  readonly offset: number;

  constructor(file: string, offset: number, message: string) {
    super(message);
    this.file = file;
    this.offset = offset;
  }
}

/**
 * What was thrown while a log was verified, so that it can cross threads: a fault, or a file that cannot be read.
 * @throws what is neither
 */
export function faultOf(folder: string, error: unknown): Fault {
  if (error instanceof LogFault) return { file: error.file, offset: error.offset, message: error.message };
  if (error instanceof UnfitFile) return { file: relative(folder, error.path), offset: 0, message: error.why };
  const { code, syscall, path } = error as NodeJS.ErrnoException;
  if (code === undefined || syscall === undefined) throw error;
  return { file: path === undefined ? '' : relative(folder, path), offset: 0, message: `cannot be read (${code})` };
}
