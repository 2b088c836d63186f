import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Chain } from './chain.ts';
import type { FeedLog } from './source.ts';

export interface JournalOptions {
  readonly path: string;
  readonly key: Buffer;
  /** The first line, as JSON. */
  readonly header: string;
  readonly log: FeedLog;
  /** Everything that holds at this moment, what was added so far with it: what a new file begins with. */
  whole(): readonly object[];
}

interface Open {
  readonly handle: FileHandle;
  readonly chain: Chain;
}

/** Lines that may lie in the file beside twice as many as hold, before it is written anew. */
const SPARE = 4096;
/** Characters that are signed and written in one go. */
const PIECE = 1 << 20;
/** Milliseconds after which a file that could not be written is tried again. */
const AGAIN = 5000;

/**
 * Signed lines, written behind and in order. The first write of a process makes the file anew, and so does every one after
 * the file has grown too long: beside the old one, which it then replaces.
 */
export class Journal {
  readonly #options: JournalOptions;
  #queue: object[] = [];
  #flushes: PromiseWithResolvers<void>[] = [];
  #working = false;
  /** Null: the file is to be written anew. */
  #file: Open | null = null;
  #lines = 0;
  #most = 0;
  #error: Error | null = null;
  /** It could not be removed either: what it says may no longer hold. */
  #misleading = false;
  /** Runs while it is left alone after a failure. */
  #pause: NodeJS.Timeout | null = null;
  /** It is to be tried again, whether or not there is anything new. */
  #due = false;

  constructor(options: JournalOptions) {
    this.#options = options;
  }

  /** Why it is not being written, or null. */
  get error(): string | null {
    return this.#error?.message ?? null;
  }

  add(entry: object): void {
    this.#queue.push(entry);
    this.#begin();
  }

  /**
   * Resolves when everything so far is on disk; or when that failed, and the file has been removed, so that it misleads
   * nobody. Rejects when even that failed.
   */
  flush(): Promise<void> {
    const flush = Promise.withResolvers<void>();
    this.#flushes.push(flush);
    this.#begin();
    return flush.promise;
  }

  /** Writes what there is to write, and ends. */
  async close(): Promise<void> {
    await this.flush().catch(() => {}); // that it failed was logged when it did
    if (this.#pause !== null) clearTimeout(this.#pause);
    await this.#file?.handle.close();
    this.#file = null;
  }

  #begin(): void {
    if (this.#working) return;
    this.#working = true;
    // What is added in one turn is written, and waited for, as one.
    setImmediate(() => void this.#work());
  }

  async #work(): Promise<void> {
    while (this.#queue.length > 0 || this.#flushes.length > 0 || this.#due) {
      this.#due = false;
      const flushes = this.#flushes.splice(0);
      try {
        await this.#write();
      } catch (error) {
        await this.#fail(error as Error);
      }
      for (const { resolve, reject } of flushes)
        if (this.#misleading) reject(this.#error);
        else resolve();
    }
    this.#working = false;
  }

  async #write(): Promise<void> {
    // Whatever is queued is in the whole that is written when the pause is over.
    if (this.#pause !== null) this.#queue = [];
    else if (this.#file === null || this.#lines + this.#queue.length > this.#most) await this.#writeAnew();
    else if (this.#queue.length > 0) await this.#append(this.#file, this.#queue.splice(0));
  }

  async #writeAnew(): Promise<void> {
    const { path, key, header, log } = this.#options;
    const whole = this.#options.whole();
    this.#queue = [];
    const beside = `${path}.new`;
    const file: Open = { handle: await open(beside, 'w', 0o600), chain: new Chain(key) };
    try {
      this.#lines = 0;
      await file.handle.write(file.chain.signed(header));
      await this.#append(file, whole);
      await rename(beside, path);
      await syncFolder(dirname(path));
    } catch (error) {
      await file.handle.close();
      throw error;
    }
    await this.#file?.handle.close();
    this.#file = file;
    this.#most = 2 * whole.length + SPARE;
    if (this.#error !== null) log.info('the last good state is written again', { path });
    this.#error = null;
    this.#misleading = false;
  }

  async #append({ handle, chain }: Open, entries: readonly object[]): Promise<void> {
    let piece = '';
    for (const [i, entry] of entries.entries()) {
      piece += chain.signed(JSON.stringify(entry));
      if (piece.length < PIECE && i < entries.length - 1) continue;
      await handle.writeFile(piece);
      piece = '';
    }
    this.#lines += entries.length;
    await handle.datasync();
  }

  async #fail(failure: Error): Promise<void> {
    const { path, log } = this.#options;
    this.#error = failure;
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.#due = true;
      this.#begin();
    }, AGAIN);
    this.#pause.unref();
    await this.#file?.handle.close().catch(() => {}); // it has failed already
    this.#file = null;
    try {
      await rm(path, { force: true });
      this.#misleading = false;
      log.error(
        'the last good state cannot be written: after a restart nothing is served before the control plane answers',
        {
          path,
          error: failure,
        },
      );
    } catch (error) {
      this.#misleading = true;
      log.error('the last good state can be neither written nor removed: remove it before a restart', { path, error });
    }
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
