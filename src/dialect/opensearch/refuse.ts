import type { Head } from '../../core/http.ts';
import type { Reason } from '../../core/reasons.ts';
import type { RefusalAnswer } from '../dialect.ts';

/** Exception types that OpenSearch itself gives with these statuses. */
const TYPES: Readonly<Record<number, string>> = {
  400: 'illegal_argument_exception',
  401: 'security_exception',
  403: 'security_exception',
  413: 'content_too_long_exception',
  429: 'rejected_execution_exception',
  502: 'connect_transport_exception',
  503: 'unavailable_shards_exception',
  504: 'receive_timeout_transport_exception',
};

const HEADERS: readonly string[] = ['content-type', 'application/json; charset=UTF-8'];

/** OpenSearch's error object, which the official clients raise as `ResponseError` and do not retry at 4xx. */
export function refuse(head: Head, reason: Reason, status: number, message: string, requestId: string): RefusalAnswer {
  if (head.method === 'HEAD') return { status, headers: HEADERS, body: '' };
  const type = TYPES[status] ?? (status < 500 ? 'illegal_argument_exception' : 'exception');
  const cause = { type, reason: `${message} [${reason}, request ${requestId}]` };
  return { status, headers: HEADERS, body: JSON.stringify({ error: { root_cause: [cause], ...cause }, status }) };
}
