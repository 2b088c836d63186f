import type { Head } from '../../core/http.ts';
import type { Reason } from '../../core/reasons.ts';
import type { Refusal } from '../../core/refusal.ts';
import { PASS, type Dialect, type Inspection, type Outgoing, type Place } from '../dialect.ts';
import type { RefusalAnswer, Verdict } from '../dialect.ts';
import { forwardHeaders } from '../jsonbody.ts';
import { words } from '../walk.ts';
import { guardBody } from './body.ts';
import { readCall, type OpenAiCall } from './operations.ts';

/** OpenAI's API. Stateless; the one instance serves every request. */
export function openai(): Dialect<OpenAiCall> {
  return new OpenAi();
}

/**
 * Headers that go upstream. Not among them: the credential (the endpoint's own is put in), `openai-organization` and
 * `openai-project` (whose account it is goes with the credential), `openai-beta` (it opens APIs that are not served).
 */
const FORWARDED = words(`
  accept accept-encoding user-agent idempotency-key x-client-request-id traceparent tracestate`);
/** A form keeps the type that names its boundary, and its length. */
const FORWARDED_WITH_FORM: ReadonlySet<string> = new Set([...FORWARDED, 'content-type', 'content-length']);

class OpenAi implements Dialect<OpenAiCall> {
  readonly id = 'openai';
  readonly service = 'inference';

  read(head: Head): OpenAiCall | Refusal {
    return readCall(head);
  }

  guardHead(): Refusal | null {
    return null;
  }

  guardBody(head: Head, call: OpenAiCall, place: Place, body: Buffer, limit: number): Inspection | Refusal {
    return guardBody(head, call, place, body, limit);
  }

  rewrite(head: Head, call: OpenAiCall, _place: Place, inspection: Inspection | null): Outgoing {
    const headers = forwardHeaders(head, inspection === null ? FORWARDED_WITH_FORM : FORWARDED, inspection);
    return { method: head.method, path: call.path, query: '', headers, payloadHash: null, filter: null };
  }

  guardAnswer(): Verdict {
    return PASS;
  }

  guardAnswerBody(): Refusal | null {
    return null;
  }

  refuse(head: Head, reason: Reason, status: number, message: string): RefusalAnswer {
    const error = { message, type: errorType(status), param: null, code: errorCode(reason, status) };
    return {
      status,
      headers: ['content-type', 'application/json'],
      body: head.method === 'HEAD' ? '' : JSON.stringify({ error }),
    };
  }
}

/** Error types of platform.openai.com/docs/guides/error-codes. */
function errorType(status: number): string {
  if (status === 429) return 'requests';
  return status < 500 ? 'invalid_request_error' : 'server_error';
}

function errorCode(reason: Reason, status: number): string {
  if (status === 403) return 'residency_policy_violation';
  return status === 429 ? 'rate_limit_exceeded' : reason;
}
