import { copied } from '../../wire/copied.ts';
import type { Link } from '../../wire/link.ts';
import { SLAB } from '../../wire/llhttp.ts';

const NONE: Buffer = Buffer.alloc(0);

/** What came in on a connection and waits its turn, and whether the connection is read meanwhile. */
export class Backlog {
  #bytes: Buffer = NONE;
  readonly #link: Link;
  readonly #fed: () => void;
  #paused = false;
  #feeding = false;

  /** @param fed told when all that waited has been given to the link once more, and none of it waits again */
  constructor(link: Link, fed: () => void) {
    this.#link = link;
    this.#fed = fed;
  }

  /** Bytes that wait. */
  get length(): number {
    return this.#bytes.length;
  }

  /** Keeps `SLAB[from, to)`, behind what waits already. */
  keep(from: number, to: number): void {
    this.#bytes =
      this.#bytes.length === 0 ? copied(SLAB, from, to) : Buffer.concat([this.#bytes, SLAB.subarray(from, to)]);
  }

  drop(): void {
    this.#bytes = NONE;
  }

  /** Reads the connection no further. */
  hold(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#link.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#link.resume();
  }

  /** Gives what waits to the link as if it had just come in, on a turn of its own: the slab may be in use now. */
  feedSoon(): void {
    if (this.#feeding) return;
    this.#feeding = true;
    setImmediate(() => this.#feed());
  }

  #feed(): void {
    this.#feeding = false;
    const bytes = this.#bytes;
    this.#bytes = NONE;
    if (bytes.length === 0 || this.#link.closed) return;
    this.#link.feed(bytes);
    if (this.#bytes.length === 0) this.#fed();
  }
}
