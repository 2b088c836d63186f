import { Chunks } from './chunks.ts';
import { EntryHead } from './entry-head.ts';
import type { EntryText } from './entry-text.ts';
import type { Kind } from './entry.ts';
import { LogLock } from './lock.ts';
import { EVIDENCE_PRUNED, LOG_CLOSED, logEntry } from './log-entry.ts';
import type { Found, FromWriter } from './messages.ts';
import { evidenceFolder, folderOf, originOf, slotsFrom } from './names.ts';
import { Omissions, uncleanStop } from './omissions.ts';
import { Opening } from './opening.ts';
import type { OpenPort, WriterPort } from './thread.ts';
import { within } from './within.ts';
import { requireFullBundles } from './writer.ts';

export type { Kind } from './entry.ts';

export interface EvidenceLogOptions {
  /** Folder `state`. */
  readonly state: string;
  readonly sidecar: string;
  /** Number of the worker from 1, or `control`. Where another process still has that log, the next free one is taken. */
  readonly name: string;
  /** Private key as PKCS#8 PEM, or its seed as base64; null: `evidence.key` in `state`, made where it is not there. */
  readonly key: string | null;
  /** Milliseconds after which an entry is handed over to be written. At most 50. */
  readonly flushMs: number;
  /** Entries not yet durable, from which on there is no room. */
  readonly capacity: number;
  /** Told once each time that it can no longer be written, and that it can again. */
  readonly onChange: (state: EvidenceState) => void;
  /** Starts what writes; a thread by default. */
  readonly openPort?: OpenPort;
}

export interface EvidenceState {
  /** Why it cannot be written, in one line; null: it can. */
  readonly failing: string | null;
}

interface Waiter {
  readonly seq: number;
  readonly since: number;
  readonly done: (error: Error | null) => void;
}

/** Bytes not yet durable, from which on there is no room. */
const MAX_BYTES = 32 << 20;
/** Milliseconds between attempts to write where it fails, and between looks at how long things take. */
const TICK = 250;
/** Milliseconds that a write may take, and that anyone waits for one. */
const PATIENCE = 5000;

/**
 * One log of this process. Entries are encoded in this thread and written by another, in batches: after `flushMs`, or at
 * once where somebody waits. While a batch is written whoever asks is gathered for the next. Where it cannot be written
 * nothing is lost: it is tried again until it can.
 */
export class EvidenceLog {
  readonly origin: string;
  readonly folder: string;
  /** vkey of the key that signs it. */
  readonly verifier: string;
  /** Called before each batch is handed over, and every `flushMs` while `reserved` is above 0. */
  beforeFlush: (() => void) | null = null;
  readonly #options: EvidenceLogOptions;
  readonly #lock: LogLock;
  readonly #port: WriterPort;
  readonly #head = new EntryHead();
  readonly #chunks = new Chunks();
  readonly #omissions: Omissions;
  /** Sequence number of the next entry. */
  #next: number;
  #size: number;
  #reserved = 0;
  /** Bytes that were added, handed over and made durable since the start. */
  #bytes = 0;
  #bytesHanded = 0;
  #bytesDurable = 0;
  #failing: string | null = null;
  /** When the batch that is being written was handed over; null: none is. */
  #writingSince: number | null = null;
  /** Somebody waits for a batch that is not handed over yet, or it is overdue. */
  #isDue = false;
  #isSoon = false;
  #isClosed = false;
  #isLost = false;
  #waiters: Waiter[] = [];
  /** In the order in which the writer answers. */
  readonly #prunings: PromiseWithResolvers<void>[] = [];
  #onIdle: (() => void) | null = null;
  readonly #flushTimer: NodeJS.Timeout;
  #isArmed = false;
  readonly #ticker: NodeJS.Timeout;

  private constructor(options: EvidenceLogOptions, name: string, lock: LogLock, opening: Opening) {
    const { state, sidecar, flushMs } = options;
    this.#options = options;
    this.#lock = lock;
    this.#port = opening.port;
    this.#omissions = new Omissions(sidecar);
    this.origin = originOf(sidecar, name);
    this.folder = folderOf(evidenceFolder(state), sidecar, name);
    this.verifier = opening.verifier;
    this.#next = this.#size = opening.size;
    this.#flushTimer = setTimeout(() => this.#onFlushTimer(), flushMs);
    this.#isArmed = true;
    this.#ticker = setInterval(() => this.#tick(), TICK).unref();
    opening.attach(
      (message) => this.#answered(message),
      (error) => this.#lost(error),
    );
    this.#tellOpening(opening.found);
  }

