import { decodeBase64 } from './base64.ts';
import { EMPTY_ROOT, HASH_BYTES } from './hash.ts';

/** The text of a note that a log signs: what it is at one size (C2SP tlog-checkpoint). */
export interface Checkpoint {
  /** Which log. */
  readonly origin: string;
  /** Entries. */
  readonly size: number;
  readonly root: Buffer;
  /** Further lines, none empty; this project writes none. */
  readonly extensions: readonly string[];
}

const SIZE = /^(?:0|[1-9][0-9]{0,15})$/;
// eslint-disable-next-line no-control-regex
const LINE = /^[^\x00-\x1f]+$/;

/** The note's text. @throws TypeError for what `parseCheckpoint` would not read back */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  const text = [origin, size, root.toString('base64'), ...extensions, ''].join('\n');
  try {
    parseCheckpoint(text);
  } catch (error) {
    throw new TypeError(`no checkpoint to write: ${(error as Error).message}`, { cause: error });
  }
  return text;
}

/** Reads a note's text. @throws Error in one line that tells what is wrong */
export function parseCheckpoint(text: string): Checkpoint {
  const [origin, size, root, ...rest] = text.split('\n');
  if (origin === undefined || size === undefined || root === undefined || rest.pop() !== '') {
    throw new Error('a checkpoint has at least three whole lines: origin, size, root');
  }
  if (!LINE.test(origin)) throw new Error('the first line of a checkpoint is its origin, without control characters');
  if (!SIZE.test(size) || !Number.isSafeInteger(Number(size))) {
    throw new Error(
      'the second line of a checkpoint is its size: a decimal number of at most 2^53 - 1, without leading zeros',
    );
  }
  const hash = decodeBase64(root);
  if (hash === null || hash.length !== HASH_BYTES) {
    throw new Error('the third line of a checkpoint is its root: 32 bytes in canonical base64');
  }
  if (size === '0' && !hash.equals(EMPTY_ROOT)) throw new Error('a checkpoint of no entries has the root of nothing');
  for (const [index, line] of rest.entries()) {
    if (!LINE.test(line)) throw new Error(`line ${index + 4} of a checkpoint is empty or has control characters`);
  }
  return { origin, size: Number(size), root: hash, extensions: rest };
}
