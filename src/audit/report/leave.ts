import type { Entry } from '../entry.ts';
import type { Approvals } from './model.ts';
import { numberIn, objectIn, textIn, textsIn, type Values } from './value.ts';

export type Place = Pick<Entry, 'log' | 'seq'>;

/** What control entries say of a request, grant or override: the last word on each. */
export interface Leave {
  readonly id: string;
  /** The first entry that told of it. */
  readonly place: Place;
  requester: string | null;
  approvedBy: readonly string[];
  legalBasis: readonly string[];
  fromRegion: string | null;
  toRegion: string | null;
  /** Of a grant: the request that it came of. */
  requestId: string | null;
  notBefore: number | null;
  notAfter: number | null;
  maxUses: number | null;
  reviewDue: number | null;
  reviewed: number | null;
  overdue: Place | null;
}

type Kind = 'requests' | 'overrides';

/** One thing that was asked for: when, and when and how people decided. */
interface Asked {
  requested: number | null;
  decided: number | null;
}

/** Everything that is on record of leave to cross borders, and how often what was asked for was given. */
export class Leaves {
  readonly grants = new Map<string, Leave>();
  readonly overrides = new Map<string, Leave>();
  readonly #requests = new Map<string, Leave>();
  readonly #counts = { requests: counts(), overrides: counts() };
  readonly #asked = { requests: new Map<string, Asked>(), overrides: new Map<string, Asked>() };

  /** What was done. @param counted whether it lies in the period of the report */
  add(entry: Entry, at: number, counted: boolean): void {
    const { value } = entry;
    const [object = '', verb = ''] = (textIn(value, 'action') ?? '').split('.', 2);
    const id = textIn(value, 'object_id');
    if (id === null) return;
    if (object === 'grant') this.#tell(this.grants, id, entry, verb, at);
    if (object === 'request') this.#tell(this.#requests, id, entry, verb, at);
    if (object === 'override') this.#tell(this.overrides, id, entry, verb, at);
    if (object === 'approval') this.#approve(id, value);
    if (object === 'request') this.#count('requests', id, verb, at, counted);
    if (object === 'override') this.#count('overrides', id, verb, at, counted);
  }

  /** What the request of a grant says besides. */
  requestOf({ requestId }: Leave): Leave | null {
    return requestId === null ? null : (this.#requests.get(requestId) ?? null);
  }

  approvals(kind: Kind): Approvals {
    const { approved, denied, waits, ...others } = this.#counts[kind];
    const decided = approved + denied;
    return {
      ...others,
      approved,
      denied,
      approval_rate: decided === 0 ? null : approved / decided,
      median_decision_ms: median(waits),
    };
  }

  #tell(known: Map<string, Leave>, id: string, entry: Entry, verb: string, at: number): void {
    const data = objectIn(entry.value, 'data');
    let leave = known.get(id);
    if (leave === undefined) known.set(id, (leave = unknown(id, entry)));
    leave.requester = textIn(data, 'requester') ?? leave.requester;
    leave.fromRegion = textIn(data, 'from_region') ?? leave.fromRegion;
    leave.toRegion = textIn(data, 'to_region') ?? leave.toRegion;
    leave.requestId = textIn(data, 'request_id') ?? leave.requestId;
    leave.maxUses = numberIn(data, 'max_uses') ?? leave.maxUses;
    leave.legalBasis = union(leave.legalBasis, textsIn(data, 'legal_basis'));
    leave.approvedBy = union(leave.approvedBy, textsIn(data, 'approved_by'));
    leave.notBefore = momentIn(data, 'not_before') ?? leave.notBefore;
    // A revocation ends it sooner than it was to end.
    leave.notAfter = verb === 'revoked' ? at : (momentIn(data, 'not_after') ?? leave.notAfter);
    leave.reviewDue = momentIn(data, 'review_due_at') ?? leave.reviewDue;
    if (verb === 'reviewed') leave.reviewed = at;
    if (verb === 'review_overdue') leave.overdue = entry;
  }

  #approve(id: string, value: Values): void {
    const actor = textIn(value, 'actor');
    const leave = this.#requests.get(id) ?? this.overrides.get(id);
    if (leave === undefined || actor === null || objectIn(value, 'data')['approved'] !== true) return;
    leave.approvedBy = union(leave.approvedBy, [actor]);
  }

  #count(kind: Kind, id: string, verb: string, at: number, counted: boolean): void {
    let asked = this.#asked[kind].get(id);
    if (asked === undefined) this.#asked[kind].set(id, (asked = { requested: null, decided: null }));
    const count = this.#counts[kind];
    if (verb === 'requested') asked.requested = at;
    if (counted && (verb === 'requested' || verb === 'expired' || verb === 'revoked')) {
      // An override that was in force ends by expiring: nobody had failed to decide on it.
      if (verb !== 'expired' || asked.decided === null) count[verb]++;
    }
    if ((verb !== 'approved' && verb !== 'denied') || asked.decided !== null) return;
    asked.decided = at;
    if (!counted) return;
    count[verb]++;
    if (asked.requested !== null) count.waits.push(at - asked.requested);
  }
}

function counts() {
  return { requested: 0, approved: 0, denied: 0, expired: 0, revoked: 0, waits: [] as number[] };
}

function unknown(id: string, { log, seq }: Entry): Leave {
  return {
    id,
    place: { log, seq },
    requester: null,
    approvedBy: [],
    legalBasis: [],
    fromRegion: null,
    toRegion: null,
    requestId: null,
    notBefore: null,
    notAfter: null,
    maxUses: null,
    reviewDue: null,
    reviewed: null,
    overdue: null,
  };
}

function momentIn(value: Values, key: string): number | null {
  const text = textIn(value, key);
  const moment = text === null ? NaN : Date.parse(text);
  return Number.isNaN(moment) ? null : moment;
}

/** Each once, those known first. */
export function union(known: readonly string[], more: readonly string[]): readonly string[] {
  return more.length === 0 ? known : [...new Set([...known, ...more])];
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : Math.round(((sorted[middle - 1] as number) + upper) / 2);
}
