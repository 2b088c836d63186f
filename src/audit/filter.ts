import { quoted } from './ascii.ts';
import type { Entry, Kind } from './entry.ts';

/** What entries are looked for; all that is given must hold. */
export interface EntryFilter {
  readonly kind?: Kind | undefined;
  readonly tenant?: string | undefined;
  readonly requestId?: string | undefined;
  /** The person the data is about, as it stands in the log; of a control entry, one of `data.subjects`. */
  readonly subject?: string | undefined;
  /** Who acted: the user of a request, or the actor of a control or query entry. */
  readonly user?: string | undefined;
  /** One that a request named, or several as they stand in the log; of a control entry, `data.resource`. */
  readonly resource?: string | undefined;
  readonly reason?: string | undefined;
  readonly effect?: string | undefined;
  /** Id of the region it was, or would have been, sent to; of a control entry, `data.to_region`. */
  readonly region?: string | undefined;
  /** RFC 3339 in UTC with milliseconds, as entries have it; inclusive. */
  readonly from?: string | undefined;
  /** The same, exclusive. */
  readonly to?: string | undefined;
}

/** A filter made ready: it knows what bytes every entry that matches must have. */
export class EntryMatcher {
  /** All of these are in the text of each entry that matches; the rarest, as far as one can tell, is first. */
  readonly marks: readonly Buffer[];
  readonly #filter: EntryFilter;
  readonly #needsValue: boolean;

  constructor(filter: EntryFilter) {
    this.#filter = filter;
    const { kind, tenant, requestId, subject, user, resource, reason, effect, region } = filter;
    const { from = '', to = '' } = filter;
    this.#needsValue = [tenant, requestId, subject, user, resource, reason, effect, region].some(
      (each) => each !== undefined,
    );
    const marks: string[] = [];
    const keyed = (key: string, value: string | undefined) => {
      if (value !== undefined) marks.push(`"${key}":${quoted(value)}`);
    };
    keyed('request_id', requestId);
    for (const value of [subject, user, region]) if (value !== undefined) marks.push(quoted(value));
    if (resource !== undefined) marks.push(quoted(resource).slice(1, -1)); // it may be one of several
    keyed('tenant', tenant);
    keyed('reason', reason);
    keyed('effect', effect);
    keyed('kind', kind);
    const shared = sharedBeginning(from, to);
    if (shared !== '') marks.push(`"time":"${shared}`);
    this.marks = marks.map((mark) => Buffer.from(mark, 'latin1'));
  }

  /** @throws SyntaxError for an entry that is no JSON */
  matches(entry: Entry): boolean {
    const { kind, from, to } = this.#filter;
    const { time } = entry;
    if ((from !== undefined && time < from) || (to !== undefined && time >= to)) return false;
    if (kind !== undefined && !entry.text.startsWith(`{"v":1,"kind":"${kind}"`)) return false;
    return !this.#needsValue || this.#matchesValue(entry.value);
  }

  #matchesValue(value: Readonly<Record<string, unknown>>): boolean {
    const { tenant, requestId, subject, user, resource, reason, effect, region } = this.#filter;
    const data = (value['data'] ?? {}) as Readonly<Record<string, unknown>>;
    const subjects = Array.isArray(data['subjects']) ? (data['subjects'] as readonly unknown[]) : [];
    return (
      is(tenant, value['tenant']) &&
      is(requestId, value['request_id']) &&
      is(subject, value['subject'], ...subjects) &&
      is(user, value['user'], value['actor']) &&
      is(resource, value['resource'], data['resource'], ...named(value['resource'])) &&
      is(reason, value['reason']) &&
      is(effect, value['effect']) &&
      is(region, value['target_region'], data['to_region'])
    );
  }
}

function is(wanted: string | undefined, ...values: readonly unknown[]): boolean {
  return wanted === undefined || values.includes(wanted);
}

function named(resource: unknown): readonly string[] {
  return typeof resource === 'string' && resource.includes(',') ? resource.split(',') : [];
}

function sharedBeginning(a: string, b: string): string {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return a.slice(0, length);
}
