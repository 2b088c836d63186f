/** Work that takes less is done before anyone wonders. Milliseconds. */
const PATIENCE = 1000;
const EVERY = 100;
const WIDTH = 30;

/** A bar on standard error, where that is a terminal, for what takes long. */
export class Progress {
  readonly #of: number;
  readonly #from = performance.now();
  #shownAt = -Infinity;
  #isShown = false;

  /** @param of entries in all */
  constructor(of: number) {
    this.#of = of;
  }

  /** Tells how many are done; cheap. */
  readonly at = (done: number): void => {
    const now = performance.now();
    if (!process.stderr.isTTY || now - this.#from < PATIENCE || now - this.#shownAt < EVERY) return;
    this.#shownAt = now;
    this.#isShown = true;
    const share = this.#of === 0 ? 1 : Math.min(1, done / this.#of);
    const bar = '#'.repeat(Math.round(share * WIDTH)).padEnd(WIDTH, '.');
    const rate = Math.round((done / (now - this.#from)) * 1000);
    process.stderr.write(`\r[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %  ${rate} entries/s\u001b[K`);
  };

  /** Takes the bar away, before anything else is printed. */
  clear(): void {
    if (this.#isShown) process.stderr.write('\r\u001b[K');
    this.#isShown = false;
  }
}
