import { asciiJson } from './ascii.ts';

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
    if (lost !== null)
      gaps.push(this.#gap('best_effort', lost.count, 0, lost.from, lost.to, 'records that best effort did not take'));
    const refused = this.refused.take();
    if (refused !== null)
      gaps.push(
        this.#gap(
          'unwritable',
          0,
          refused.count,
          refused.from,
          refused.to,
          'requests refused while nothing could be recorded',
        ),
      );
    return gaps;
  }

  /**
   * The process before did not close the log.
   * @param lastTime of its last entry
   * @param taken entries that no checkpoint of its covered
   */
  uncleanStop(lastTime: string | null, taken: number): string {
    const detail =
      taken === 0
        ? 'the log was not closed: what was not yet durable is lost'
        : `the log was not closed: the ${taken} entries before this one lay behind its last checkpoint, what came later is lost`;
    return this.#gap('unclean_stop', null, 0, lastTime, new Date().toISOString(), detail);
  }

  #gap(cause: string, lost: number | null, refused: number, from: string | null, to: string, detail: string): string {
    const own = { sidecar: this.#sidecar, request_id: '', tenant: '' };
    return asciiJson({ ...own, cause, lost, refused, from, to, detail }).slice(1);
  }
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
