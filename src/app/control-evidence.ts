import type { ControlEntry } from '../audit/entry.ts';
import type { EvidenceLog } from '../audit/evidence-log.ts';
import type { ControlEvidence, QueryFacts, RefusalFacts } from '../control/context.ts';
import { ControlEntries, type Pseudonyms } from '../control/evidence-entry.ts';
import { auditUnavailable } from '../control/problem.ts';
import { AuditCounts } from '../telemetry/audit.ts';
import type { ChangeFact, Witness } from '../store/witness.ts';
import type { Settings } from './config/settings.ts';

/** Of the log, what is needed here. */
export type Journal = Pick<EvidenceLog, 'append' | 'durable' | 'hasRoom' | 'failing' | 'refuse'>;

/** What was loaded, or was to be. */
export interface ReloadFacts {
  /** Path of domicile.yaml. */
  readonly file: string;
  /** How often files were put in force, with these. */
  readonly revision: number;
  /** Such as `SIGHUP`. */
  readonly why: string;
}

/** Writes what the control plane does into an evidence log, before it is done. */
export class LoggedEvidence implements ControlEvidence, Witness {
  readonly #log: Journal;
  #entries: ControlEntries;
  readonly counts = new AuditCounts();

  constructor(log: Journal, sidecar: string, pseudonyms: Pseudonyms) {
    this.#log = log;
    this.#entries = new ControlEntries(sidecar, pseudonyms);
  }

  static of(log: Journal, { self, audit }: Settings): LoggedEvidence {
    return new LoggedEvidence(log, self.name, audit.pseudonyms);
  }

  /** Those in force from now on: what of them a reload can change. */
  set settings({ self, audit }: Settings) {
    this.#entries = new ControlEntries(self.name, audit.pseudonyms);
  }

  async witnessed(facts: readonly ChangeFact[]): Promise<void> {
    const seq = this.#append(
      'control',
      facts.map((fact) => this.#entries.change(fact, 'done')),
    );
    try {
      await this.#durable(seq);
    } catch (error) {
      // The entries still wait, and will be written: of what is not done.
      this.#failed(facts, 'this record could not be made durable, so it was not done');
      throw error;
    }
  }

  notCommitted(facts: readonly ChangeFact[]): void {
    this.#failed(facts, 'the store did not confirm it: read the object to see whether it was done');
  }

  async query(facts: QueryFacts, mode: 'strict' | 'batch'): Promise<void> {
    const seq = this.#append('query', [this.#entries.query(facts)], mode);
    if (mode === 'strict') await this.#durable(seq);
  }

  async refused(facts: RefusalFacts): Promise<void> {
    await this.#durable(this.#append('control', [this.#entries.refusal(facts)]));
  }

  /** Before files that were loaded are put in force. Resolves once it is durable. @throws ApiError when it cannot be written */
  async reloaded(facts: ReloadFacts): Promise<void> {
    await this.#reload('config.reloaded', 'done', facts);
  }

  /** Resolves once it is durable. @param detail what was wrong @throws ApiError when it cannot be written */
  async reloadRefused(facts: ReloadFacts, detail: string): Promise<void> {
    await this.#reload('config.refused', 'refused', facts, detail);
  }

  /** Entries of a process that died before it did what they tell of. Resolves once that is durable. */
  async retract(entries: readonly ControlEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const detail = 'the store has no such change: the process ended before the commit, or the store was put back since';
    const texts = entries.map((entry) => this.#entries.control({ ...entry, outcome: 'failed', detail }));
    await this.#durable(this.#append('control', texts));
  }

  #reload(action: string, outcome: 'done' | 'refused', { file, revision, why }: ReloadFacts, detail?: string) {
    const text = this.#entries.control({
      request_id: '',
      tenant: '',
      actor: 'domicile',
      action,
      object_id: file,
      revision,
      outcome,
      status: null,
      ...(detail === undefined ? {} : { detail }),
      data: { why },
    });
    return this.#durable(this.#append('control', [text]));
  }

  #failed(facts: readonly ChangeFact[], detail: string): void {
    // Whether or not there is room: these tell that others, which have had theirs, are not so.
    for (const fact of facts) this.#log.append('control', this.#entries.change(fact, 'failed', detail));
  }

  /** Returns the place of the last. @throws ApiError when there is no room */
  #append(kind: 'control' | 'query', texts: readonly string[], mode: 'strict' | 'batch' = 'strict'): number {
    if (!this.#log.hasRoom) {
      this.#log.refuse();
      this.counts.failures++;
      throw auditUnavailable(this.#log.failing ?? 'too many records wait to be written');
    }
    let seq = -1;
    for (const text of texts) seq = this.#log.append(kind, text);
    this.counts.records[mode] += texts.length;
    return seq;
  }

  /** The log itself bounds how long that may take: PostgreSQL would end a change that waits for 15 s. */
  #durable(seq: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#log.durable(seq, (error) => (error === null ? resolve() : reject(auditUnavailable(error.message))));
    });
  }
}
