import { EvidenceLog } from '../audit/evidence-log.ts';
import type { RecordSettings } from '../proxy/recorder.ts';
import type { Log } from '../telemetry/log.ts';
import type { Settings } from './config/settings.ts';
import { Checkpoints } from './evidence-checkpoints.ts';
import { EvidenceRetention } from './evidence-retention.ts';
import { shippingRecord } from './evidence-shipping.ts';

/** Milliseconds that records have to become durable when their process goes. */
const CLOSE_BOUND = 5000;

/** The evidence of this process: its log, and what goes on with it while the process runs. */
export class ProcessEvidence {
  readonly journal: EvidenceLog;
  readonly #log: Log;
  readonly #retention: EvidenceRetention;
  readonly #checkpoints: Checkpoints;
  #settings: Settings;

  private constructor(journal: EvidenceLog, settings: Settings, log: Log) {
    this.journal = journal;
    this.#log = log;
    this.#settings = settings;
    this.#retention = new EvidenceRetention({
      evidence: journal,
      rules: () => this.#settings.audit.retention,
      shipping: shippingRecord(settings),
      log,
    });
    const { logSeconds, peer } = settings.audit.checkpoint;
    this.#checkpoints = new Checkpoints({ folder: journal.folder, everySeconds: logSeconds, peer, log });
  }

  /**
   * @param name number of the worker, from 1, or `control`
   * @throws Error, in one line, when the log cannot be written or does not hold together
   */
  static async open(settings: Settings, name: string, log: Log): Promise<ProcessEvidence> {
    const evidence = new ProcessEvidence(await openJournal(settings, name, log), settings, log);
    evidence.#retention.start();
    evidence.#checkpoints.start();
    return evidence;
  }

  /** Those in force from now on: what of them a reload can change. */
  set settings(settings: Settings) {
    this.#settings = settings;
  }

  /** Why no traffic should come, one short text each; empty: it may. */
  notReady(): string[] {
    const { failing } = this.journal;
    return failing === null ? [] : [`evidence cannot be written: ${failing}`];
  }

  /** Makes durable what waits, and closes the log. */
  async close(): Promise<void> {
    await this.#retention.close();
    await closeJournal(this.journal, this.#log);
    await this.#checkpoints.close();
  }
}

/** The log alone. Parameters as of `ProcessEvidence.open`. */
export async function openJournal({ self, state, audit }: Settings, name: string, log: Log): Promise<EvidenceLog> {
  const journal: EvidenceLog = await EvidenceLog.open({
    state,
    sidecar: self.name,
    name,
    key: audit.key,
    flushMs: audit.flushMs,
    capacity: audit.queue,
    onChange: ({ failing }) => {
      if (failing === null) log.info('evidence can be written again', { sidecar: self.name, log: name });
      else log.error(`evidence cannot be written, requests are refused: ${failing}`, { sidecar: self.name, log: name });
    },
  });
  return journal;
}

/** Makes durable what waits, and closes it. What is lost is told: nothing else will know of it. */
export async function closeJournal(journal: EvidenceLog, log: Log): Promise<void> {
  const lost = await journal.close(CLOSE_BOUND);
  if (lost > 0) log.error(`${lost} records of evidence could not be written and are lost`, { log: journal.origin });
}

export function recordSettings({ audit }: Settings): RecordSettings {
  const { pseudonyms, strictDenials, bestEffort } = audit;
  return {
    strictDenials,
    bestEffort,
    pseudonyms: pseudonyms && {
      key: pseudonyms.key,
      subject: pseudonyms.fields.includes('subject'),
      resource: pseudonyms.fields.includes('resource'),
    },
  };
}
