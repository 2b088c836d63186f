import { asciiJson } from './ascii.ts';
import type { GapEntry } from './entry.ts';

/** What is not in a log though it happened, as gap entries tell. */
export class Omissions {
  /** Entries that best effort did not take. */
  readonly lost = new Tally();
  /** Refusals that could not be recorded. */
  readonly refused = new Tally();
  readonly #sidecar: string;

  constructor(sidecar: string) {
    this.#sidecar = sidecar;
  }

  /** What is to be told since it was last asked, one gap entry's rest each. */
  take(): string[] {
    const gaps: string[] = [];
    const lost = this.lost.take();
    if (lost !== null) {
      const detail = 'records that best effort did not take';
      const { count, from, to } = lost;
      gaps.push(gapEntry(this.#sidecar, { cause: 'best_effort', lost: count, refused: 0, from, to, detail }));
    }
    const refused = this.refused.take();
    if (refused !== null) {
      const detail = 'requests refused while nothing could be recorded';
      const { count, from, to } = refused;
      gaps.push(gapEntry(this.#sidecar, { cause: 'unwritable', lost: 0, refused: count, from, to, detail }));
    }
    return gaps;
  }
}

/**
 * The rest of a gap entry: the process before did not close the log.
 * @param lastTime of its last entry
 * @param taken entries just before this one that no checkpoint covered, so that nothing shows who wrote them
 */
export function uncleanStop(sidecar: string, lastTime: string | null, taken: number): string {
  const detail =
    taken === 0
      ? 'the log was not closed: what was not yet durable is lost'
      : `the log was not closed: the ${taken} entries before this one lay behind its last checkpoint, what came later is lost`;
  const to = new Date().toISOString();
  return gapEntry(sidecar, { cause: 'unclean_stop', lost: null, refused: 0, from: lastTime, to, detail });
}

function gapEntry(
  sidecar: string,
  facts: Pick<GapEntry, 'cause' | 'lost' | 'refused' | 'from' | 'to' | 'detail'>,
): string {
  return asciiJson({ sidecar, request_id: '', tenant: '', ...facts }).slice(1);
}

/** How many, from when to when. */
class Tally {
  #count = 0;
  #from = 0;
  #to = 0;

  count(more: number): void {
    this.#to = Date.now();
    if (this.#count === 0) this.#from = this.#to;
    this.#count += more;
  }

  take(): { readonly count: number; readonly from: string; readonly to: string } | null {
    if (this.#count === 0) return null;
    const taken = {
      count: this.#count,
      from: new Date(this.#from).toISOString(),
      to: new Date(this.#to).toISOString(),
    };
    this.#count = 0;
    return taken;
  }
}
