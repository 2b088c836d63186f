import { headerCount, type Head } from '../../core/http.ts';
import type { Reason } from '../../core/reasons.ts';
import { leakBlocked, malformed, type Refusal } from '../../core/refusal.ts';
import { PASS, type Dialect, type Inspection, type Outgoing, type Place } from '../dialect.ts';
import type { RefusalAnswer, Verdict } from '../dialect.ts';
import { forwardHeaders } from '../jsonbody.ts';
import { words } from '../walk.ts';
import { guardBody } from './body.ts';
import { guardModel, isListed } from './model.ts';
import { readCall, type BedrockCall } from './operations.ts';
import { guardrailRefused } from './walk.ts';

/** Amazon Bedrock's runtime API. Stateless; the one instance serves every request. */
export function bedrock(): Dialect<BedrockCall> {
  return new Bedrock();
}

const PREFIX = 'x-amzn-bedrock-';
const GUARDRAIL = 'x-amzn-bedrock-guardrailidentifier';

/** Request headers of the service (API reference); the last is where InvokeModelWithResponseStream has `accept`. */
const BEDROCK_HEADERS = words(`
  x-amzn-bedrock-trace x-amzn-bedrock-guardrailidentifier x-amzn-bedrock-guardrailversion
  x-amzn-bedrock-performanceconfig-latency x-amzn-bedrock-service-tier x-amzn-bedrock-request-metadata
  x-amzn-bedrock-accept`);

/** Headers that go upstream. No `authorization`, SigV4 or bearer, and no `x-amz-*`: signing makes them anew. */
const FORWARDED: ReadonlySet<string> = new Set([
  'accept',
  'user-agent',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'traceparent',
  'tracestate',
  ...BEDROCK_HEADERS,
]);

class Bedrock implements Dialect<BedrockCall> {
  readonly id = 'bedrock';
  readonly service = 'inference';

  read(head: Head): BedrockCall | Refusal {
    return readCall(head);
  }

  guardHead(head: Head, call: BedrockCall, place: Place): Refusal | null {
    const { guardrails } = place.endpoint;
    if (call.guardrail !== null && !isListed(call.guardrail, guardrails, place)) return guardrailRefused();
    const { headers } = head;
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      if (!name.startsWith(PREFIX)) continue;
      if (!BEDROCK_HEADERS.has(name)) return leakBlocked('header', 'A header is not permitted.', name);
      if (headerCount(headers, name) > 1) return malformed('A header is sent more than once.', name);
      if (name === GUARDRAIL && !isListed(headers[i + 1] as string, guardrails, place)) return guardrailRefused();
    }
    return call.model === null ? null : guardModel(call.model, place);
  }

  guardBody(head: Head, call: BedrockCall, place: Place, body: Buffer, limit: number): Inspection | Refusal {
    return guardBody(head, call, place, body, limit);
  }

  rewrite(head: Head, call: BedrockCall, _place: Place, inspection: Inspection | null): Outgoing {
    const headers = forwardHeaders(head, FORWARDED, inspection);
    return { method: head.method, path: call.path, query: '', headers, payloadHash: null, filter: null };
  }

  guardAnswer(): Verdict {
    return PASS;
  }

  guardAnswerBody(): Refusal | null {
    return null;
  }

  refuse(head: Head, _reason: Reason, status: number, message: string, requestId: string): RefusalAnswer {
    return {
      status,
      headers: [
        'content-type',
        'application/json',
        'x-amzn-errortype',
        errorType(status),
        'x-amzn-requestid',
        requestId,
      ],
      body: head.method === 'HEAD' ? '' : JSON.stringify({ message }),
    };
  }
}

/** Errors that the runtime's operations declare (API reference, "Errors" of Converse). */
function errorType(status: number): string {
  switch (status) {
    case 401:
    case 403:
      return 'AccessDeniedException';
    case 429:
      return 'ThrottlingException';
    default:
      return status < 500 ? 'ValidationException' : 'ServiceUnavailableException';
  }
}
