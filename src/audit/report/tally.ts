import type { Summary, Tally } from './model.ts';

/** How a request ended, as far as tables count it. */
export interface Ended {
  readonly effect: string;
  readonly reason: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

type Count = { -readonly [K in keyof Omit<Tally, 'name'>]: Tally[K] };

function nothing(): Count {
  return { requests: 0, allowed: 0, audited: 0, refused: 0, bytes_in: 0, bytes_out: 0 };
}

function count(into: Count, { effect, bytesIn, bytesOut }: Ended): void {
  into.requests++;
  if (effect === 'deny') into.refused++;
  else if (effect === 'audit') into.audited++;
  else into.allowed++;
  into.bytes_in += bytesIn;
  into.bytes_out += bytesOut;
}

/** Requests by one of their facts. */
export class Table {
  readonly #rows = new Map<string, Count>();

  /** @param name null: it is not known, as of requests that were refused before they were understood */
  add(name: string | null, ended: Ended): void {
    const key = name ?? '(unknown)';
    let row = this.#rows.get(key);
    if (row === undefined) this.#rows.set(key, (row = nothing()));
    count(row, ended);
  }

  /** Most requests first. */
  rows(): Tally[] {
    const rows = Array.from(this.#rows, ([name, row]) => ({ name, ...row }));
    return rows.sort((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1));
  }
}

/** All requests together. */
export class Totals {
  readonly #all = nothing();
  readonly #reasons = new Map<string, number>();
  #crossings = 0;
  #failovers = 0;
  #failed = 0;

  add(ended: Ended, crossed: boolean): void {
    count(this.#all, ended);
    if (crossed) this.#crossings++;
    if (ended.reason === 'failover') this.#failovers++;
    if (ended.effect !== 'deny' && ended.reason.startsWith('upstream_')) this.#failed++;
    if (ended.effect === 'deny') this.#reasons.set(ended.reason, (this.#reasons.get(ended.reason) ?? 0) + 1);
  }

  summary(): Summary {
    return { ...this.#all, crossings: this.#crossings, failovers: this.#failovers, failed: this.#failed };
  }

  /** Reasons of refusals, the most frequent first. */
  rejections() {
    const { refused } = this.#all;
    return Array.from(this.#reasons, ([reason, requests]) => ({ reason, requests, share: requests / refused })).sort(
      (a, b) => b.requests - a.requests || (a.reason < b.reason ? -1 : 1),
    );
  }
}
