import { describeFailure, systemFiles, type DurableFiles } from './durable.ts';
import type { Chunk, FromWriter, LogPlace, ToWriter } from './messages.ts';
import { LogWriter } from './writer.ts';

/** A log on disk behind messages: does what it is sent at once and in order, and answers each. */
export class WriterService {
  readonly #answer: (message: FromWriter) => void;
  readonly #files: DurableFiles;
  #writer: LogWriter | null = null;

  constructor(answer: (message: FromWriter) => void, files: DurableFiles = systemFiles) {
    this.#answer = answer;
    this.#files = files;
  }

  /** @throws TypeError for anything before `open` was answered by `opened` */
  take(message: ToWriter): void {
    if (message.type === 'open') this.#open(message.place);
    else if (this.#writer === null) throw new TypeError('no log is open');
    else if (message.type === 'commit') this.#commit(this.#writer, message.chunks);
    else this.#prune(this.#writer, message.from, message.to);
  }

  #open(place: LogPlace): void {
    try {
      this.#writer = new LogWriter(place, this.#files);
    } catch (error) {
      this.#answer({ type: 'refused', error: (error as Error).message });
      return;
    }
    const { size, verifier, found } = this.#writer;
    this.#answer({ type: 'opened', size, verifier, found });
  }

  #commit(writer: LogWriter, chunks: readonly Chunk[]): void {
    for (const { buffer, bytes } of chunks) writer.add(new Uint8Array(buffer, 0, bytes));
    const buffers = chunks.map(({ buffer }) => buffer);
    let error: string | null = null;
    try {
      writer.commit();
    } catch (failure) {
      error = describeFailure(writer.folder, failure);
    }
    this.#answer({ type: 'committed', size: writer.size, error, buffers });
  }

  #prune(writer: LogWriter, from: number, to: number): void {
    let error: string | null = null;
    try {
      writer.prune(from, to);
    } catch (failure) {
      error = `entries ${from} to ${to} of ${writer.folder} are not all removed: ${(failure as Error).message}`;
    }
    this.#answer({ type: 'pruned', error });
  }
}
