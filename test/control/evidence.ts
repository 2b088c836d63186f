import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EvidenceLog } from '../../src/audit/evidence-log.ts';
import { LogReader } from '../../src/audit/reader.ts';
import type { Told } from './journal.ts';

/** An evidence log of a control plane, in a folder of its own. */
export class Proof {
  readonly log: EvidenceLog;
  readonly state: string;

  private constructor(log: EvidenceLog, state: string) {
    this.log = log;
    this.state = state;
  }

  static async open(): Promise<Proof> {
    const state = mkdtempSync(join(tmpdir(), 'domicile-evidence-'));
    const own = { state, sidecar: 'sidecar-1', name: 'control', key: null };
    return new Proof(await EvidenceLog.open({ ...own, flushMs: 25, capacity: 65_536, onChange: () => {} }), state);
  }

  /** Entries that are on the disk as it is now. @param from the first of them */
  told(from = 0): Told[] {
    return Array.from(LogReader.open(this.log.folder).entries(from), ({ value }) => value);
  }

  /** What one thing that is done leaves on the disk, up to the moment at which it is answered. */
  async of(work: () => Promise<unknown>): Promise<Told[]> {
    const from = this.log.size;
    await work();
    return this.told(from);
  }

  async close(): Promise<void> {
    await this.log.close(5000);
    rmSync(this.state, { recursive: true });
  }
}
