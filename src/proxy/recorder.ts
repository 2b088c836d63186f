import type { EvidenceLog } from '../audit/evidence-log.ts';
import { REASONS, type Effect, type Reason } from '../core/reasons.ts';
import type { Refusal } from '../core/refusal.ts';
import type { Classification, Service } from '../core/vocabulary.ts';
import type { AuditCounts, AuditMode } from '../telemetry/audit.ts';
import { DecisionRecords, type Pseudonyms } from './decision-record.ts';
import { DECIDED, RECORDED, RESERVED, UNRECORDED, unrecordable, type Evidence } from './evidence.ts';
import type { Exchange } from './exchange.ts';
import { effectOf } from './rescue.ts';

/** What the operator chose. A reload replaces it. */
export interface RecordSettings {
  readonly pseudonyms: Pseudonyms | null;
  /** Classes whose refusals are durable before they are answered. */
  readonly strictDenials: readonly Classification[];
  /** Classes whose requests pass without a record when there is no room for one. */
  readonly bestEffort: readonly Classification[];
}

/** Of the log, what is needed here. */
type Journal = Pick<
  EvidenceLog,
  'begin' | 'end' | 'durable' | 'hasRoom' | 'failing' | 'reserved' | 'beforeFlush' | 'lose' | 'refuse'
>;

/** Milliseconds that a request may be under way without a record, when a batch is written. */
const OPEN_AT_MOST = 15;

/**
 * Keeps a record of every request in the log of this process. Most are recorded once, at their end. What takes longer is
 * recorded as it stands when the next batch is written, since the batch must not be late, and once more at its end.
 */
export class Recorder implements Evidence {
  readonly #log: Journal;
  readonly #sidecar: string;
  readonly #counts: AuditCounts;
  #records: DecisionRecords;
  #strictDenials: ReadonlySet<Classification> = new Set();
  #bestEffort: ReadonlySet<Classification> = new Set();
  /** Exchanges that have room reserved, in the order in which they were given it. */
  #first: Exchange | null = null;
  #last: Exchange | null = null;

  constructor(log: Journal, sidecar: string, settings: RecordSettings, counts: AuditCounts) {
    this.#log = log;
    this.#sidecar = sidecar;
    this.#counts = counts;
    this.#records = new DecisionRecords(sidecar, settings.pseudonyms);
    this.settings = settings;
    log.beforeFlush = () => this.#recordOpen();
  }

  set settings({ pseudonyms, strictDenials, bestEffort }: RecordSettings) {
    this.#records = new DecisionRecords(this.#sidecar, pseudonyms);
    this.#strictDenials = new Set(strictDenials);
    this.#bestEffort = new Set(bestEffort);
  }

  reserve(x: Exchange): Refusal | null {
    if (x.recordState !== UNRECORDED) return null;
    const log = this.#log;
    if (!log.hasRoom) return this.#noRoom(x);
    log.reserved++;
    x.recordState = RESERVED;
    x.reservedAt = performance.now();
    x.openBefore = this.#last;
    if (this.#last === null) this.#first = x;
    else this.#last.openAfter = x;
    this.#last = x;
    return null;
  }

  mustBeDurable(x: Exchange, refused: Reason | null): boolean {
    if (x.recordState !== RESERVED && x.recordState !== DECIDED) return false;
    if (refused === null) return modeOf(x, this.#bestEffort) === 'strict';
    return REASONS[refused] === 403 && x.claims !== null && this.#strictDenials.has(x.claims.classification);
  }

  secure(x: Exchange, next: (x: Exchange, failed: Refusal | null) => void): void {
    const { outcome } = x;
    const isDecided = x.recordState === DECIDED;
    const now = performance.now();
    let seq: number;
    if (outcome === null) seq = isDecided ? x.recordedAs : this.#decided(x, 'strict', now, true);
    else {
      seq = isDecided
        ? this.#ended(x, 'strict', outcome, effectOf(outcome, x.decision), now)
        : this.#decided(x, 'strict', now, false);
      // Of a refusal nothing more is to be known.
      x.recordState = RECORDED;
    }
    this.#log.durable(seq, (error) => {
      if (x.request.over) return;
      if (error === null) return next(x, null);
      this.#counts.failures++;
      // It is answered by another refusal, which is to be told of too.
      if (outcome !== null && !isDecided) x.recordState = DECIDED;
      next(x, unrecordable(error.message));
    });
  }