  /**
   * Takes the log, or the next that is free; recovers what a crash left; and writes that it is open, and where the one
   * before it did not close, that. Resolves when that is durable.
   * @throws Error in one line, when a log is not as it was left, the key is not at hand, or it cannot be written
   */
  static async open(options: EvidenceLogOptions): Promise<EvidenceLog> {
    for (const name of slotsFrom(options.name)) {
      const lock = LogLock.take(options.state, name);
      if (lock === null) continue;
      let log: EvidenceLog;
      try {
        log = new EvidenceLog(options, name, lock, await Opening.of(options, name));
      } catch (error) {
        lock.release();
        throw error;
      }
      const error = await log.#settled();
      if (error === null) return log;
      await log.close(PATIENCE);
      throw error;
    }
    throw new Error(`no log is free under ${options.state}: put it on a disk of this machine, where locks hold`);
  }

  /** Entries that are durable. */
  get size(): number {
    return this.#size;
  }

  /** Entries that are not durable yet. */
  get depth(): number {
    return this.#next - this.#size;
  }

  /** Why it cannot be written, in one line; null: it can. */
  get failing(): string | null {
    return this.#failing;
  }

  /** Entries that are certain to come, as whoever sends them counts. */
  get reserved(): number {
    return this.#reserved;
  }

