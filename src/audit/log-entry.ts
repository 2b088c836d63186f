import { asciiJson } from './ascii.ts';

/** Action of the entry that says that bundles are deleted: verification takes its word for what is missing. */
export const EVIDENCE_PRUNED = 'evidence.pruned';
/** Action of the entry that a log is closed with. */
export const LOG_CLOSED = 'log.closed';

/** What follows the time of an entry about a log itself. @param data the facts that matter */
export function logEntry(sidecar: string, origin: string, action: string, data: object): string {
  const own = { sidecar, request_id: '', tenant: '', actor: 'domicile', action };
  const done = { object: 'log', object_id: origin, revision: null, outcome: 'done', status: null, data };
  return asciiJson({ ...own, ...done }).slice(1);
}
