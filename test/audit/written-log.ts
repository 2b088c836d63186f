import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { onTestFinished } from 'vitest';
import { systemFiles } from '../../src/audit/durable.ts';
import { LogWriter } from '../../src/audit/writer.ts';

/** A folder that ends with the test. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'domicile-evidence-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A log on disk, written as the product writes it. Its first entry is its key's. */
export class WrittenLog {
  readonly state: string;
  readonly sidecar: string;
  readonly name: string;
  #writer: LogWriter;
  #seq: number;

  constructor(state: string, { sidecar = 's1', name = '1' } = {}) {
    this.state = state;
    this.sidecar = sidecar;
    this.name = name;
    this.#writer = this.#open();
    this.#seq = this.#writer.size;
  }

  get folder(): string {
    return this.#writer.folder;
  }

  get size(): number {
    return this.#seq;
  }

  /** Adds an entry that says what is given over those of a plain decision, and is not committed yet. */
  add(fields: Readonly<Record<string, unknown>> = {}): number {
    const seq = this.#seq++;
    const entry = {
      v: 1,
      kind: 'decision',
      seq,
      time: '2026-11-24T15:00:00.000Z',
      sidecar: this.sidecar,
      request_id: `r-${seq}`,
      tenant: 'acme',
      classification: 'operational',
      retention_days: null,
      ...fields,
    };
    const text = Buffer.from(JSON.stringify(entry), 'latin1');
    const frame = Buffer.alloc(2 + text.length);
    frame.writeUInt16BE(text.length);
    text.copy(frame, 2);
    this.#writer.add(frame);
    return seq;
  }

  /** Up to this size, all alike. */
  fill(size: number, fields: Readonly<Record<string, unknown>> = {}): void {
    while (this.#seq < size) this.add(fields);
    this.commit();
  }

  commit(): void {
    this.#writer.commit();
  }

  prune({ from, to }: { readonly from: number; readonly to: number }): Promise<void> {
    const done = { action: 'evidence.pruned', object: 'log', object_id: this.#writer.origin, outcome: 'done' };
    this.add({ kind: 'control', tenant: '', ...done, data: { from, to } });
    this.commit();
    this.#writer.prune(from, to);
    return Promise.resolve();
  }

  #open(): LogWriter {
    return new LogWriter({ state: this.state, sidecar: this.sidecar, name: this.name, key: null }, systemFiles);
  }
}

/** Files under a folder, by their paths in it, sorted. */
export function filesIn(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(folder, path)).toString('latin1')]));
}
