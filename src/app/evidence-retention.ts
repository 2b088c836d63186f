import { basename } from 'node:path';
import { setImmediate as immediately } from 'node:timers/promises';
import { Prunable, rangesOf, type DueBundle, type Range } from '../audit/prunable.ts';
import type { RetentionRules } from '../audit/retention.ts';
import { ShipRecord } from '../audit/ship-record.ts';
import type { Log } from '../telemetry/log.ts';

const EVERY = 3_600_000;
/** Files that are looked at before requests have their turn. */
const AT_ONCE = 4;
/** A pruning leaves an entry that is kept for ever, with its bundle: fewer bundles than this wait for each other, but not
 *  longer than that. */
const WORTHWHILE = 16;
const LONGEST_WAIT = 7 * 86_400_000;

/** What retention does with the open log of this process. */
export interface PrunedLog {
  readonly folder: string;
  /** Entries that are durable. */
  readonly size: number;
  prune(range: Range): Promise<void>;
}

export interface EvidenceRetentionOptions {
  readonly evidence: PrunedLog;
  /** Those in force now. Another object: they have changed. */
  readonly rules: () => RetentionRules;
  /** Whose record says what was shipped; null: nothing is, so nothing is waited for. */
  readonly shipping: { readonly recordFile: string; readonly destination: string } | null;
  readonly log: Log;
  /** Milliseconds since the epoch. Default: the clock of this machine. */
  readonly now?: () => number;
}

/** Deletes the bundles of this process's own log that are past their time, at the start and every hour. */
export class EvidenceRetention {
  readonly #options: EvidenceRetentionOptions;
  readonly #now: () => number;
  #rules: RetentionRules;
  #prunable: Prunable;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: EvidenceRetentionOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#rules = options.rules();
    this.#prunable = new Prunable(options.evidence.folder, this.#rules);
  }

  start(): void {
    const turn = () => {
      this.#turn = this.turn().catch((error: unknown) =>
        this.#options.log.error('evidence that is past its time cannot be deleted', { error }),
      );
    };
    this.#timer = setInterval(turn, EVERY).unref();
    turn();
  }

  /** Looks through the log once, and deletes what may go. Rejects with what it could not read or delete. */
  async turn(): Promise<void> {
    const { evidence, log } = this.#options;
    const rules = this.#options.rules();
    if (rules !== this.#rules) {
      this.#rules = rules;
      this.#prunable = new Prunable(evidence.folder, rules);
    }
    const due: DueBundle[] = [];
    const now = this.#now();
    const below = Math.min(evidence.size, this.#shipped());
    for (let next: number | null = 0; next !== null && !this.#closed; await immediately())
      next = this.#prunable.scan(next, below, now, AT_ONCE, due);
    if (!isWorthwhile(due, now)) return;
    for (const range of rangesOf(due)) {
      if (this.#closed || rules !== this.#options.rules()) return; // a hold may have come
      await evidence.prune(range);
      log.info('evidence past its time was deleted', { log: basename(evidence.folder), ...range });
    }
  }

  /** Stops, once what is being deleted is deleted. Before the log is closed. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#turn;
  }

  #shipped(): number {
    const { shipping, evidence } = this.#options;
    if (shipping === null) return Infinity;
    return ShipRecord.read(shipping.recordFile, shipping.destination).of(basename(evidence.folder)).size;
  }
}

function isWorthwhile(due: readonly DueBundle[], now: number): boolean {
  return due.length >= WORTHWHILE || due.some(({ since }) => now - since >= LONGEST_WAIT);
}
