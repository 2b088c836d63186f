import type { Grant, Override, RegionTable } from './model.ts';
import type { Report } from './report.ts';
import { findRegion } from './validate-policy.ts';

interface Widening {
  readonly notBefore: number;
  readonly notAfter: number;
  readonly approvedBy: readonly string[];
}

/** A grant by itself and against the catalogue. */
export function validateGrant(grant: Grant, table: RegionTable | null, now: number, report: Report): void {
  validateWindow(grant, now, report);
  validateWay(['from_region', grant.fromRegion], ['to_region', grant.toRegion], table, report);
  if (grant.userId === '*')
    report.error('grant_for_all_users', ['user_id'], 'is every user', 'name the one user who may use the grant');
  if (grant.approvedBy.includes(grant.userId))
    report.warning('self_approved', ['approved_by'], 'the user approved it', 'have someone else approve it');
}

/** An emergency override by itself and against the catalogue. */
export function validateOverride(override: Override, table: RegionTable | null, now: number, report: Report): void {
  validateWindow(override, now, report);
  validateWay(['source_region', override.sourceRegion], ['target_region', override.targetRegion], table, report);
}

function validateWindow(widening: Widening, now: number, report: Report): void {
  if (widening.notAfter <= widening.notBefore)
    report.error('empty_window', ['not_after'], 'is not after not_before', 'put it later');
  else if (widening.notAfter <= now) report.warning('window_past', ['not_after'], 'is past', 'remove the entry');
  if (new Set(widening.approvedBy).size < widening.approvedBy.length)
    report.error('approved_twice', ['approved_by'], 'names someone twice', 'list each approver once');
}

function validateWay(
  [fromKey, from]: readonly [string, string],
  [toKey, to]: readonly [string, string],
  table: RegionTable | null,
  report: Report,
): void {
  if (table === null) return;
  const source = findRegion(from, [fromKey], table, report);
  const target = findRegion(to, [toKey], table, report);
  if (source !== null && source === target)
    report.error('goes_nowhere', [toKey], `is ${fromKey} itself`, 'name the region that the data may go to');
}
