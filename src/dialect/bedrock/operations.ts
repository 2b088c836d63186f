import { pathOf, queryOf, type Head } from '../../core/http.ts';
import { malformed, notPermitted, Refusal } from '../../core/refusal.ts';
import type { Call } from '../dialect.ts';
import { decodeSegment } from '../jsonbody.ts';
import { isModelId } from './model.ts';

/**
 * Operations of the Bedrock runtime (docs.aws.amazon.com/bedrock/latest/APIReference), by the last segment of their path.
 * Not among them, so refused: InvokeModelWithBidirectionalStream (its frames are signed one by one),
 * InvokeGuardrailChecks, and GetAsyncInvoke and ListAsyncInvokes, which would show one tenant's jobs to another.
 */
export type BedrockOperation =
  | 'InvokeModel'
  | 'InvokeModelWithResponseStream'
  | 'Converse'
  | 'ConverseStream'
  | 'CountTokens'
  | 'ApplyGuardrail'
  | 'StartAsyncInvoke';

const MODEL_OPERATIONS: ReadonlyMap<string, BedrockOperation> = new Map([
  ['invoke', 'InvokeModel'],
  ['invoke-with-response-stream', 'InvokeModelWithResponseStream'],
  ['converse', 'Converse'],
  ['converse-stream', 'ConverseStream'],
  ['count-tokens', 'CountTokens'],
]);

export interface BedrockCall extends Call {
  readonly operation: BedrockOperation;
  /** Path to send, encoded anew. */
  readonly path: string;
  /** Model id of the path, decoded; null where the path has none. */
  readonly model: string | null;
  /** Guardrail of the path, decoded; null where the path has none. */
  readonly guardrail: string | null;
}

const GUARDRAIL_VERSION = /^(?:DRAFT|[1-9]\d{0,7})$/;

/** Writes to a bucket as well: a store must be allowed too. Its model is in the body. */
const START_ASYNC_INVOKE: BedrockCall = {
  operation: 'StartAsyncInvoke',
  path: '/async-invoke',
  model: null,
  guardrail: null,
  verb: 'process',
  alsoVerb: 'store',
  naming: 'body',
  resources: [],
  body: 'inspect',
};

/** Facts of the head, or `operation_not_permitted`, `request_malformed`. */
export function readCall(head: Head): BedrockCall | Refusal {
  const path = pathOf(head.target);
  const call = head.method === 'POST' ? route(path) : null;
  if (call instanceof Refusal) return call;
  if (call === null) return notPermitted('This operation is not permitted.', `no operation ${head.method} ${path}`);
  if (queryOf(head.target) !== '') return notPermitted('A query parameter is not permitted.');
  return call;
}

function route(path: string): BedrockCall | Refusal | null {
  if (path === '/async-invoke') return START_ASYNC_INVOKE;
  const segments = path.split('/');
  const [, room, name, word] = segments as [string, string, string, string];
  if (segments.length === 4 && room === 'model') {
    const operation = MODEL_OPERATIONS.get(word);
    return operation === undefined ? null : modelCall(operation, name, word);
  }
  if (segments.length === 6 && room === 'guardrail' && word === 'version' && segments[5] === 'apply')
    return guardrailCall(name, segments[4] as string);
  return null;
}

function modelCall(operation: BedrockOperation, segment: string, word: string): BedrockCall | Refusal {
  const model = decodeSegment(segment);
  if (model === null || !isModelId(model)) return malformed('The model id is not well-formed.');
  return named(operation, `/model/${encodeURIComponent(model)}/${word}`, model, null);
}

/** Named by its guardrail, so that a policy that lists resources lists guardrails too. */
function guardrailCall(segment: string, version: string): BedrockCall | Refusal {
  const guardrail = decodeSegment(segment);
  if (guardrail === null || !isModelId(guardrail) || !GUARDRAIL_VERSION.test(version))
    return malformed('The guardrail is not well-formed.');
  const path = `/guardrail/${encodeURIComponent(guardrail)}/version/${version}/apply`;
  return named('ApplyGuardrail', path, null, guardrail);
}

function named(operation: BedrockOperation, path: string, model: string | null, guardrail: string | null): BedrockCall {
  const resources = [model ?? (guardrail as string)];
  return {
    operation,
    path,
    model,
    guardrail,
    verb: 'process',
    alsoVerb: null,
    naming: 'named',
    resources,
    body: 'inspect',
  };
}
