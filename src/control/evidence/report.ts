import { Entry } from '../../audit/entry.ts';
import { buildReport } from '../../audit/report/build.ts';
import type { CoveredLog, Report } from '../../audit/report/model.ts';
import {
  evidenceEntries,
  evidenceLogs,
  type EvidenceAsked,
  type EvidenceFilter,
  type EvidenceSpanRow,
} from '../../store/evidence.ts';
import { openLogs, spansBefore, type OpenLogs } from './access-log.ts';
import type { Principal } from '../principal.ts';
import type { EvidenceIndex } from './evidence-index.ts';
import { shownLogs } from './shown.ts';

/** Rows that are read at once. */
const ROWS = 500;

/** Milliseconds after a period within which requests of the period have ended. */
const ENDING = 900_000;

/** Milliseconds since the epoch. */
interface Period {
  readonly from: number;
  readonly to: number;
  readonly now: number;
}

/**
 * The report of a tenant and a period, from the logs on this machine and what the index has of the others. The logs are
 * not verified for it, and it says so.
 * @param principal who is told
 */
export async function reportFor(
  index: EvidenceIndex,
  tenant: string,
  period: Period,
  principal: Principal,
): Promise<Report> {
  const logs = await openLogs(index);
  // Known once everything is read, which is when the report is made.
  const incomplete: string[] = [];
  const coverage = { verified: null, logs: shownLogs(principal, await coveredLogs(index)), incomplete };
  async function* entries() {
    yield* entriesFor(index, logs, tenant, period);
    incomplete.push(...new Set([...logs.elsewhere, ...logs.unread, ...index.behind]));
  }
  return buildReport(entries(), { tenant, ...period, coverage });
}

async function coveredLogs(index: EvidenceIndex): Promise<CoveredLog[]> {
  const rows = await evidenceLogs(index.store.db);
  return rows.map(({ origin, size, root, problem }) => {
    const signatures = index.logs.get(origin)?.checkpoint.note.signatures ?? [];
    const key_ids = signatures.filter(({ name }) => name === origin).map(({ id }) => id.toString(16).padStart(8, '0'));
    return { origin, size: Math.max(size, 0), root, key_ids, verified: null, problem };
  });
}

/** Those of each log in order. */
async function* entriesFor(
  index: EvidenceIndex,
  logs: OpenLogs,
  tenant: string,
  { from, to }: Period,
): AsyncGenerator<Entry> {
  const filter = { ...ALL, tenant, from, to: to + ENDING };
  // Who approved before what is used now.
  const earlier = { ...filter, from: Number.MIN_SAFE_INTEGER, to: from, kind: 'control' };
  yield* kept(index, { filter: earlier, view: 'crossing', logs: null });
  for (const kind of ['gap', 'key'])
    yield* kept(index, { filter: { ...filter, tenant: '', kind }, view: null, logs: null });
  if (logs.elsewhere.length > 0) yield* kept(index, { filter, view: null, logs: logs.elsewhere });
  const spans: EvidenceSpanRow[] = [];
  for await (const span of spansBefore(index, filter, filter.to, logs)) spans.push(span);
  spans.sort((a, b) => (a.log === b.log ? a.span - b.span : a.log < b.log ? -1 : 1));
  for (const span of spans) for await (const { entry } of logs.entriesIn(span, filter)) yield entry;
}

const ALL: Omit<EvidenceFilter, 'tenant' | 'from' | 'to'> = {
  subject: null,
  user: null,
  reason: null,
  effect: null,
  region: null,
  kind: null,
  classification: null,
};

async function* kept(
  index: EvidenceIndex,
  asked: Pick<EvidenceAsked, 'filter' | 'view' | 'logs'>,
): AsyncGenerator<Entry> {
  let after: EvidenceAsked['after'] = null;
  for (;;) {
    const rows = await evidenceEntries(index.store.db, { ...asked, order: 'oldest', after, limit: ROWS });
    for (const { log, seq, body } of rows) yield new Entry(log, seq, body);
    after = rows.at(-1) ?? null;
    if (rows.length < ROWS) return;
  }
}
