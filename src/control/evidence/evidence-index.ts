import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { EMPTY_ROOT } from '../../audit/hash.ts';
import { findLogs, LogReader, type SignedCheckpoint } from '../../audit/reader.ts';
import { TILE_WIDTH, tilePath } from '../../audit/tile.ts';
import { rootAt } from '../../audit/tree.ts';
import {
  advanceEvidence,
  evidenceIsWhole,
  evidenceLogs,
  forgetEvidence,
  restartEvidence,
  type EvidenceLogRow,
} from '../../store/evidence.ts';
import type { Store } from '../../store/store.ts';
import type { Log } from '../../telemetry/log.ts';
import { HeadReader } from './head.ts';
import { Gathered } from './read.ts';

/** Milliseconds between two looks. */
const EACH = 5000;
/** While nobody waits for it a look takes one part in so many of the time: requests come first. */
const SHARE = 10;
/** Milliseconds for which a look holds up everything else before it lets others go first. */
const TURN = 5;
/** What one transaction takes in: so many entries at the most, or so many rows, or little more. */
const ENTRIES = 65_536;
const ROWS = 500;
/** Milliseconds for which an answer waits for what is in the logs already. */
const PATIENCE = 1000;
/** Milliseconds between two looks for what was pruned. */
const PRUNED_EACH = 600_000;
/** Milliseconds before a log that contradicts the index is read anew once more: two logs of one name must not take turns. */
const ANEW_EACH = 60_000;

export interface EvidenceIndexOptions {
  readonly store: Store;
  readonly log: Log;
  /** Folder in which this machine's own logs are. */
  readonly own: string;
  /** More folders, of copies of others' logs: these may lag behind. */
  readonly collect: readonly string[];
}

/** A log that is on this machine. */
export interface KnownLog {
  readonly reader: LogReader;
  readonly checkpoint: SignedCheckpoint;
  readonly own: boolean;
}

/** What people must know of an index before they believe that an answer holds everything. */
export interface EvidenceProblem {
  /** Origin of a log, or the folder of one that does not open. */
  readonly log: string;
  readonly problem: string;
}

/**
 * Keeps the store's index of evidence up with the logs on this machine. The logs are the truth: what was lost of the index
 * is made anew, and a log that contradicts it is reported. It believes the files as they are; `domicile audit verify` does not.
 */
export class EvidenceIndex {
  readonly store: Store;
  readonly #options: EvidenceIndexOptions;
  readonly #log: Log;
  readonly #head = new HeadReader();
  readonly #stop = new AbortController();
  /** Whoever waits for a look that is under way, or to come. */
  #waiting = 0;
  /** Ends the rest that a look takes. */
  #rest: AbortController | null = null;
  #running: Promise<void> = Promise.resolve();
  /** A look that has not begun yet: whoever asks meanwhile waits for it. */
  #next: Promise<void> | null = null;
  #known: ReadonlyMap<string, KnownLog> = new Map();
  /** Whose index has not come up to the checkpoint that was seen. */
  readonly #behind = new Set<string>();
  /** Whose rows have been counted since the start. */
  readonly #counted = new Set<string>();
  readonly #anew = new Map<string, number>();
  /** By log or folder, what is wrong with it as things stand; told once each. */
  readonly #failing = new Map<string, string>();
  #prunedAt = -Infinity;

  constructor(options: EvidenceIndexOptions) {
    this.store = options.store;
    this.#options = options;
    this.#log = options.log;
  }

  /** Looks at once, and every five seconds from then on: whoever asks has it look too. */
  start(): void {
    void this.#run();
  }

  /** Resolves once the look under way is over. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#rest?.abort();
    await (this.#next ?? this.#running);
  }

  /** Resolves once everything that the logs held when it was called is in the index, or cannot be read. Never rejects. */
  async look(): Promise<void> {
    this.#waiting++;
    this.#rest?.abort();
    await this.#another();
    this.#waiting--;
  }

