/** What a report says. Names are those of its JSON; times are RFC 3339 in UTC, durations milliseconds. */
export interface Report {
  readonly v: 1;
  readonly tenant: string;
  /** The period: `from ≤ time < to`. */
  readonly from: string;
  readonly to: string;
  readonly generated_at: string;
  readonly coverage: Coverage;
  readonly summary: Summary;
  /** Most requests first, as in all tables. */
  readonly by_service: readonly Tally[];
  readonly by_verb: readonly Tally[];
  readonly by_classification: readonly Tally[];
  /** By the region that they were, or would have been, sent to. */
  readonly by_region: readonly Tally[];
  readonly approvals: { readonly requests: Approvals; readonly overrides: Approvals };
  readonly rejections: readonly Rejections[];
  /** The first ones by time, so many that a person can read them. */
  readonly crossings: readonly Crossing[];
  /** That are not among them. */
  readonly crossings_omitted: number;
  readonly findings: readonly Finding[];
}

/** What it was made from. */
export interface Coverage {
  /** Whether every log verified; null: they were not all verified. */
  readonly verified: boolean | null;
  readonly logs: readonly CoveredLog[];
  /** Origins of logs of which requests that stayed in residency could not be read. */
  readonly incomplete: readonly string[];
}

export interface CoveredLog {
  readonly origin: string;
  /** Null, as the root: not for this reader. */
  readonly size: number | null;
  /** Base64 of the root of the tree of that size. */
  readonly root: string | null;
  /** Ids of the keys that signed the checkpoint, eight hexadecimal digits each. */
  readonly key_ids: readonly string[];
  readonly verified: boolean | null;
  /** What is wrong with it; null: nothing is known. */
  readonly problem: string | null;
}

export interface Tally {
  readonly name: string;
  readonly requests: number;
  readonly allowed: number;
  /** Let through against an advisory policy; not among the allowed. */
  readonly audited: number;
  readonly refused: number;
  readonly bytes_in: number;
  readonly bytes_out: number;
}

export interface Summary extends Omit<Tally, 'name'> {
  /** Data that crossed a border. */
  readonly crossings: number;
  readonly failovers: number;
  /** Allowed, and then failed upstream. */
  readonly failed: number;
}

/** What became of access requests, or of overrides, within the period. */
export interface Approvals {
  readonly requested: number;
  readonly approved: number;
  readonly denied: number;
  /** That nobody decided on in time. */
  readonly expired: number;
  readonly revoked: number;
  /** Approved among those that people decided on, 0 to 1; null: there were none. */
  readonly approval_rate: number | null;
  /** From the request to the decision; null: there were none. */
  readonly median_decision_ms: number | null;
}

export interface Rejections {
  readonly reason: string;
  readonly requests: number;
  /** Of all refusals, 0 to 1. */
  readonly share: number;
}

/** One time that data crossed a border. `log` and `seq` are what `domicile audit prove` proves. */
export interface Crossing {
  readonly time: string;
  readonly user: string | null;
  readonly subject: string | null;
  readonly classification: string | null;
  readonly service: string;
  readonly verb: string | null;
  readonly resource: string | null;
  readonly from_region: string | null;
  readonly to_region: string | null;
  readonly effect: string;
  readonly reason: string;
  readonly grants: readonly string[];
  readonly override: string | null;
  readonly approved_by: readonly string[];
  readonly legal_basis: readonly string[];
  /** What was answered; null: that is not on record. */
  readonly status: number | null;
  readonly request_id: string;
  readonly log: string;
  readonly seq: number;
}

export type Severity = 'high' | 'medium' | 'low' | 'info';

export interface Finding {
  readonly severity: Severity;
  /** For programs, such as `gap`. */
  readonly code: string;
  /** For people. */
  readonly text: string;
  /** Entries that show it, some of them where there are many. */
  readonly evidence: readonly { readonly log: string; readonly seq: number }[];
}
