import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import { evidenceFolder } from '../../src/audit/names.ts';
import { LogReader } from '../../src/audit/reader.ts';
import type { AuditSettings, ShipTarget } from '../../src/app/config/audit-settings.ts';
import { EvidenceShipping } from '../../src/app/evidence-shipping.ts';
import { Log } from '../../src/telemetry/log.ts';
import type { Rig } from '../rig/domicile.ts';

type Lines = Record<string, unknown>[];

/** A log whose lines are kept. */
export function keptLog(): { log: Log; lines: Lines } {
  const lines: Lines = [];
  const write = (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>);
  return { log: new Log({ level: 'info', destination: { write } }), lines };
}

/** Evidence of a Domicile that runs, and what ships it when the test says so. */
export class ShippingRig {
  readonly lines: Lines;
  readonly shipping: EvidenceShipping;
  /** Milliseconds since the epoch. */
  now = Date.now();
  readonly #rig: Rig;

  constructor(rig: Rig, target: ShipTarget, everySeconds = 60) {
    this.#rig = rig;
    const { settings } = rig.domicile.plane.loaded;
    const audit: AuditSettings = { ...settings.audit, ship: { target, everySeconds } };
    const { log, lines } = keptLog();
    this.lines = lines;
    const { proxy } = rig.domicile.plane;
    this.shipping = new EvidenceShipping({ settings: { ...settings, audit }, proxy, log, now: () => this.now });
  }

  /** Folder of the log that the data plane writes. */
  get folder(): string {
    const { state, self } = this.#rig.domicile.plane.loaded.settings;
    return join(evidenceFolder(state), `${self.name}.1`);
  }

  get reader(): LogReader {
    return LogReader.open(this.folder);
  }

  /** One turn, and then the records of its own requests are durable. */
  async turn(): Promise<void> {
    await this.shipping.turn();
    await this.settled();
  }

  /** Resolves when every record is durable. */
  async settled(): Promise<void> {
    const depth = async () => /^domicile_audit_queue_depth (\d+)$/m.exec(await this.#rig.metrics())?.[1];
    await vi.waitUntil(async () => existsSync(join(this.folder, 'checkpoint')) && (await depth()) === '0');
  }
}