  #another(): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      this.#running = this.#look();
      return this.#running;
    });
    return this.#next;
  }

  /** As `look`, for a second at most. */
  async fresh(): Promise<void> {
    const over = new AbortController();
    await Promise.race([this.look(), sleep(PATIENCE, undefined, { signal: over.signal }).catch(() => {})]);
    over.abort();
  }

  /** Logs on this machine, by origin. */
  get logs(): ReadonlyMap<string, KnownLog> {
    return this.#known;
  }

  /** Origins of logs of which more has been seen than is in the index. */
  get behind(): readonly string[] {
    return [...this.#behind].sort();
  }

  /** What is wrong with logs as things stand, as far as this machine can tell. */
  get failing(): readonly EvidenceProblem[] {
    return Array.from(this.#failing, ([log, problem]) => ({ log, problem }));
  }

  /** What was ever found of logs that contradicted what had been read of them. */
  async contradictions(): Promise<readonly EvidenceProblem[]> {
    const rows = await evidenceLogs(this.store.db);
    return rows.flatMap(({ origin, problem }) => (problem === null ? [] : [{ log: origin, problem }]));
  }

  /** Takes note that a log could not be read for an answer. */
  unreadable(origin: string, error: unknown): void {
    this.#fails(origin, error);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await this.#another();
      await sleep(EACH, undefined, { signal, ref: false }).catch(() => {}); // it was stopped
    }
  }

  async #look(): Promise<void> {
    try {
      this.#known = await this.#find();
      for (const [origin, known] of this.#known) {
        if (this.#stop.signal.aborted) return;
        await this.#follow(origin, known);
      }
      if (performance.now() - this.#prunedAt > PRUNED_EACH) await this.#forgetPruned();
      this.#failing.delete(STORE);
    } catch (error) {
      this.#fails(STORE, error);
    }
  }

  /** The logs on this machine; of several copies of one the longest. */
  async #find(): Promise<Map<string, KnownLog>> {
    const { own, collect } = this.#options;
    const found = new Map<string, KnownLog>();
    for (const root of [own, ...collect]) {
      for (const folder of await this.#foldersIn(root)) {
        const reader = LogReader.open(folder);
        try {
          const checkpoint = reader.checkpoint();
          const other = found.get(checkpoint.origin);
          if (other === undefined || other.checkpoint.size < checkpoint.size)
            found.set(checkpoint.origin, { reader, checkpoint, own: root === own });
          this.#failing.delete(folder);
        } catch (error) {
          this.#fails(folder, error);
        }
      }
    }
    return found;
  }

  async #foldersIn(root: string): Promise<readonly string[]> {
    try {
      const folders = await findLogs(root);
      this.#failing.delete(root);
      return folders;
    } catch (error) {
      // Before the first log is opened there is no folder for them.
      const early = root === this.#options.own && (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (!early) this.#fails(root, error);
      return [];
    }
  }

  async #follow(origin: string, known: KnownLog): Promise<void> {
    this.#behind.add(origin);
    try {
      let row = await this.#rowOf(origin);
      while (row !== null && !this.#stop.signal.aborted) {
        const began = performance.now();
        row = await this.#step(origin, known, row);
        await this.#restFor((SHARE - 1) * (performance.now() - began));
      }
      this.#failing.delete(origin);
    } catch (error) {
      this.#fails(origin, error);
    }
  }

  /** Lets others go first: for so many milliseconds, or until somebody waits. */
  async #restFor(ms: number): Promise<void> {
    if (this.#waiting > 0 || this.#stop.signal.aborted) return setImmediate();
    this.#rest = new AbortController();
    await sleep(ms, undefined, { signal: this.#rest.signal, ref: false }).catch(() => {}); // somebody waits
    this.#rest = null;
  }

  /** The log's row, made where there is none, and made anew where rows that belong to it are lost. */
  async #rowOf(origin: string): Promise<EvidenceLogRow | null> {
    const { store } = this;
    const row = await this.#stored(origin);
    if (row !== null && row.size >= 0 && (this.#counted.has(origin) || (await this.#isWhole(row)))) {
      this.#counted.add(origin);
      return row;
    }
    if (row !== null && row.size >= 0)
      this.#log.warn('the index of a log of evidence has lost rows: reading it anew', { evidence_log: origin });
    await restartEvidence(store, origin, EMPTY_ROOT.toString('base64'), null);
    this.#counted.add(origin);
    return this.#stored(origin);
  }

  /** Counted twice before it is called lost: others may add rows between two looks. */
  async #isWhole(row: EvidenceLogRow): Promise<boolean> {
    const { db } = this.store;
    if (await evidenceIsWhole(db, row)) return true;
    const now = await this.#stored(row.origin);
    return now === null || now.size !== row.size || (await evidenceIsWhole(db, now));
  }

  async #stored(origin: string): Promise<EvidenceLogRow | null> {
    return (await evidenceLogs(this.store.db)).find((row) => row.origin === origin) ?? null;
  }

  /** Reads on for a moment. @returns the row then; null: there is no more to do, or it must wait */
  async #step(
    origin: string,
    { reader, checkpoint, own }: KnownLog,
    row: EvidenceLogRow,
  ): Promise<EvidenceLogRow | null> {
    const { size } = checkpoint;
    const root = checkpoint.root.toString('base64');
    if (row.size === size && row.root === root) {
      this.#behind.delete(origin);
      return null;
    }
    // Somebody else is making it anew.
    if (row.size < 0) return null;
    // A copy may lag behind; the log itself never does.
    if (row.size > size && !own) {
      this.#behind.delete(origin);
      return null;
    }
    if (row.size > size)
      return this.#readAnew(origin, `had ${row.size} entries and now has ${size}: it was put back to an older state`);
    const hashes = reader.hashesAt(size);
    if (rootAt(size, hashes).toString('base64') !== root)
      throw new Error(
        `the tiles in ${reader.folder} do not lead to the root of its checkpoint: run domicile audit verify`,
      );
    if (rootAt(row.size, hashes).toString('base64') !== row.root)
      return this.#readAnew(
        origin,
        `no longer begins with the ${row.size} entries that were read before: it was rewritten`,
      );

    const gathered = new Gathered(origin);
    let to = row.size;
    let end = performance.now() + TURN;
    while (to < size && to - row.size < ENTRIES && gathered.entries.length < ROWS) {
      const index = Math.floor(to / TILE_WIDTH);
      const next = Math.min((index + 1) * TILE_WIDTH, size);
      const bundle = reader.bundle(index, size); // null: pruned
      if (bundle !== null) gathered.add(bundle, index * TILE_WIDTH, to, next, this.#head);
      to = next;
      if (performance.now() < end) continue;
      await setImmediate();
      end = performance.now() + TURN;
    }
    if (gathered.problem !== null) this.#fails(`${origin}#`, new Error(gathered.problem));
    const { spans, entries } = gathered;
    await advanceEvidence(this.store, row, { size: to, root: rootAt(to, hashes).toString('base64'), spans, entries });
    return this.#stored(origin);
  }

  /** Because of what is wrong with the log itself: that is written down, for good. */
  async #readAnew(origin: string, what: string): Promise<EvidenceLogRow | null> {
    const last = this.#anew.get(origin) ?? -Infinity;
    if (performance.now() - last < ANEW_EACH) return null;
    this.#anew.set(origin, performance.now());
    const problem = `${what} (found ${new Date().toISOString()})`;
    this.#log.error(`the log of evidence ${origin} ${what}; its index is made anew`, { evidence_log: origin });
    await restartEvidence(this.store, origin, EMPTY_ROOT.toString('base64'), problem);
    return this.#stored(origin);
  }

  /** Takes out of the index what retention has taken out of the logs. */
  async #forgetPruned(): Promise<void> {
    for (const row of await evidenceLogs(this.store.db)) {
      const reader = this.#known.get(row.origin)?.reader;
      if (reader === undefined) continue;
      const full = Math.floor(row.size / TILE_WIDTH);
      for (let index = 0; index < full && !this.#stop.signal.aborted; index++) {
        const bundle = { level: 'entries', index, width: TILE_WIDTH } as const;
        if (!existsSync(join(reader.folder, tilePath(bundle))))
          await forgetEvidence(this.store, row.origin, index * TILE_WIDTH, (index + 1) * TILE_WIDTH);
        if (index % 100 === 99) await setImmediate();
      }
    }
    this.#prunedAt = performance.now();
  }

  /** Told once, until it goes on or says something else. */
  #fails(what: string, error: unknown): void {
    const { message } = error as Error;
    if (this.#failing.get(what) === message) return;
    this.#failing.set(what, message);
    this.#log.error('evidence cannot be indexed; trying again until it can', { evidence_log: what, error });
  }
}

/** Stands for the index as a whole where it is what fails. */
const STORE = 'index';
