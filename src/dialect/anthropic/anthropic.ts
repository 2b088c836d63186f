import { header, queryOf, type Head } from '../../core/http.ts';
import { leakBlocked, type Refusal } from '../../core/refusal.ts';
import type { Reason } from '../../core/reasons.ts';
import { isGuarded } from '../../core/vocabulary.ts';
import type { Dialect, Inspection, Outgoing, Place, RefusalAnswer, Verdict } from '../dialect.ts';
import { forwardHeaders } from '../jsonbody.ts';
import { words } from '../walk.ts';
import { guardAnswer, guardAnswerBody } from './answer.ts';
import { guardBody } from './body.ts';
import { guardBetas } from './guarded.ts';
import { readCall, type AnthropicCall } from './operations.ts';

/** Anthropic's Messages API. Stateless; the one instance serves every request. */
export function anthropic(): Dialect<AnthropicCall> {
  return new Anthropic();
}

/**
 * Headers that go upstream. Not among them: both credentials (the endpoint's own is put in), and every header that
 * names a workspace or an organization.
 */
const FORWARDED = words('accept user-agent anthropic-version anthropic-beta idempotency-key traceparent tracestate');

class Anthropic implements Dialect<AnthropicCall> {
  readonly id = 'anthropic';
  readonly service = 'inference';

  read(head: Head): AnthropicCall | Refusal {
    return readCall(head);
  }

  guardHead(head: Head, _call: AnthropicCall, place: Place): Refusal | null {
    const { headers } = head;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      if (name === 'anthropic-workspace-id')
        return leakBlocked('workspace', 'Another workspace may not be named.', name);
      if (name !== 'anthropic-beta' || !isGuarded(place.classification)) continue;
      const refusal = guardBetas(headers[i + 1] as string);
      if (refusal !== null) return refusal;
    }
    return null;
  }

  guardBody(head: Head, _call: AnthropicCall, place: Place, body: Buffer, limit: number): Inspection | Refusal {
    return guardBody(head, place, body, limit);
  }

  rewrite(head: Head, call: AnthropicCall, _place: Place, inspection: Inspection | null): Outgoing {
    const headers = forwardHeaders(head, FORWARDED, inspection);
    // The answer is looked into, so it must come as it is.
    headers.push('accept-encoding', 'identity');
    // The API refuses requests without a version; its oldest is what SDKs without one mean.
    if (header(headers, 'anthropic-version') === null) headers.push('anthropic-version', '2023-06-01');
    return {
      method: head.method,
      path: call.path,
      query: queryOf(head.target),
      headers,
      payloadHash: null,
      filter: null,
    };
  }

  guardAnswer(call: AnthropicCall, place: Place, status: number, headers: readonly string[]): Verdict {
    return guardAnswer(call, place, status, headers);
  }

  guardAnswerBody(
    _call: AnthropicCall,
    place: Place,
    _status: number,
    headers: readonly string[],
    body: Buffer,
  ): Refusal | null {
    return guardAnswerBody(place, headers, body);
  }

  refuse(head: Head, reason: Reason, status: number, message: string, requestId: string): RefusalAnswer {
    const type = errorType(reason, status);
    return {
      status,
      headers: ['content-type', 'application/json', 'request-id', requestId],
      body:
        head.method === 'HEAD'
          ? ''
          : JSON.stringify({ type: 'error', error: { type, message }, request_id: requestId }),
    };
  }
}

/** Error types of platform.claude.com/docs/en/api/errors. */
function errorType(reason: Reason, status: number): string {
  if (reason === 'overloaded') return 'overloaded_error';
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 413:
      return 'request_too_large';
    case 429:
      return 'rate_limit_error';
    case 504:
      return 'timeout_error';
    default:
      return status < 500 ? 'invalid_request_error' : 'api_error';
  }
}
