import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { asciiJson } from '../../src/audit/ascii.ts';
import { systemFiles } from '../../src/audit/durable.ts';
import { EntryHead } from '../../src/audit/entry-head.ts';
import type { Kind } from '../../src/audit/entry.ts';
import { LogWriter } from '../../src/audit/writer.ts';

/** A folder for the length of a test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-audit-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface Written {
  readonly kind: Kind;
  readonly [key: string]: unknown;
}

/** Opens a log in the folder `state`; its first entry is that of its key. */
export function openLog(state: string, sidecar = 'edge', name = '1'): TestLog {
  return new TestLog(new LogWriter({ state, sidecar, name, key: null }, systemFiles), sidecar);
}

export class TestLog {
  readonly writer: LogWriter;
  readonly folder: string;
  readonly #sidecar: string;
  /** `seq` of the entry that is added next. */
  next: number;

  constructor(writer: LogWriter, sidecar: string) {
    this.writer = writer;
    this.folder = writer.folder;
    this.#sidecar = sidecar;
    this.next = writer.size;
  }

  /** Adds entries and commits them together. Returns the `seq` of the last. */
  add(...entries: readonly Written[]): number {
    for (const { kind, request_id = '', tenant = '', ...rest } of entries) {
      const facts = asciiJson({ sidecar: this.#sidecar, request_id, tenant, ...rest });
      this.addText(EntryHead.before(facts.slice(1), kind, this.next));
    }
    this.writer.commit();
    return this.next - 1;
  }

  /** Adds the text of an entry as it is, in the next commit. */
  addText(text: string): void {
    const frame = Buffer.alloc(2 + text.length);
    frame.writeUInt16BE(text.length);
    frame.latin1Write(text, 2);
    this.writer.add(frame);
    this.next++;
  }

  /** Adds so many decisions, `i` from 0 on, and commits them together. */
  addDecisions(count: number, of: (i: number) => Readonly<Record<string, unknown>> = () => ({})): void {
    this.add(...Array.from({ length: count }, (_, i) => decision({ request_id: `r-${this.next + i}`, ...of(i) })));
  }
}

/** What a decision says beside what it is given. */
export function decision(facts: Readonly<Record<string, unknown>> = {}): Written {
  return {
    kind: 'decision',
    request_id: 'r-0',
    tenant: 'acme',
    mode: 'batch',
    subject: null,
    user: null,
    service: 'storage',
    dialect: 's3',
    verb: 'access',
    operation: 'GetObject',
    classification: 'identity',
    resource: 'photos/cat.jpg',
    caller_region: 'eu-west',
    target_region: 'eu-west',
    effect: 'allow',
    reason: 'in_residency',
    policy: 'acme-eu',
    policy_revision: 1,
    frameworks: [],
    retention_days: null,
    grant: null,
    override: null,
    status: 200,
    upstream_status: 200,
    bytes_in: 0,
    bytes_out: 11,
    duration_ms: 1.25,
    ...facts,
  };
}
