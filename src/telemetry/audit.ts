import type { Registry } from 'prom-client';
import { registerCounter } from './scrape.ts';

const AUDIT_MODES = ['strict', 'batch', 'best_effort'] as const;
export type AuditMode = (typeof AUDIT_MODES)[number];

/** Audit records, counted since the start. */
export class AuditCounts {
  readonly records: Record<AuditMode, number> = { strict: 0, batch: 0, best_effort: 0 };
  /** Those that could not be written. */
  failures = 0;
}

/** Adds what was counted, by all of these together. */
export function registerAudit(registry: Registry, counts: readonly AuditCounts[]): void {
  registerCounter(registry, 'domicile_audit_records_total', 'Audit records written.', ['mode'], (emit) => {
    for (const { records } of counts) for (const mode of AUDIT_MODES) emit(records[mode], { mode });
  });
  registerCounter(registry, 'domicile_audit_failures_total', 'Audit records that could not be written.', [], (emit) => {
    for (const { failures } of counts) emit(failures);
  });
}
