import type { Reason } from '../../core/reasons.ts';
import type { Entry } from '../entry.ts';
import { Changes } from './changes.ts';
import { findingsOf } from './findings.ts';
import { Leaves, union, type Leave } from './leave.ts';
import type { Coverage, Crossing, Report } from './model.ts';
import { Signs } from './signs.ts';
import { Table, Totals, type Ended } from './tally.ts';
import { countIn, grantsIn, numberIn, textIn, textsIn, type Values } from './value.ts';

/** Crossings that are listed. */
const LISTED = 5000;

export interface ReportOptions {
  readonly tenant: string;
  /** Milliseconds since the epoch: `from ≤ time < to`. */
  readonly from: number;
  readonly to: number;
  readonly now: number;
  readonly coverage: Coverage;
}

/**
 * Makes the report of a tenant and a period.
 * @param entries those of one log in order; of any tenant and time. Earlier ones of control say who approved what is used
 *   later; of later ones only how requests of the period ended.
 */
export async function buildReport(
  entries: Iterable<Entry> | AsyncIterable<Entry>,
  options: ReportOptions,
): Promise<Report> {
  const builder = new Builder(options);
  for await (const entry of entries) builder.add(entry);
  return builder.report();
}

/** A request that was recorded before its end. */
interface Open {
  readonly entry: Entry;
  readonly at: number;
}

class Builder {
  readonly #options: ReportOptions;
  readonly #totals = new Totals();
  readonly #services = new Table();
  readonly #verbs = new Table();
  readonly #classes = new Table();
  readonly #regions = new Table();
  readonly #changes = new Changes();
  readonly #leaves = new Leaves();
  readonly #signs = new Signs();
  /** By log and seq. */
  readonly #open = new Map<string, Open>();
  #crossings: Crossing[] = [];

  constructor(options: ReportOptions) {
    this.#options = options;
  }

  add(entry: Entry): void {
    const { value } = entry;
    const { tenant, from, to } = this.#options;
    const at = Date.parse(entry.time);
    const inPeriod = at >= from && at < to;
    if (value['kind'] === 'gap' && inPeriod) this.#signs.gaps.push(entry);
    if (value['tenant'] !== tenant || Number.isNaN(at)) return;
    switch (value['kind']) {
      case 'decision':
        if (!inPeriod) return;
        if (value['open'] === true) this.#open.set(keyOf(entry.log, entry.seq), { entry, at });
        else this.#end(entry, value);
        return;
      case 'outcome':
        return this.#outcome(entry, value);
      case 'control':
        if (at < to || value['outcome'] === 'failed') this.#changes.add({ entry, at, inPeriod });
        if (inPeriod && value['outcome'] === 'refused') this.#signs.refusedChanges.add(entry);
    }
  }

