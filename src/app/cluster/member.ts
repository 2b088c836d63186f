import cluster, { type Worker } from 'node:cluster';
import type { LogLevel } from '../../telemetry/log.ts';
import type { Bound } from '../running.ts';
import type { PackedLoad, Setup, ToPrimary, ToWorker, WorkerReport } from './messages.ts';

/** Milliseconds from its start that a worker has to serve. */
const START_BOUND = 60_000;
/** Milliseconds that a worker has to put new files in force. */
const REPLACE_BOUND = 10_000;
/** Milliseconds beyond the bound of draining that a worker has to send its last spans and log lines. */
const LEAVE_BOUND = 5000;
/** Milliseconds in which the last messages of a process that has ended are read. */
const LAST_WORDS_BOUND = 1000;

/** How a process ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** What a worker asks and tells unasked. */
export interface MemberOwner {
  /** It has put in force what it was sent. */
  replaced(): void;
  /** It could not put in force what the primary had found valid. */
  notReplaced(member: Member, message: string): void;
  /** It has not done in time what it was told to, and is killed. */
  late(member: Member, what: string): void;
}

/** One worker process, as its primary sees it. */
export class Member {
  /** Number of the worker, from 1. */
  readonly number: number;
  /** Resolves when it serves; rejects, in one line, when it fails to. */
  readonly serving: Promise<readonly Bound[]>;
  readonly gone: Promise<Exit>;
  state: 'starting' | 'serving' | 'leaving' | 'gone' = 'starting';
  /** Revision of the files that it decides by; 0: it was not sent any yet. */
  revision = 0;
  /** When it began to serve, milliseconds since the epoch; 0: not yet. */
  servingSince = 0;
  /** What it last told. */
  report: WorkerReport | null = null;
  readonly #process: Worker;
  readonly #owner: MemberOwner;
  /** By id, reports that were asked for. */
  readonly #asked = new Map<number, () => void>();
  #lastAsked = 0;
  readonly #replacing = new Set<() => void>();
  /** It could not put in force what it was sent last. */
  #refused = false;
  /** It was told to finish what is in flight and nothing else: by what files makes no difference any more. */
  #finishing = false;

  /**
   * @param setup what it begins with, asked for when it can take it: starting a process takes a while
   * @throws Error when no process can be started
   */
  constructor(number: number, setup: () => Setup, owner: MemberOwner) {
    this.number = number;
    this.#owner = owner;
    this.#process = cluster.fork();
    const serving = Promise.withResolvers<readonly Bound[]>();
    const gone = Promise.withResolvers<Exit>();
    this.serving = serving.promise;
    this.gone = gone.promise;
    const late = setTimeout(() => this.#tooLate('start'), START_BOUND);
    this.#process.on('message', (message: ToPrimary) => {
      if (message.type === 'waiting') this.#start(setup());
      else if (message.type === 'failed') serving.reject(new Error(message.message));
      else if (message.type === 'serving') {
        clearTimeout(late);
        if (this.state === 'starting') this.state = 'serving';
        this.servingSince = Date.now();
        serving.resolve(message.listeners);
      } else this.#receive(message);
    });
    const ended = (exit: Exit, why: string) => {
      clearTimeout(late);
      serving.reject(new Error(why));
      for (const settle of [...this.#asked.values(), ...this.#replacing]) settle();
      gone.resolve(exit);
    };
    this.#process.on('exit', (code: number | null, signal: string | null) => {
      this.state = 'gone';
      const why = `a worker ended while it started (${signal ?? `exit code ${code}`}): see its output`;
      const exit = () => ended({ code, signal }, why);
      // Its last messages are read before `disconnect`, which may come after `exit`, or never: where it was being sent the
      // listening socket.
      if (!this.#process.isConnected()) return exit();
      const timer = setTimeout(exit, LAST_WORDS_BOUND);
      this.#process.once('disconnect', () => {
        clearTimeout(timer);
        exit();
      });
    });
    this.#process.on('error', (error) => {
      // Of a process that there never was nothing else is told.
      if (this.#process.process.pid !== undefined) return;
      this.state = 'gone';
      ended({ code: null, signal: null }, `a worker process cannot be started: ${error.message}`);
    });
  }

  /**
   * Puts files in force, also in one that is starting or leaving. Resolves when it decides by them, cannot, or decides
   * nothing any more; one that does not answer is killed.
   */
  replace(load: PackedLoad): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    // One that was not sent any yet will begin with these.
    this.#refused = false;
    const settled = () =>
      this.state === 'gone' ||
      this.#finishing ||
      this.#refused ||
      this.revision === 0 ||
      this.revision >= load.revision;
    if (settled()) {
      resolve();
      return promise;
    }
    const late = setTimeout(() => this.#tooLate('put the files in force'), REPLACE_BOUND);
    const settle = () => {
      if (!settled()) return;
      clearTimeout(late);
      this.#replacing.delete(settle);
      resolve();
    };
    this.#replacing.add(settle);
    this.#send({ type: 'replace', load });
    return promise;
  }

  setLevel(level: LogLevel): void {
    this.#send({ type: 'level', level });
  }

  /** Asks how things are. Resolves to whether `report` is new; within `bound` milliseconds. */
  refresh(bound: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const id = ++this.#lastAsked;
    const before = this.report;
    const settle = () => {
      clearTimeout(late);
      this.#asked.delete(id);
      resolve(this.report !== before);
    };
    const late = setTimeout(settle, bound);
    this.#asked.set(id, settle);
    this.#send({ type: 'report', id });
    return promise;
  }

  /**
   * Lets it finish what is in flight within `bound` milliseconds. Resolves when it is gone; one that stays is killed.
   * @param grace milliseconds of them in which connections without a request may bring one more
   */
  async drain(bound: number, grace = 0): Promise<void> {
    if (this.state === 'gone') return;
    const inFlight = this.state !== 'starting';
    this.state = 'leaving';
    if (!inFlight) {
      this.kill();
      await this.gone;
      return;
    }
    this.#finishing = grace === 0;
    for (const settle of this.#replacing) settle();
    const late = setTimeout(() => this.#tooLate('drain'), bound + LEAVE_BOUND);
    this.#send({ type: 'drain', bound, grace });
    await this.gone;
    clearTimeout(late);
  }

  kill(): void {
    this.#process.process.kill('SIGKILL');
  }

  #start(setup: Setup): void {
    this.revision = setup.load.revision;
    this.#send({ type: 'start', setup });
  }

  #tooLate(what: string): void {
    this.#owner.late(this, what);
    this.kill();
  }

  #receive(message: Exclude<ToPrimary, { type: 'waiting' | 'failed' | 'serving' }>): void {
    switch (message.type) {
      case 'replaced':
        this.revision = message.revision;
        this.#owner.replaced();
        for (const settle of this.#replacing) settle();
        break;
      case 'not_replaced':
        this.#refused = true;
        this.#owner.notReplaced(this, message.message);
        for (const settle of this.#replacing) settle();
        break;
      case 'report':
        this.report = message.report;
        this.#asked.get(message.id)?.();
        break;
    }
  }

  #send(message: ToWorker): void {
    // One that can no longer be told is going: `exit` says so.
    if (this.#process.isConnected()) this.#process.send(message, () => undefined);
  }
}
