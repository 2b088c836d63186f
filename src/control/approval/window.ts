import type { ApprovalSettings } from '../context.ts';

/** Milliseconds since the epoch: `notBefore ≤ now < notAfter`. */
export interface Window {
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Why there can be no such window. `field` is the one to change. */
export interface NoWindow {
  readonly field: 'not_after' | 'duration_minutes' | 'duration_hours';
  readonly why: string;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** When a grant is asked for; null: not said. */
export interface GrantTimes {
  readonly notBefore: number | null;
  readonly notAfter: number | null;
  readonly durationMinutes: number | null;
}

/**
 * The window of a grant that is approved now: from then or `notBefore`, whichever is later, until `notAfter`, or for
 * `durationMinutes`, or for the default. What waits for approval loses none of its duration.
 */
export function grantWindow(times: GrantTimes, now: number, settings: ApprovalSettings): Window | NoWindow {
  const notBefore = Math.max(times.notBefore ?? now, now);
  const minutes = times.durationMinutes ?? settings.grantDefaultMinutes;
  const notAfter = times.notAfter ?? notBefore + lasting(minutes * MINUTE);
  const field = times.notAfter === null ? 'duration_minutes' : 'not_after';
  if (times.notAfter !== null && times.notAfter <= now) return { field, why: 'is past: name a later moment' };
  if (!(notAfter > notBefore)) return { field, why: 'is not after not_before: put it later' };
  if (notAfter - notBefore > settings.grantCapDays * DAY)
    return { field, why: `makes it longer than ${settings.grantCapDays} days, which is the most: ask for less` };
  return { notBefore, notAfter };
}

/** How long an override lasts once it is in force, in milliseconds. */
export function overrideLength(hours: number | null, settings: ApprovalSettings): number | NoWindow {
  const length = hours === null ? settings.overrideDefaultMinutes * MINUTE : hours * HOUR;
  if (length > settings.overrideCapHours * HOUR)
    return {
      field: 'duration_hours',
      why: `is more than ${settings.overrideCapHours} hours, which is the most: ask for less`,
    };
  return lasting(length);
}

/** Whole milliseconds, and never none. */
function lasting(length: number): number {
  return Math.max(1, Math.round(length));
}