  set reserved(count: number) {
    this.#reserved = count;
    if (count > 0 && !this.#isArmed) this.#arm();
  }

  /** Whether one more may come. Whatever comes all the same is taken. */
  get hasRoom(): boolean {
    return (
      this.#failing === null &&
      this.#next - this.#size + this.#reserved < this.#options.capacity &&
      this.#bytes - this.#bytesDurable < MAX_BYTES
    );
  }

  /**
   * Adds an entry.
   * @param rest what follows `"time":…,` up to and including the closing brace; pure ASCII
   * @returns its sequence number
   * @throws RangeError for one of more than 16 KiB, TypeError when the log is closed
   */
  append(kind: Kind, rest: string): number {
    this.begin(kind).plain(rest);
    return this.end();
  }

  /**
   * Begins an entry where it will lie: all but its common beginning is for the caller to write, up to and including the
   * closing brace, and then to end. One that is begun and not ended never was.
   * @throws TypeError when the log is closed; what writes throws RangeError for more than 16 KiB
   */
  begin(kind: Kind): EntryText {
    if (this.#isClosed) throw new TypeError(`the log ${this.origin} is closed`);
    const text = this.#chunks.begin();
    this.#head.write(text, kind, this.#next);
    return text;
  }

  /** The entry that was begun is whole. Returns its sequence number. */
  end(): number {
    this.#bytes += this.#chunks.end();
    if (!this.#isArmed) this.#arm();
    return this.#next++;
  }

  /**
   * Has everything up to `seq` made durable now, together with whoever else waits.
   * @param done never called within this call. Null: a checkpoint covers it. Error: it could not be written within 5
   * seconds, or at all; it stays queued and is written when it can be.
   */
  durable(seq: number, done: (error: Error | null) => void): void {
    if (seq < this.#size) process.nextTick(done, null);
    else if (this.#failing !== null) process.nextTick(done, new Error(this.#failing));
    else {
      this.#waiters.push({ seq, since: performance.now(), done });
      if (this.#isSoon) return;
      this.#isSoon = true;
      // Whoever asks in the same turn is in the same batch.
      setImmediate(() => {
        this.#isSoon = false;
        this.#flush();
      });
    }
  }

  /** Best effort: so many entries were not taken. A gap entry tells as soon as there is room. */
  lose(count: number): void {
    this.#omissions.lost.count(count);
  }

  /** A refusal could not be recorded. A gap entry tells how many as soon as there is room. */
  refuse(): void {
    this.#omissions.refused.count(1);
  }

  /**
   * Deletes the entries [from, to), once an entry that says so is durable; their hashes stay. To be repeated where it
   * rejects: what is no longer there is no error.
   * @param from a multiple of 256, as is `to`, which is at most `size`
   * @throws RangeError for anything else; Error in one line, when it could not be written or deleted
   */
  async prune({ from, to }: { readonly from: number; readonly to: number }): Promise<void> {
    requireFullBundles(from, to, this.#size);
    this.#control(EVIDENCE_PRUNED, { from, to });
    const error = await this.#settled();
    if (error !== null) throw error;
    const pruning = Promise.withResolvers<void>();
    this.#prunings.push(pruning);
    this.#port.post({ type: 'prune', from, to }, []);
    return pruning.promise;
  }

  /**
   * Has everything made durable, with an entry that says that the log is closed, and lets go of it.
   * @param boundMs milliseconds that this may take
   * @returns how many entries could not be written
   */
  async close(boundMs: number): Promise<number> {
    if (this.#isClosed) throw new TypeError(`the log ${this.origin} is closed`);
    this.beforeFlush?.();
    this.beforeFlush = null;
    this.#tellOmissions();
    this.#control(LOG_CLOSED, {});
    this.#isClosed = true;
    const idle = this.#isLost ? Promise.resolve() : new Promise<void>((resolve) => (this.#onIdle = resolve));
    this.#hand(true);
    await within(boundMs, idle);
    clearInterval(this.#ticker);
    clearTimeout(this.#flushTimer);
    const hasEnded = this.#isLost || (await within(boundMs, this.#port.end()));
    // A thread that hangs in the disk may still write: the lock goes with the process.
    if (hasEnded) this.#lock.release();
    this.#end(`evidence is no longer written to ${this.folder}: the log is closed`);
    return this.depth;
  }

  #tellOpening({ closed, lastTime }: Found): void {
    if (!closed) this.append('gap', uncleanStop(this.#options.sidecar, lastTime, 0));
    this.#control('log.opened', { pid: process.pid });
  }

  #control(action: string, data: object): void {
    this.append('control', logEntry(this.#options.sidecar, this.origin, action, data));
  }

  #settled(): Promise<Error | null> {
    return new Promise((resolve) => this.durable(this.#next - 1, resolve));
  }

  #arm(): void {
    this.#isArmed = true;
    this.#flushTimer.refresh();
  }

  #onFlushTimer(): void {
    this.#isArmed = false;
    this.#flush();
    if (this.#reserved > 0) this.#arm();
  }

  #flush(): void {
    this.beforeFlush?.();
    this.#hand(false);
  }

  /** Hands over what there is, unless a batch is under way, or this is no time to try. */
  #hand(isAttempt: boolean): void {
    if (this.#writingSince !== null) {
      this.#isDue = true;
      return;
    }
    if (this.#isLost || (this.#failing !== null && !isAttempt)) return;
    this.#isDue = false;
    if (this.#next === this.#size && this.#failing === null) return;
    this.#writingSince = performance.now();
    this.#bytesHanded = this.#bytes;
    const chunks = this.#chunks.take();
    this.#port.hold(true);
    this.#port.post(
      { type: 'commit', chunks },
      chunks.map(({ buffer }) => buffer),
    );
  }

  #answered(message: FromWriter): void {
    if (this.#isLost) return; // a disk that hung when the log was closed, and went on
    if (message.type === 'committed') this.#committed(message.size, message.error, message.buffers);
    else if (message.type === 'pruned') this.#pruned(message.error);
    else throw new TypeError(`${message.type} answers nothing`);
  }

  #committed(size: number, error: string | null, buffers: readonly ArrayBuffer[]): void {
    this.#writingSince = null;
    this.#port.hold(false);
    this.#chunks.giveBack(buffers);
    this.#size = size;
    this.#release((waiter) => waiter.seq < size, null);
    if (error !== null) return this.#fail(error);
    this.#bytesDurable = this.#bytesHanded;
    this.#change(null);
    if (this.hasRoom && !this.#isClosed) this.#tellOmissions();
    if (this.#next === size) this.#onIdle?.();
    else if (this.#isDue || this.#waiters.length > 0 || this.#isClosed) this.#flush();
  }

  #pruned(error: string | null): void {
    const pruning = this.#prunings.shift();
    if (error === null) pruning?.resolve();
    else pruning?.reject(new Error(error));
  }

  /** Nothing is written from now on: whoever waits is told. */
  #end(why: string): void {
    this.#isLost = true;
    this.#failing ??= why;
    this.#release(() => true, new Error(why));
    for (const pruning of this.#prunings.splice(0)) pruning.reject(new Error(why));
  }

  #fail(why: string): void {
    this.#change(why);
    this.#release(() => true, new Error(why));
  }

  #change(failing: string | null): void {
    const was = this.#failing;
    this.#failing = failing;
    if ((was === null) !== (failing === null)) this.#options.onChange({ failing });
  }

  #release(isDone: (waiter: Waiter) => boolean, error: Error | null): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = waiters.filter((waiter) => !isDone(waiter));
    // In a turn of its own: one that throws keeps nobody else from being told.
    for (const waiter of waiters) if (isDone(waiter)) process.nextTick(waiter.done, error);
  }

  #tellOmissions(): void {
    for (const rest of this.#omissions.take()) this.append('gap', rest);
  }

  #tick(): void {
    const now = performance.now();
    if (this.#writingSince !== null && now - this.#writingSince > PATIENCE)
      this.#fail(`evidence cannot be written to ${this.folder}: a write takes more than 5 s: look at the disk`);
    const late = (waiter: Waiter) => now - waiter.since > PATIENCE;
    if (this.#waiters.some(late))
      this.#release(late, new Error(`evidence was not written to ${this.folder} within 5 s: look at the disk`));
    if (this.#failing !== null && this.#writingSince === null) this.#hand(true);
    if (this.hasRoom && !this.#isClosed) this.#tellOmissions();
  }

  #lost(error: Error): void {
    this.#writingSince = null;
    const why = `evidence is no longer written to ${this.folder}: its thread ended: ${error.message}: restart`;
    this.#change(why);
    this.#end(why);
    this.#onIdle?.();
  }
}
