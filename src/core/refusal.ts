import { statusOf, type Reason } from './reasons.ts';

/**
 * A refusal on its way to the client. `message` is for the client: it never holds tenant data, policy internals or
 * another region's name. `detail` is for the log only. `leak` names the row of the leak table, for
 * `domicile_leaks_blocked_total{leak}`; it is a fixed word of the dialect, never input.
 */
export class Refusal {
  readonly reason: Reason;
  readonly message: string;
  readonly detail: string;
  readonly leak: string | null;
  readonly status: number;

  /** @param status defaults to the reason's own (400, 403, …); a parser may state a fitter one, such as 431 */
  constructor(
    reason: Reason,
    message: string,
    detail = '',
    leak: string | null = null,
    status: number = statusOf(reason),
  ) {
    this.reason = reason;
    this.message = message;
    this.detail = detail;
    this.leak = leak;
    this.status = status;
  }
}

/** A known operation that names another region, cluster, account or provider. `leak` is a fixed word. */
export function leakBlocked(leak: string, message: string, detail = ''): Refusal {
  return new Refusal('leak_blocked', message, detail, leak);
}

/** An operation that is not in the dialect's table. */
export function notPermitted(message: string, detail = ''): Refusal {
  return new Refusal('operation_not_permitted', message, detail);
}

/** Bytes or bodies that do not parse, or that parse in two ways. */
export function malformed(message: string, detail = ''): Refusal {
  return new Refusal('request_malformed', message, detail);
}
