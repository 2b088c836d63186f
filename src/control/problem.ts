/** One thing wrong in a body. */
export interface FieldProblem {
  /** JSON pointer with the names as sent, such as `/allowed_regions/0`. */
  readonly path: string;
  readonly message: string;
}

/** Seconds after which evidence may be writable again. */
const EVIDENCE_RETRY = 5;

/** A refusal of the control API, sent as problem+json (RFC 9457). */
export class ApiError extends Error {
  readonly status: number;
  readonly title: string;
  readonly errors: readonly FieldProblem[];
  /** Reason of a decision that refused, of core/reasons.ts. */
  readonly reason: string | null;
  /** Seconds after which it is worth another try, or null. */
  readonly retryAfter: number | null;
  /** Its evidence says more than what can be told here, and is written. */
  readonly recorded: boolean;

  /** @param detail what happened and what to do about it, for people */
  constructor(
    status: number,
    title: string,
    detail: string,
    more: {
      readonly errors?: readonly FieldProblem[];
      readonly reason?: string;
      readonly retryAfter?: number;
      readonly recorded?: boolean;
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, more.cause === undefined ? undefined : { cause: more.cause });
    this.status = status;
    this.title = title;
    this.errors = more.errors ?? [];
    this.reason = more.reason ?? null;
    this.retryAfter = more.retryAfter ?? null;
    this.recorded = more.recorded ?? false;
  }
}

/** The refusal of what leaves no evidence. @param why in one line, for people */
export function auditUnavailable(why: string): ApiError {
  const detail = `no record of this can be kept now, so it is not done: ${why}`;
  return new ApiError(503, 'Not available', detail, {
    reason: 'audit_unavailable',
    retryAfter: EVIDENCE_RETRY,
    recorded: true, // as far as it can be
  });
}
