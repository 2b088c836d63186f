import { verify } from 'node:crypto';
import { decodeBase64 } from './base64.ts';
import type { KeyEntry } from './entry.ts';
import { LogFault } from './fault.ts';
import { handOverText } from './key.ts';
import { parseVerifier, type Verifier } from './note.ts';
import { TILE_WIDTH, tilePath } from './tile.ts';
import type { Marked } from './verify-bundles.ts';

interface Link {
  readonly verifier: Verifier;
  /** It signs checkpoints of at least so many entries. */
  readonly from: number;
}

/** The keys of a log, one after the other, each named and signed by the one before. */
export class KeyChain {
  readonly #links: readonly Link[];

  private constructor(links: readonly Link[]) {
    this.#links = links;
  }

  /**
   * Of a log of `size` entries.
   * @param entries those of kind `key`, in order
   * @throws LogFault where a key took over without the signature of the one before
   */
  static of(origin: string, size: number, entries: readonly Marked[]): KeyChain {
    const links: Link[] = [];
    for (const { seq, offset, text } of entries) {
      const fault = (message: string) => new LogFault(bundlePath(seq, size), offset, `entry ${seq} ${message}`);
      const { action, key, previous, signature } = JSON.parse(text) as KeyEntry;
      const verifier = verifierIn(key);
      if (verifier === null || verifier.name !== origin) throw fault('names no verifier key of this log');
      const last = links.at(-1)?.verifier;
      if (last === undefined) {
        if (action !== 'began' || seq !== 0) throw fault('is the first of a key, and not how a log begins');
      } else {
        if (action !== 'handed_over' || previous !== last.text) throw fault('does not continue the keys before it');
        const bytes = typeof signature === 'string' ? decodeBase64(signature) : null;
        const signed = Buffer.from(handOverText(origin, seq, key));
        if (bytes === null || !verify(null, signed, last.publicKey, bytes))
          throw fault('hands the log over to a key, and is not signed by the one before');
      }
      links.push({ verifier, from: last === undefined ? 0 : seq + 1 });
    }
    if (size > 0 && links.length === 0)
      throw new LogFault(bundlePath(0, size), 0, 'does not begin with the key of the log');
    return new KeyChain(links);
  }

  /** What signs checkpoints of that size; null in a log without entries. */
  at(size: number): Verifier | null {
    return this.#links.findLast(({ from }) => from <= size)?.verifier ?? null;
  }

  /** What signed until then, where the log was handed over by the last of its `size` entries; else null. */
  before(size: number): Verifier | null {
    const [previous, last] = this.#links.slice(-2);
    return last?.from === size && previous !== undefined ? previous.verifier : null;
  }

  /** Whether the log was ever signed by this key. */
  includes({ text }: Verifier): boolean {
    return this.#links.some(({ verifier }) => verifier.text === text);
  }
}

/** Bundle of an entry, in a log of `size`. */
function bundlePath(seq: number, size: number): string {
  const index = Math.floor(seq / TILE_WIDTH);
  return tilePath({ level: 'entries', index, width: Math.min(TILE_WIDTH, size - index * TILE_WIDTH) });
}

/** Null: it is none. */
function verifierIn(text: unknown): Verifier | null {
  try {
    return typeof text === 'string' ? parseVerifier(text) : null;
  } catch {
    return null;
  }
}
