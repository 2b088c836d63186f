import { Type } from 'typebox';
import { KINDS } from '../../audit/entry.ts';
import { REASON_NAMES } from '../../core/reasons.ts';
import { instant, momentOf, personId, regionName, tenantId } from '../../core/schema.ts';
import { CLASSIFICATIONS } from '../../core/vocabulary.ts';
import type { EvidenceFilter, EvidencePlace } from '../../store/evidence.ts';
import { perhaps } from '../approval/fields.ts';
import { badBody, type Call } from '../call.ts';
import { afterOf, badCursor } from '../page.ts';

/** A period, as a query gives it. */
export const PERIOD = {
  from: perhaps(instant({}), 'Not before this moment.'),
  to: perhaps(instant({}), 'Before this moment.'),
};

export const TENANT = perhaps(tenantId({}), 'Only this tenant’s; by default your token’s own.');

/** What entries are looked for by. */
export const FILTERS = {
  ...PERIOD,
  subject: perhaps(personId({}), 'The person the data is about, as the entries name them.'),
  user: perhaps(personId({}), 'Who acted.'),
  reason: perhaps(Type.Enum([...REASON_NAMES]), 'Reason of the decision.'),
  effect: perhaps(Type.Enum(['allow', 'audit', 'deny']), 'Effect of the decision.'),
  region: perhaps(regionName({}), 'Where it was or would have been sent, or where the caller was.'),
  kind: perhaps(Type.Enum([...KINDS]), 'Kind of entry.'),
  classification: perhaps(Type.Enum([...CLASSIFICATIONS]), 'Class of the data.'),
};

interface Period {
  readonly from: string | null;
  readonly to: string | null;
}

/** What the filters say. Regions are also known by their cloud region. @throws ApiError 400 */
export function filterFrom(
  { context, query }: Call<unknown, Omit<EvidenceFilter, 'tenant' | 'from' | 'to'> & Period>,
  tenant: string | null,
): EvidenceFilter {
  const { subject, user, reason, effect, kind, classification } = query;
  const region = query.region === null ? null : (context.registry.catalogue.find(query.region)?.id ?? query.region);
  const period = periodFrom(query, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  return { tenant, ...period, subject, user, reason, effect, region, kind, classification };
}

/**
 * Milliseconds since the epoch. @param first, last where the query says nothing
 * @throws ApiError 400 for a day that is in no calendar, and for an end before the beginning
 */
export function periodFrom({ from, to }: Period, first: number, last: number): { from: number; to: number } {
  const period = { from: momentFrom('from', from) ?? first, to: momentFrom('to', to) ?? last };
  if (period.from < period.to) return period;
  throw badBody([{ path: to === null ? '/from' : '/to', message: 'leaves nothing: from must be before to' }]);
}

function momentFrom(name: string, text: string | null): number | null {
  if (text === null) return null;
  const moment = momentOf(text);
  if (moment === null) throw badBody([{ path: `/${name}`, message: 'is a day that the calendar does not have' }]);
  return moment;
}

/** Where a page begins, or null. @throws ApiError 400 for a cursor that no page can have given */
export function placeFrom(query: { readonly cursor: string }): EvidencePlace | null {
  const key = afterOf(query);
  if (key === null) return null;
  const [, at, seq, log] = /^(-?\d{1,15}) (\d{1,15}) ([\x20-\x7e]*)$/.exec(key) ?? [];
  if (at === undefined || seq === undefined || log === undefined) throw badCursor();
  return { at: Number(at), seq: Number(seq), log };
}

/** The cursor of a place. */
export function cursorOf(place: EvidencePlace | null): string | null {
  if (place === null) return null;
  return Buffer.from(`${place.at} ${place.seq} ${place.log}`, 'utf8').toString('base64url');
}
