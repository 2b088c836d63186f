import { Entry } from '../../audit/entry.ts';
import type { EvidenceEntryRow, EvidenceSpanRow } from '../../store/evidence.ts';
import type { HeadReader } from './head.ts';
import { rowOf } from './row.ts';

/** Entries of a stretch of a log, of which the index knows whose they are: sixteen bundles. */
export const SPAN = 4096;

/** What a stretch of a log gives the index. */
export class Gathered {
  readonly entries: EvidenceEntryRow[] = [];
  /** Of entries that cannot be read: what is wrong with the first. */
  problem: string | null = null;
  readonly #log: string;
  readonly #spans = new Map<number, Map<string, EvidenceSpanRow>>();

  constructor(log: string) {
    this.#log = log;
  }

  get spans(): EvidenceSpanRow[] {
    return [...this.#spans.values()].flatMap((tenants) => [...tenants.values()]);
  }

  /**
   * Takes in those entries of a bundle that lie in `[from, to)`. @param first seq of its first
   * @throws RangeError at a broken frame
   */
  add(bundle: Buffer, first: number, from: number, to: number, head: HeadReader): void {
    const tenants = this.#tenantsOf(Math.floor(first / SPAN));
    head.over(bundle);
    for (let seq = first; seq < to && head.advance(); seq++) {
      if (seq < from) continue;
      if (head.read() && head.plain) this.#count(tenants, Math.floor(seq / SPAN), head.tenant, head.at);
      else this.#keep(tenants, new Entry(this.#log, seq, head.entry()));
    }
  }

  #keep(tenants: Map<string, EvidenceSpanRow>, entry: Entry): void {
    try {
      const row = rowOf(entry);
      // As it is in the log, whatever that may be: a reader is shown it, and proofs are of it.
      if (!isPlain(row)) this.entries.push(row);
      this.#count(tenants, Math.floor(entry.seq / SPAN), row.tenant, row.at);
    } catch (error) {
      this.problem ??= `entry ${entry.seq} of ${entry.log} cannot be read: ${(error as Error).message}`;
    }
  }

  #tenantsOf(span: number): Map<string, EvidenceSpanRow> {
    const known = this.#spans.get(span);
    if (known !== undefined) return known;
    const made = new Map<string, EvidenceSpanRow>();
    this.#spans.set(span, made);
    return made;
  }

  #count(tenants: Map<string, EvidenceSpanRow>, span: number, tenant: string, at: number): void {
    const row = tenants.get(tenant);
    if (row === undefined) {
      tenants.set(tenant, { log: this.#log, span, tenant, first_at: at, last_at: at, entries: 1 });
      return;
    }
    if (at < row.first_at) row.first_at = at;
    if (at > row.last_at) row.last_at = at;
    row.entries++;
  }
}

/** As `HeadReader.plain`, of an entry that was parsed. */
function isPlain({ kind, effect, reason, crossing }: EvidenceEntryRow): boolean {
  const isOfRequest = kind === 'decision' || kind === 'outcome';
  return isOfRequest && effect === 'allow' && reason === 'in_residency' && crossing === 0;
}
