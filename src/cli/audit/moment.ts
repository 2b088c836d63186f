import { momentOf } from '../../core/schema.ts';
import { UsageError } from '../command.ts';

/**
 * Value of an option that is a time, RFC 3339 or a date.
 * @returns milliseconds since the epoch; undefined: it was not given
 * @throws UsageError for anything else
 */
export function timeOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const moment = momentOf(text);
  if (moment === null || !/^\d{4}-\d\d-\d\d(?:T|$)/.test(text))
    throw new UsageError(`--${name} ${text}: not a time; write it like 2026-11-24T12:00:00Z or 2026-11-24`);
  return moment;
}
