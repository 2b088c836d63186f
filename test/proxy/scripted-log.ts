import { EntryText } from '../../src/audit/entry-text.ts';
import type { Evidence } from '../../src/proxy/evidence.ts';
import type { Proxy } from '../../src/proxy/proxy.ts';
import { Recorder, type RecordSettings } from '../../src/proxy/recorder.ts';
import type { Rig } from '../rig/domicile.ts';

/** A log with room for so many, written when the test says. */
export class ScriptedLog {
  readonly records: { [key: string]: unknown }[] = [];
  capacity = 3;
  durableTo = 0;
  reserved = 0;
  failing: string | null = null;
  beforeFlush: (() => void) | null = null;
  /** What writing throws. */
  broken: Error | null = null;
  lost = 0;
  refused = 0;
  readonly waiting: ((error: Error | null) => void)[] = [];
  readonly #bytes = new Uint8Array(16_384);
  readonly #text = new EntryText();

  get hasRoom(): boolean {
    return this.records.length - this.durableTo + this.reserved < this.capacity;
  }
  begin(kind: string): EntryText {
    if (this.broken !== null) throw this.broken;
    this.#text.place(this.#bytes, 0);
    this.#text.plain(`{"kind":"${kind}",`);
    return this.#text;
  }
  end(): number {
    const text = Buffer.from(this.#bytes.subarray(0, this.#text.at)).toString('latin1');
    return this.records.push(JSON.parse(text) as { [key: string]: unknown }) - 1;
  }
  durable(_: number, done: (error: Error | null) => void): void {
    this.waiting.push(done);
  }
  lose(count: number): void {
    this.lost += count;
  }
  refuse(): void {
    this.refused++;
  }
}

/** The proxy of a rig with that log for its evidence. */
export function recordIn(log: ScriptedLog, { domicile }: Rig, more: Partial<RecordSettings> = {}): ScriptedLog {
  const settings = { pseudonyms: null, strictDenials: [], bestEffort: [], ...more };
  const { proxy } = domicile.plane;
  const evidence: Evidence = new Recorder(log, 'sidecar-1', settings, proxy.metrics.audit);
  Object.assign(proxy, { evidence } satisfies Partial<Proxy>);
  return log;
}
