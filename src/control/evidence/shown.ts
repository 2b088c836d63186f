import type { Entry } from '../../audit/entry.ts';
import type { CoveredLog } from '../../audit/report/model.ts';
import type { Principal } from '../principal.ts';
import type { EvidenceIndex, EvidenceProblem } from './evidence-index.ts';

// Logs and machines are shared: paths, upstream addresses and sizes are for those who look after all tenants.
const DETAIL = 'told only to those who may read the evidence of all tenants';
const CHANGED = 'it was put back or rewritten';
const UNREAD = 'some evidence on this machine cannot be read or indexed: ask those who look after it';

/** An entry as this principal is shown it. The detail of a request may name what this machine met on the way. */
export function shownEntry({ tenant }: Principal, { log, value }: Entry): Readonly<Record<string, unknown>> {
  const mayName = value['kind'] === 'decision' || value['kind'] === 'outcome';
  if (tenant === null || !mayName || value['detail'] === undefined) return { log, ...value };
  return { log, ...value, detail: DETAIL };
}

/** What this principal is told of logs that are not what they were, or are not read. */
export async function shownProblems({ tenant }: Principal, index: EvidenceIndex): Promise<readonly EvidenceProblem[]> {
  const contradictions = await index.contradictions();
  const { failing } = index;
  if (tenant === null) return [...contradictions, ...failing];
  const unread = failing.length === 0 ? [] : [{ log: '', problem: UNREAD }];
  return [...contradictions.map(({ log }) => ({ log, problem: CHANGED })), ...unread];
}

/** Logs of a report as this principal is shown them. */
export function shownLogs({ tenant }: Principal, logs: readonly CoveredLog[]): readonly CoveredLog[] {
  if (tenant === null) return logs;
  return logs.map((log) => ({ ...log, size: null, root: null, problem: log.problem === null ? null : CHANGED }));
}
