import type { Journal } from '../../src/app/control-evidence.ts';
import { MAX_ENTRY_BYTES } from '../../src/audit/entry.ts';

/** An entry, parsed. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Told = Readonly<Record<string, any>>;

/** An evidence log in memory, which fails and waits as it is told to. What is no entry at all throws. */
export class MemoryJournal implements Journal {
  readonly texts: string[] = [];
  /** Entries that are durable. */
  size = 0;
  failing: string | null = null;
  hasRoom = true;
  refusals = 0;
  /** Called before what waits becomes durable; what it rejects with is why it did not. */
  sync: () => Promise<void> = () => Promise.resolve();

  append(kind: string, rest: string): number {
    const seq = this.texts.length;
    const text = `{"v":1,"kind":"${kind}","seq":${seq},"time":"${new Date().toISOString()}",${rest}`;
    JSON.parse(text);
    if (!/^[\x20-\x7e]+$/.test(text)) throw new Error(`an entry is not ASCII: ${text}`);
    if (text.length > MAX_ENTRY_BYTES) throw new Error(`an entry has ${text.length} bytes`);
    this.texts.push(text);
    return seq;
  }

  durable(seq: number, done: (error: Error | null) => void): void {
    const end = () => {
      this.size = Math.max(this.size, seq + 1);
      done(null);
    };
    setImmediate(() => void this.sync().then(end, done));
  }

  refuse(): void {
    this.refusals++;
  }

  /** Entries from the one at `from` on. */
  told(from = 0): Told[] {
    return this.texts.slice(from).map((text) => JSON.parse(text) as Told);
  }
}
