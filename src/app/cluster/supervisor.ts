import cluster from 'node:cluster';
import type { Log, LogLevel } from '../../telemetry/log.ts';
import type { Loaded } from '../data-plane.ts';
import type { FeedAddress } from '../fed-policies.ts';
import { DRAIN_BOUND, type Bound } from '../running.ts';
import { Member, type Exit, type MemberOwner } from './member.ts';
import { pack, type WorkerReport } from './messages.ts';

/** Milliseconds before a worker that died is replaced: the first, doubled each time up to the last. */
const FIRST_WAIT = 100;
const LAST_WAIT = 10_000;
/** Milliseconds that a worker has served after which its death is a first one again. */
const SETTLED = 30_000;
/**
 * Milliseconds in which clients of a worker that is replaced learn, with an answer, that their connection ends: closed
 * while a request is on its way to it, that request would fail.
 */
const ROLL_GRACE = 2000;
/** Milliseconds that a worker has to tell how things are. */
const REPORT_BOUND = 1000;

/** The place of one worker: whoever fills it has its number. */
interface Slot {
  readonly number: number;
  member: Member | null;
  wait: number;
  timer: NodeJS.Timeout | null;
}

/** Keeps a number of workers running: starts them, starts others in place of those that die, tells them all the same. */
export class Supervisor implements MemberOwner {
  readonly #log: Log;
  readonly #slots: readonly Slot[];
  /** Every process that is not gone, the leaving ones too. */
  readonly #members = new Set<Member>();
  readonly #onGone: (report: WorkerReport) => void;
  readonly #feed: FeedAddress;
  #loaded: Loaded;
  /** Workers that could not put in force what they were sent last, and why; nobody else could so far. */
  readonly #refusing = new Map<Member, string>();
  #accepted = true;
  #started = false;
  #stopping = false;
  #rolling = false;
  #restarts = 0;

