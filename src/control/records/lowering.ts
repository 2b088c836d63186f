import { CLASSIFICATIONS, type Classification } from '../../core/vocabulary.ts';
import type { HistoryEntry } from '../../store/history.ts';
import { lastSaid, type StoredRecord } from '../../store/records.ts';
import type { Change, Db } from '../../store/store.ts';

/** What is said of a resource beside its class. */
export interface RecordFacts {
  readonly data_type: string | null;
  readonly sensitivity: string | null;
  readonly pii_present: boolean;
  readonly encryption_required: boolean;
}

/** A lower class that one person has asked for, and that takes the word of another. */
export interface Lowering {
  readonly classification: Classification;
  readonly facts: RecordFacts;
  readonly requester: string;
  readonly reason: string;
  /** First moment at which it is forgotten, in milliseconds since the epoch. */
  readonly until: number;
}

/** By whom a class was lowered, kept with the record. */
export interface Lowered {
  readonly requested_by: string;
  readonly reason: string;
  readonly approved_by: string;
  /** Reason of the second person. */
  readonly approval: string;
}

/** In the history of the record: nothing is in force by it. */
const ASKED = 'lowering_requested';

/**
 * The class that one person may not go below: that of the record; where none says otherwise and there are personal data
 * in it, the highest. Null: any class will do.
 */
export function demanded(before: StoredRecord | null, facts: RecordFacts): Classification | null {
  const settled = before !== null && (before.body as RecordFacts).pii_present;
  return facts.pii_present && !settled ? CLASSIFICATIONS[0] : (before?.classification ?? null);
}

/** Whether a class restricts less than another. They are listed from the highest to the lowest. */
export function isBelow(classification: Classification, other: Classification): boolean {
  return CLASSIFICATIONS.indexOf(classification) > CLASSIFICATIONS.indexOf(other);
}

/** The lowering that waits for a second person, or null. @param pendingMinutes how long it waits */
export async function pendingLowering(
  db: Db,
  { tenant, dataId }: Pick<StoredRecord, 'tenant' | 'dataId'>,
  now: number,
  pendingMinutes: number,
): Promise<Lowering | null> {
  const last = await lastSaid(db, tenant, dataId);
  if (last === null || last.action !== ASKED) return null;
  const lowering = loweringOf(last, pendingMinutes);
  return now < lowering.until ? lowering : null;
}

/** Keeps what the caller asks for, in the place of what anybody has asked for before. */
export async function askForLowering(
  change: Change,
  { tenant, dataId }: Pick<StoredRecord, 'tenant' | 'dataId'>,
  asked: Pick<Lowering, 'classification' | 'facts' | 'reason'>,
): Promise<void> {
  await change.history('record', dataId, tenant, ASKED, asked);
}

function loweringOf({ actor, at, body }: HistoryEntry, pendingMinutes: number): Lowering {
  const asked = body as Pick<Lowering, 'classification' | 'facts' | 'reason'>;
  return { ...asked, requester: actor, until: at + pendingMinutes * 60_000 };
}