  report(): Report {
    const { tenant, from, to, now, coverage } = this.#options;
    for (const { entry, at, inPeriod } of this.#changes) {
      this.#leaves.add(entry, at, inPeriod);
      if (inPeriod && entry.value['object'] === 'policy') this.#signs.policies.add(entry);
    }
    for (const { entry, at } of this.#open.values()) {
      this.#end(entry, {});
      this.#signs.endless.push({ place: entry, at });
    }
    this.#crossings.sort(byTime);
    const crossings = this.#crossings.slice(0, LISTED).map((crossing) => this.#explained(crossing));
    const summary = this.#totals.summary();
    return {
      v: 1,
      tenant,
      from: iso(from),
      to: iso(to),
      generated_at: iso(now),
      coverage,
      summary,
      by_service: this.#services.rows(),
      by_verb: this.#verbs.rows(),
      by_classification: this.#classes.rows(),
      by_region: this.#regions.rows(),
      approvals: { requests: this.#leaves.approvals('requests'), overrides: this.#leaves.approvals('overrides') },
      rejections: this.#totals.rejections(),
      crossings,
      crossings_omitted: summary.crossings - crossings.length,
      findings: findingsOf({ signs: this.#signs, leaves: this.#leaves, coverage, until: Math.min(to, now) }),
    };
  }

  #outcome({ log }: Entry, value: Values): void {
    const key = keyOf(log, countIn(value, 'of'));
    const open = this.#open.get(key);
    if (open === undefined) return; // its decision is of another period
    this.#open.delete(key);
    this.#end(open.entry, value);
  }

  /** @param outcome what its end is recorded in, which may be the decision itself; empty: it is not on record */
  #end(entry: Entry, outcome: Values): void {
    const { value } = entry;
    const effect = textIn(outcome, 'effect') ?? textIn(value, 'effect') ?? 'deny';
    const reason = textIn(outcome, 'reason') ?? textIn(value, 'reason') ?? '(unknown)';
    const ended: Ended = {
      effect,
      reason,
      bytesIn: countIn(outcome, 'bytes_in'),
      bytesOut: countIn(outcome, 'bytes_out'),
    };
    // What was refused later may have crossed already: it counts by the decision.
    const crossed = isCrossing(value) && !NEVER_LEFT.has(reason);
    this.#totals.add(ended, crossed);
    this.#services.add(textIn(value, 'service'), ended);
    this.#verbs.add(textIn(value, 'verb'), ended);
    this.#classes.add(textIn(value, 'classification'), ended);
    this.#regions.add(textIn(value, 'target_region') ?? textIn(value, 'requested_region'), ended);
    this.#signs.request(entry, effect, reason);
    if (!crossed) return;
    this.#signs.crossing(entry);
    this.#crossings.push(crossingOf(entry, effect, reason, numberIn(outcome, 'status')));
    if (this.#crossings.length >= 2 * LISTED) this.#crossings = this.#crossings.sort(byTime).slice(0, LISTED);
  }

  /** With what the records of its grants and override say besides. */
  #explained(crossing: Crossing): Crossing {
    const leaves = this.#leavesOf(crossing);
    const [leave] = leaves;
    return {
      ...crossing,
      from_region: leave?.fromRegion ?? crossing.from_region,
      to_region: leave?.toRegion ?? crossing.to_region,
      approved_by: leaves.reduce((known, { approvedBy }) => union(known, approvedBy), crossing.approved_by),
      legal_basis: leaves.reduce((known, { legalBasis }) => union(known, legalBasis), crossing.legal_basis),
    };
  }

  #leavesOf({ grants, override }: Crossing): Leave[] {
    const { grants: known, overrides } = this.#leaves;
    const found = [...grants.map((id) => known.get(id)), override === null ? undefined : overrides.get(override)];
    return found.flatMap((leave) => {
      if (leave === undefined) return [];
      const request = this.#leaves.requestOf(leave);
      return request === null ? [leave] : [leave, request];
    });
  }
}

/** Reasons by which a request is refused only before any of it leaves, also where the record of its decision came first. */
const NEVER_LEFT: ReadonlySet<string> = new Set<Reason>([
  'audit_unavailable',
  'no_policy',
  'region_not_allowed',
  'region_prohibited',
  'sovereign_no_cross_border',
  'cross_border_restricted',
  'grant_invalid',
  'evidence_missing',
  'no_compliant_region',
]);

/** Data went, or was to go, over a border: by leave, by a class that may, or against an advisory policy. */
function isCrossing(value: Values): boolean {
  const reason = textIn(value, 'reason');
  if (value['effect'] === 'deny') return false;
  if (grantsIn(value).length > 0 || textIn(value, 'override') !== null) return true;
  return reason === 'cross_border_logged' || reason === 'cross_border_class' || reason === 'advisory';
}

/** Verbs whose data comes from the region to the caller; of the others it goes there. */
const FETCHES = new Set<string | null>(['access', 'process', 'admin']);

function crossingOf(entry: Entry, effect: string, reason: string, status: number | null): Crossing {
  const { value, log, seq, time } = entry;
  const verb = textIn(value, 'verb');
  const caller = textIn(value, 'caller_region');
  const target = textIn(value, 'target_region');
  const [from_region, to_region] = FETCHES.has(verb) ? [target, caller] : [caller, target];
  return {
    time,
    user: textIn(value, 'user'),
    subject: textIn(value, 'subject'),
    classification: textIn(value, 'classification'),
    service: textIn(value, 'service') ?? '(unknown)',
    verb,
    resource: textIn(value, 'resource'),
    from_region,
    to_region,
    effect,
    reason,
    grants: grantsIn(value),
    override: textIn(value, 'override'),
    approved_by: textsIn(value, 'approved_by'),
    legal_basis: textsIn(value, 'legal_basis'),
    status,
    request_id: textIn(value, 'request_id') ?? '',
    log,
    seq,
  };
}

function keyOf(log: string, seq: number): string {
  return `${seq} ${log}`;
}

function byTime(a: Crossing, b: Crossing): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1;
  if (a.log !== b.log) return a.log < b.log ? -1 : 1;
  return a.seq - b.seq;
}

function iso(at: number): string {
  return new Date(at).toISOString();
}
