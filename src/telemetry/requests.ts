import { REASON_NAMES, type Effect, type Reason } from '../core/reasons.ts';
import { CLASSIFICATIONS, DIALECTS, SERVICES, VERBS } from '../core/vocabulary.ts';
import type { Classification, DialectId, Service, Verb } from '../core/vocabulary.ts';

/** Label value of what a request did not have, or had wrong: the label sets stay closed whatever a client sends. */
const NONE = 'none';

const EFFECTS: readonly Effect[] = ['allow', 'audit', 'deny'];

/** Places of the words of one closed label; null (label value `none`) is the last. */
function places(words: readonly string[]): ReadonlyMap<string | null, number> {
  const map = new Map<string | null, number>(words.map((word, i) => [word, i]));
  map.set(null, words.length);
  return map;
}

const SERVICE = places(SERVICES);
const DIALECT = places(DIALECTS);
const CLASS = places(CLASSIFICATIONS);
const VERB = places(VERBS);
const REASON = places(REASON_NAMES);
const EFFECT = places(EFFECTS);

const KINDS_PER_REGION = SERVICE.size * DIALECT.size * CLASS.size * VERB.size;
const OUTCOMES = EFFECTS.length * REASON_NAMES.length;

/**
 * The regions that may be labels. Append-only, because a request that began before a reload is counted after it: a
 * region keeps its place for the life of the process.
 */
export class RegionLabels {
  /** By place. The first, `none`, stands for "no target" and for every id that was not added. */
  readonly names: string[] = [NONE];
  readonly #places = new Map<string | null, number>([[null, 0]]);

  constructor(ids: Iterable<string>) {
    this.add(ids);
  }

  /** Adds the ids of a (re)loaded catalogue; ids that are there stay as they are. */
  add(ids: Iterable<string>): void {
    for (const id of ids) {
      if (this.#places.has(id)) continue;
      this.#places.set(id, this.names.length);
      this.names.push(id);
    }
  }

  /** Place of a region id, 0 for null and for an id that was not added. */
  place(id: string | null): number {
    return this.#places.get(id) ?? 0;
  }
}

/** The labels of one series of `domicile_requests_total`. */
export interface RequestLabels {
  readonly service: string;
  readonly dialect: string;
  readonly classification: string;
  readonly verb: string;
  readonly decision: Effect;
  readonly reason: Reason;
  readonly region: string;
}

interface LastAsked {
  readonly service: Service | null;
  readonly dialect: DialectId | null;
  readonly classification: Classification | null;
  readonly verb: Verb | null;
  readonly decision: Effect | null;
  readonly reason: Reason | null;
  readonly region: string | null;
  readonly slot: number;
}

const NOTHING_ASKED: LastAsked = {
  service: null,
  dialect: null,
  classification: null,
  verb: null,
  decision: null,
  reason: null,
  region: null,
  slot: -1,
};

/**
 * The counts behind `domicile_requests_total`. A series gets a slot when it is first seen; finding it again is seven
 * look-ups and two array reads. The tables are bounded by the closed vocabularies and the catalogue.
 */
export class RequestCounter {
  readonly #regions: RegionLabels;
  /** By region, service, dialect, class and verb; each by decision and reason, holding slot + 1 so that 0 is "none yet". */
  readonly #tables: (Int32Array | undefined)[] = [];
  readonly #labels: RequestLabels[] = [];
  /** What was asked for last: most requests are of the kind of the one before. */
  #last: LastAsked = NOTHING_ASKED;
  #counts = new Float64Array(256);

  constructor(regions: RegionLabels) {
    this.#regions = regions;
  }

  /**
   * The slot of a series. Null is what the request did not show: a dialect, class or verb that is not known, or a
   * request that has no target region.
   */
  slot(
    service: Service,
    dialect: DialectId | null,
    classification: Classification | null,
    verb: Verb | null,
    decision: Effect,
    reason: Reason,
    region: string | null,
  ): number {
    const last = this.#last;
    if (
      last.reason === reason &&
      last.verb === verb &&
      last.classification === classification &&
      last.region === region &&
      last.dialect === dialect &&
      last.service === service &&
      last.decision === decision
    )
      return last.slot;
    const kind =
      ((this.#regions.place(region) * SERVICE.size + SERVICE.get(service)!) * DIALECT.size + DIALECT.get(dialect)!) *
        CLASS.size *
        VERB.size +
      CLASS.get(classification)! * VERB.size +
      VERB.get(verb)!;
    const outcome = EFFECT.get(decision)! * REASON_NAMES.length + REASON.get(reason)!;
    const found = this.#tables[kind]?.[outcome] ?? 0;
    const slot = found > 0 ? found - 1 : this.#add(kind, outcome, region);
    // A region that is not a label yet may become one: what was found for it does not last.
    if (region === null || this.#regions.place(region) > 0)
      this.#last = { service, dialect, classification, verb, decision, reason, region, slot };
    return slot;
  }

  /** Counts one request. `slot` is one that `slot()` returned. */
  count(slot: number): void {
    this.#counts[slot]!++;
  }

  /** Every series seen, with its count. For the scrape. */
  each(visit: (labels: RequestLabels, count: number) => void): void {
    this.#labels.forEach((labels, slot) => visit(labels, this.#counts[slot]!));
  }

  #add(kind: number, outcome: number, region: string | null): number {
    if (!Number.isInteger(kind) || !Number.isInteger(outcome)) {
      throw new TypeError('a label of domicile_requests_total is outside its vocabulary');
    }
    // Filled up to the regions known, so that the array never turns into a dictionary.
    while (this.#tables.length < this.#regions.names.length * KINDS_PER_REGION) this.#tables.push(undefined);
    const table = (this.#tables[kind] ??= new Int32Array(OUTCOMES));
    const slot = this.#labels.length;
    table[outcome] = slot + 1;
    if (slot === this.#counts.length) {
      const wider = new Float64Array(slot * 2);
      wider.set(this.#counts);
      this.#counts = wider;
    }
    const word = (words: readonly string[], divisor: number): string =>
      words[Math.floor(kind / divisor) % (words.length + 1)] ?? NONE;
    this.#labels.push({
      service: word(SERVICES, DIALECT.size * CLASS.size * VERB.size),
      dialect: word(DIALECTS, CLASS.size * VERB.size),
      classification: word(CLASSIFICATIONS, VERB.size),
      verb: word(VERBS, 1),
      decision: EFFECTS[Math.floor(outcome / REASON_NAMES.length)]!,
      reason: REASON_NAMES[outcome % REASON_NAMES.length]!,
      region: this.#regions.names[this.#regions.place(region)]!,
    });
    return slot;
  }
}