  /**
   * @param loaded what the workers begin with
   * @param feed where they fetch policies
   * @param onGone told what a worker that is gone had last told
   */
  constructor(count: number, loaded: Loaded, feed: FeedAddress, log: Log, onGone: (report: WorkerReport) => void) {
    this.#slots = Array.from({ length: count }, (_, i) => ({
      number: i + 1,
      member: null,
      wait: FIRST_WAIT,
      timer: null,
    }));
    this.#loaded = loaded;
    this.#feed = feed;
    this.#log = log;
    this.#onGone = onGone;
    // The listening socket is the primary's, and the kernel hands its connections to whoever accepts: docs/adr/0010.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ serialization: 'advanced' });
  }

  /** Workers that serve. */
  get serving(): number {
    return this.#slots.filter(({ member }) => member?.state === 'serving').length;
  }

  /** Workers that were started in place of one that had died. */
  get restarts(): number {
    return this.#restarts;
  }

  /** What each worker last told, the leaving ones included. */
  get reports(): WorkerReport[] {
    return [...this.#members].flatMap(({ report }) => (report === null ? [] : [report]));
  }

  /** Starts all workers, or none. @throws Error, in one line, when one of them fails */
  async start(): Promise<readonly Bound[]> {
    try {
      const [listeners] = await Promise.all(this.#slots.map((slot) => this.#launch(slot).serving));
      this.#started = true;
      return listeners!;
    } catch (error) {
      const members = [...this.#members];
      this.abandon();
      await Promise.all(members.map(({ gone }) => gone));
      throw error;
    }
  }

  /**
   * Has every worker put these files in force, one call after the other. Resolves when nothing is decided by older ones
   * any more. A worker that cannot is replaced, unless none can: then what was in force stays.
   * @throws Error why none can
   */
  async replace(loaded: Loaded): Promise<void> {
    const before = this.#loaded;
    this.#loaded = loaded;
    this.#accepted = false;
    const load = pack(loaded);
    await Promise.all([...this.#members].map((member) => member.replace(load)));
    const [why] = this.#refusing.values();
    this.#refusing.clear();
    this.#accepted = true;
    if (why === undefined || this.#stopping) return;
    this.#loaded = before;
    // It has begun with them meanwhile.
    for (const member of this.#members) if (member.revision >= loaded.revision) member.kill();
    throw new Error(`no worker can put the files in force: ${why}`);
  }

  setLevel(level: LogLevel): void {
    for (const member of this.#members) member.setLevel(level);
  }

  /** Asks all how things are; those that do not answer in a second stay as they were last known. */
  async refresh(): Promise<void> {
    const ask = async (member: Member) => {
      if (!(await member.refresh(REPORT_BOUND)) && member.state === 'serving')
        this.#log.warn('a worker did not answer in time: its metrics are as last known', { worker: member.number });
    };
    await Promise.all([...this.#members].filter(({ state }) => state === 'serving' || state === 'leaving').map(ask));
  }

  /** Puts a new worker in the place of each, one place after the other. Resolves when the last old one is gone. */
  async roll(): Promise<void> {
    if (this.#rolling || this.#stopping) return;
    this.#rolling = true;
    this.#log.info('restarting all workers');
    const leaving: Promise<void>[] = [];
    try {
      for (const slot of this.#slots) {
        // A place that is empty, or was filled a moment ago, has a new one anyhow.
        if (slot.member?.state !== 'serving') continue;
        const next = this.#fork(slot);
        await next.serving;
        // Not always the one that served a moment ago: that one may have died, and another have been started, or be due.
        const before = slot.member;
        if (slot.timer !== null) clearTimeout(slot.timer);
        slot.timer = null;
        slot.member = next;
        if (before !== null) leaving.push(before.drain(DRAIN_BOUND, ROLL_GRACE));
      }
      await Promise.all(leaving);
      if (!this.#stopping) this.#log.info('all workers are restarted');
    } catch (error) {
      if (!this.#stopping) this.#log.error(`a new worker cannot start, the old ones stay: ${(error as Error).message}`);
      await Promise.all(leaving);
    } finally {
      this.#rolling = false;
    }
  }

  /** Has all finish what is in flight within `bound` milliseconds. Resolves when all are gone. */
  async drain(bound: number): Promise<void> {
    this.#stop();
    await Promise.all([...this.#members].map((member) => member.drain(bound)));
  }

  /** Ends all at once, without waiting for them. */
  abandon(): void {
    this.#stop();
    for (const member of this.#members) member.kill();
  }

  replaced(): void {
    this.#accepted = true;
    for (const [member, message] of this.#refusing) this.#dismiss(member, message);
    this.#refusing.clear();
  }

  notReplaced(member: Member, message: string): void {
    if (this.#stopping) return;
    if (this.#accepted || member.state === 'leaving') this.#dismiss(member, message);
    else this.#refusing.set(member, message);
  }

  #dismiss(member: Member, message: string): void {
    this.#log.error(`a worker cannot apply the files, another takes its place: ${message}`, { worker: member.number });
    // It would go on deciding by the old ones for as long as it was told it may.
    if (member.state === 'leaving') return member.kill();
    const slot = this.#slots[member.number - 1]!;
    member.drain(DRAIN_BOUND).catch((error: unknown) => this.#log.error('drain failed', { error }));
    if (slot.member === member) this.#launchLater(slot);
  }

  late(member: Member, what: string): void {
    this.#log.error(`a worker did not ${what} in time and is killed`, { worker: member.number });
  }

  #stop(): void {
    this.#stopping = true;
    for (const { timer } of this.#slots) if (timer !== null) clearTimeout(timer);
  }

  #launch(slot: Slot): Member {
    const member = this.#fork(slot);
    slot.member = member;
    return member;
  }

  /** @throws Error when no process can be started */
  #fork(slot: Slot): Member {
    const setup = () => ({
      worker: slot.number,
      load: pack(this.#loaded),
      level: this.#log.level,
      feed: this.#feed,
    });
    const member = new Member(slot.number, setup, this);
    this.#members.add(member);
    member.serving.then(
      () => this.#serves(member),
      // How it ended is told by `gone`, why it did not start by whoever waits for it.
      () => undefined,
    );
    member.gone.then(
      (exit) => this.#gone(slot, member, exit),
      () => undefined,
    );
    return member;
  }

  /** The level may have changed while it started. */
  #serves(member: Member): void {
    member.setLevel(this.#log.level);
    if (this.#started) this.#log.info('worker serves', { worker: member.number });
  }

  #gone(slot: Slot, member: Member, { code, signal }: Exit): void {
    this.#members.delete(member);
    if (member.report !== null) this.#onGone(member.report);
    if (slot.member !== member || this.#stopping || !this.#started) return;
    if (member.servingSince > 0 && Date.now() - member.servingSince >= SETTLED) slot.wait = FIRST_WAIT;
    const level = { worker: slot.number, exit_code: code, signal, wait_ms: slot.wait };
    this.#log.error('a worker died, another takes its place', level);
    this.#launchLater(slot);
  }

  #launchLater(slot: Slot): void {
    this.#restarts++;
    slot.member = null;
    const wait = slot.wait;
    slot.wait = Math.min(LAST_WAIT, wait * 2);
    slot.timer = setTimeout(() => {
      slot.timer = null;
      this.#launchAgain(slot);
    }, wait);
  }

  #launchAgain(slot: Slot): void {
    const failed = (error: unknown) =>
      this.#log.error(`a worker cannot start: ${(error as Error).message}`, { worker: slot.number });
    try {
      const member = this.#launch(slot);
      member.serving.catch((error: unknown) => {
        // A restart of all may have given its place to another meanwhile.
        if (!this.#stopping && slot.member === member) failed(error);
      });
    } catch (error) {
      failed(error);
      this.#launchLater(slot);
    }
  }
}
