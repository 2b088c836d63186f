import { REASONS, type Reason } from '../../core/reasons.ts';
import type { Entry } from '../entry.ts';
import type { Place } from './leave.ts';
import { grantsIn, textIn, textsIn } from './value.ts';

/** Entries that a finding names. */
const SHOWN = 5;
/** Users whose refusals are counted: whoever sends requests chooses the names. */
const USERS = 10_000;

/** Entries that show the same thing: how many, and the first of them. */
export class Places {
  count = 0;
  readonly shown: Place[] = [];

  add({ log, seq }: Place): void {
    this.count++;
    if (this.shown.length < SHOWN) this.shown.push({ log, seq });
  }
}

/** Uses of one grant or override. Milliseconds since the epoch. */
export interface Uses {
  readonly all: Places;
  first: number;
  last: number;
  lastPlace: Place;
  approvers: ReadonlySet<string>;
}

/** Crossings by the same leave, for which no legal basis was recorded with the decision. */
export interface Baseless {
  readonly grants: readonly string[];
  readonly override: string | null;
  readonly all: Places;
  /** Under a policy that names frameworks. */
  framed: number;
}

/** What entries of the period show that people may have to look at. */
export class Signs {
  readonly gaps: Entry[] = [];
  readonly advisory = new Places();
  readonly unrecorded = new Places();
  readonly endless: { readonly place: Place; readonly at: number }[] = [];
  readonly policies = new Places();
  readonly refusedChanges = new Places();
  readonly grants = new Map<string, Uses>();
  readonly overrides = new Map<string, Uses>();
  readonly baseless = new Map<string, Baseless>();
  readonly refusals = new Map<string, Places>();

  request(entry: Entry, effect: string, reason: string): void {
    if (effect === 'audit') this.advisory.add(entry);
    if (reason === 'audit_unavailable') this.unrecorded.add(entry);
    const user = textIn(entry.value, 'user');
    if (user === null || effect !== 'deny' || REASONS[reason as Reason] !== 403) return;
    const known = this.refusals.get(user);
    if (known === undefined && this.refusals.size >= USERS) return;
    const places = known ?? new Places();
    places.add(entry);
    this.refusals.set(user, places);
  }

  crossing(entry: Entry): void {
    const { value } = entry;
    const grants = grantsIn(value);
    const override = textIn(value, 'override');
    for (const id of grants) use(this.grants, id, entry);
    if (override !== null) use(this.overrides, override, entry);
    if (textsIn(value, 'legal_basis').length > 0) return;
    const key = JSON.stringify([grants, override]);
    const baseless = this.baseless.get(key) ?? { grants, override, all: new Places(), framed: 0 };
    this.baseless.set(key, baseless);
    baseless.all.add(entry);
    if (textsIn(value, 'frameworks').length > 0) baseless.framed++;
  }
}

function use(known: Map<string, Uses>, id: string, entry: Entry): void {
  const at = Date.parse(entry.time);
  let uses = known.get(id);
  if (uses === undefined) {
    uses = { all: new Places(), first: at, last: at, lastPlace: entry, approvers: new Set() };
    known.set(id, uses);
  }
  uses.all.add(entry);
  uses.first = Math.min(uses.first, at);
  if (at >= uses.last) [uses.last, uses.lastPlace] = [at, entry];
  uses.approvers = new Set([...uses.approvers, ...textsIn(entry.value, 'approved_by')]);
}
