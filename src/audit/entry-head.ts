import { keptText, type EntryText } from './entry-text.ts';
import { KINDS, type Kind } from './entry.ts';

const BEGINNINGS = Object.fromEntries(
  KINDS.map((kind) => [kind, keptText(`{"v":1,"kind":"${kind}","seq":`)]),
) as Readonly<Record<Kind, Uint8Array>>;

/** What every entry begins with. The text of its time is made once a second; its milliseconds are put in. */
export class EntryHead {
  #second = -1;
  #millisecond = -1;
  #time = keptText('');

  /** A whole entry, of now, as text. @param rest what follows the time, up to and including the closing brace */
  static before(rest: string, kind: Kind, seq: number): string {
    return `{"v":1,"kind":"${kind}","seq":${seq},"time":"${new Date().toISOString()}",${rest}`;
  }

  /** Writes the beginning of an entry, of now. */
  write(text: EntryText, kind: Kind, seq: number): void {
    text.kept(BEGINNINGS[kind]);
    text.integer(seq);
    const now = Date.now();
    if (now !== this.#millisecond) this.#tell(now);
    text.kept(this.#time);
  }

  #tell(now: number): void {
    this.#millisecond = now;
    const second = Math.floor(now / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#time = keptText(`,"time":"${new Date(now).toISOString()}",`);
      return;
    }
    const rest = now - second * 1000;
    const at = this.#time.length - MILLISECONDS_FROM_END;
    this.#time[at] = ZERO + Math.floor(rest / 100);
    this.#time[at + 1] = ZERO + (Math.floor(rest / 10) % 10);
    this.#time[at + 2] = ZERO + (rest % 10);
  }
}

/** `123Z",` */
const MILLISECONDS_FROM_END = 6;
const ZERO = 0x30;
