import { once } from 'node:events';

const CHUNK = 65_536;

/**
 * Standard output for much: waits for a slow reader, and ends quietly when the reader has seen enough. On a terminal, lines
 * are `shown`; a file gets every character as it is.
 */
export class Output {
  #text = '';
  #isGone = false;

  constructor() {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      this.#isGone = true;
    });
  }

  /** Nobody reads any more, as after `| head`. */
  get isGone(): boolean {
    return this.#isGone;
  }

  /** Whether `flush` is due. Kept apart, so that a line costs no promise. */
  add(text: string): boolean {
    this.#text += process.stdout.isTTY ? text.split(/\r?\n/).map(shown).join('\n') : text;
    return this.#text.length >= CHUNK;
  }

  async flush(): Promise<void> {
    const text = this.#text;
    this.#text = '';
    if (text === '' || this.#isGone || process.stdout.write(text)) return;
    await Promise.race([once(process.stdout, 'drain'), once(process.stdout, 'close')]);
  }
}

/** Text for a terminal: what would command it, or turn the line around, is written as an escape. */
export function shown(text: string): string {
  return text.replaceAll(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
