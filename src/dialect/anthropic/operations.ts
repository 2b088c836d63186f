import { pathOf, queryOf, type Head } from '../../core/http.ts';
import { malformed, notPermitted, type Refusal } from '../../core/refusal.ts';
import type { Call } from '../dialect.ts';
import { announcesBody, decodeSegment } from '../jsonbody.ts';

/** The Messages API (platform.claude.com/docs/en/api). What is not in this table is refused: batches, files, skills, … */
export type AnthropicOperation = 'Messages' | 'CountTokens' | 'ListModels' | 'GetModel';

export interface AnthropicCall extends Call {
  readonly operation: AnthropicOperation;
  /** Path to send, encoded anew. */
  readonly path: string;
}

const NO_NAMES: readonly string[] = [];

const CALLS: ReadonlyMap<string, AnthropicCall> = new Map([
  ['POST /v1/messages', inspect('Messages', '/v1/messages')],
  ['POST /v1/messages/count_tokens', inspect('CountTokens', '/v1/messages/count_tokens')],
  ['GET /v1/models', { ...inspect('ListModels', '/v1/models'), naming: 'none', body: 'stream' }],
]);

const MODEL = 'GET /v1/models/';
const MODEL_ID = /^[A-Za-z0-9][A-Za-z0-9._:@-]{0,255}$/;

/** `beta=true` is what the SDK's `client.beta` sends; the rest pages through a list. */
const QUERY = /^(?:(?:beta=true|limit=\d{1,4}|(?:before|after)_id=[A-Za-z0-9._:-]{1,256})(?:&(?!$)|$))*$/;

/** Facts of the head, or `operation_not_permitted`, `request_malformed`. */
export function readCall(head: Head): AnthropicCall | Refusal {
  const route = `${head.method} ${pathOf(head.target)}`;
  const call = CALLS.get(route) ?? modelCall(route);
  if (call === null) return notPermitted('This operation is not permitted.', `no operation ${route}`);
  if (!QUERY.test(queryOf(head.target))) return notPermitted('A query parameter is not permitted.');
  if (call.body === 'stream' && announcesBody(head.headers)) return malformed('This operation has no body.');
  return call;
}

function inspect(operation: AnthropicOperation, path: string): AnthropicCall {
  return { operation, path, verb: 'process', alsoVerb: null, naming: 'body', resources: NO_NAMES, body: 'inspect' };
}

function modelCall(route: string): AnthropicCall | null {
  if (!route.startsWith(MODEL)) return null;
  const id = decodeSegment(route.slice(MODEL.length));
  if (id === null || !MODEL_ID.test(id)) return null;
  return {
    operation: 'GetModel',
    path: `/v1/models/${encodeURIComponent(id)}`,
    verb: 'process',
    alsoVerb: null,
    naming: 'named',
    resources: [id],
    body: 'stream',
  };
}