  record(x: Exchange, reason: Reason, effect: Effect, ended: number): void {
    if (x.recordState === RECORDED) return;
    const log = this.#log;
    const mode = modeOf(x, this.#bestEffort);
    if (x.recordState === DECIDED) this.#ended(x, mode, reason, effect, ended);
    else {
      if (x.recordState === RESERVED) this.#release(x);
      // One that broke off before it was decided has no room of its own.
      else if (!log.hasRoom) return this.#missed(x);
      this.#records.decision(log.begin('decision'), x, mode, reason, effect, ended, false);
      log.end();
      this.#counts.records[mode]++;
    }
    x.recordState = RECORDED;
  }

  refused(service: Service, reason: Reason, status: number, requestId: string): void {
    if (!this.#log.hasRoom) {
      this.#counts.failures++;
      return this.#log.refuse();
    }
    this.#records.unparsed(this.#log.begin('decision'), service, reason, status, requestId);
    this.#log.end();
    this.#counts.records.batch++;
  }

  #missed(x: Exchange): void {
    x.recordState = RECORDED;
    this.#counts.failures++;
    this.#log.refuse();
  }

  #noRoom(x: Exchange): Refusal | null {
    if (modeOf(x, this.#bestEffort) === 'best_effort') {
      x.recordState = RECORDED;
      this.#counts.failures++;
      this.#log.lose(1);
      return null;
    }
    this.#missed(x);
    return unrecordable(this.#log.failing ?? 'too many records wait to be written');
  }

  #recordOpen(): void {
    const latest = performance.now() - OPEN_AT_MOST;
    let x = this.#first;
    while (x !== null && x.reservedAt <= latest) {
      const next: Exchange | null = x.openAfter;
      const mode = modeOf(x, this.#bestEffort);
      // Its grant is being asked for: it is not decided before that is its, and then somebody waits for its record.
      if (mode !== 'strict' || x.outcome !== null) this.#decided(x, mode, performance.now(), true);
      x = next;
    }
  }

  /** Records the decision before the end of the exchange. */
  #decided(x: Exchange, mode: AuditMode, at: number, open: boolean): number {
    const reason = x.outcome ?? x.decision?.reason ?? 'request_malformed';
    this.#records.decision(this.#log.begin('decision'), x, mode, reason, effectOf(reason, x.decision), at, open);
    const seq = this.#log.end();
    this.#release(x);
    x.recordState = DECIDED;
    x.recordedAs = seq;
    this.#counts.records[mode]++;
    return seq;
  }

  /** Records how an exchange ended whose decision is in the log. */
  #ended(x: Exchange, mode: AuditMode, reason: Reason, effect: Effect, at: number): number {
    this.#records.outcome(this.#log.begin('outcome'), x, x.recordedAs, reason, effect, at);
    this.#counts.records[mode]++;
    return this.#log.end();
  }

  #release(x: Exchange): void {
    const { openBefore, openAfter } = x;
    if (openBefore === null) this.#first = openAfter;
    else openBefore.openAfter = openAfter;
    if (openAfter === null) this.#last = openBefore;
    else openAfter.openBefore = openBefore;
    x.openBefore = null;
    x.openAfter = null;
    this.#log.reserved--;
  }
}

/** Widenings are the exceptions that somebody must answer for: of these no record may be lost. */
function modeOf({ decision, alsoDecision, claims }: Exchange, bestEffort: ReadonlySet<Classification>): AuditMode {
  if (decision !== null && (decision.grant !== null || decision.override !== null)) return 'strict';
  if (alsoDecision !== null && (alsoDecision.grant !== null || alsoDecision.override !== null)) return 'strict';
  return bestEffort.size > 0 && claims !== null && bestEffort.has(claims.classification) ? 'best_effort' : 'batch';
}
