/** Logs to try things on. */
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect } from 'vitest';
import { systemFiles, type DurableFiles } from '../../src/audit/durable.ts';
import { EvidenceLog, type EvidenceLogOptions } from '../../src/audit/evidence-log.ts';
import { evidenceFolder, folderOf } from '../../src/audit/names.ts';
import { LogReader } from '../../src/audit/reader.ts';
import { verifyLog, type Verified } from '../../src/audit/verify.ts';
import { LogWriter } from '../../src/audit/writer.ts';
import { SCRATCH } from './scratch.ts';

const SIDECAR = 's1';
const folders: string[] = [];
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A folder `state` of its own, gone after the tests of the file. */
export function newState(): string {
  const folder = mkdtempSync(join(SCRATCH, 'domicile-evidence-'));
  folders.push(folder);
  return folder;
}

export function folderIn(state: string, name = '1'): string {
  return folderOf(evidenceFolder(state), SIDECAR, name);
}

/** A log of this process; closed by whoever opens it. */
export function openLog(state: string, options: Partial<EvidenceLogOptions> = {}): Promise<EvidenceLog> {
  const defaults = { sidecar: SIDECAR, name: '1', key: null, flushMs: 5, capacity: 4096, onChange: () => undefined };
  return EvidenceLog.open({ state, ...defaults, ...options });
}

export function writerIn(state: string, files: DurableFiles = systemFiles, key: string | null = null): LogWriter {
  return new LogWriter({ state, sidecar: SIDECAR, name: '1', key }, files);
}

/** What follows the time of an entry that says one thing. */
export function rest(note: string): string {
  return `"sidecar":"${SIDECAR}","request_id":"","tenant":"","actor":"test","action":"${note}"}`;
}

/** Entries as a bundle has them, of the numbers from `first` on. */
export function frames(first: number, count: number): Buffer {
  const framed: Buffer[] = [];
  for (let seq = first; seq < first + count; seq++) {
    const text = `{"v":1,"kind":"query","seq":${seq},"time":"${new Date().toISOString()}",${rest(`entry ${seq}`)}`;
    const frame = Buffer.alloc(2 + text.length);
    frame.writeUInt16BE(text.length);
    frame.write(text, 2, 'latin1');
    framed.push(frame);
  }
  return Buffer.concat(framed);
}

/** Verifies a log as it lies. @returns what was found, without a fault */
export async function verified(state: string, name = '1'): Promise<Verified> {
  const found = await verifyLog(folderIn(state, name));
  expect(found.fault).toBeNull();
  return found;
}

/** What the entries of a log say: kind, and action or cause. */
export function story(state: string, name = '1'): string[] {
  return [...LogReader.open(folderIn(state, name)).entries()].map(({ value, seq }) => {
    expect(value['seq']).toBe(seq);
    return `${String(value['kind'])} ${String(value['action'] ?? value['cause'])}`;
  });
}

export function durably(log: EvidenceLog, seq: number): Promise<Error | null> {
  return new Promise((resolve) => log.durable(seq, resolve));
}
