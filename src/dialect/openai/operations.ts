import { header, pathOf, queryOf, type Head } from '../../core/http.ts';
import { malformed, notPermitted, type Refusal } from '../../core/refusal.ts';
import type { Call } from '../dialect.ts';
import { announcesBody, decodeSegment } from '../jsonbody.ts';
import { words } from '../walk.ts';

/**
 * The operations of OpenAI's API that compute an answer from what the request holds
 * (platform.openai.com/docs/api-reference). What is not in this table is refused: files, batches, assistants, threads,
 * vector stores, containers, fine-tuning, realtime, stored responses and conversations.
 */
export type OpenAiOperation =
  | 'ChatCompletions'
  | 'Responses'
  | 'Embeddings'
  | 'Moderations'
  | 'Speech'
  | 'ImageGenerations'
  | 'Transcriptions'
  | 'Translations'
  | 'ImageEdits'
  | 'ImageVariations'
  | 'ListModels'
  | 'GetModel';

export interface OpenAiCall extends Call {
  readonly operation: OpenAiOperation;
  /** Path to send, encoded anew. */
  readonly path: string;
  /** Top-level keys that a body may have in guarded classes; null where the body is not looked into. */
  readonly keys: ReadonlySet<string> | null;
  /** Whether the service keeps the answer where the body says `store`, or, for responses, does not say otherwise. */
  readonly storing: 'never' | 'asked' | 'unless-refused';
}

const NO_NAMES: readonly string[] = [];

const CHAT = words(`
  model messages store stream stream_options audio modalities frequency_penalty presence_penalty function_call functions
  logit_bias logprobs top_logprobs max_completion_tokens max_tokens metadata n parallel_tool_calls prediction
  prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed
  service_tier stop temperature tool_choice tools top_p user verbosity`);

const RESPONSES = words(`
  model input instructions include store stream stream_options context_management max_output_tokens max_tool_calls
  metadata parallel_tool_calls prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier
  service_tier temperature text tool_choice tools top_logprobs top_p truncation user`);

const EMBEDDINGS = words('model input dimensions encoding_format user');
const MODERATIONS = words('model input');
const SPEECH = words('model input voice instructions response_format speed stream_format');
const IMAGES = words(`
  model prompt n size quality style response_format output_format output_compression background moderation
  partial_images stream user`);

const CALLS: ReadonlyMap<string, OpenAiCall> = new Map([
  ['POST /v1/chat/completions', inspect('ChatCompletions', '/v1/chat/completions', CHAT, 'asked')],
  ['POST /v1/responses', inspect('Responses', '/v1/responses', RESPONSES, 'unless-refused')],
  ['POST /v1/embeddings', inspect('Embeddings', '/v1/embeddings', EMBEDDINGS)],
  ['POST /v1/moderations', inspect('Moderations', '/v1/moderations', MODERATIONS)],
  ['POST /v1/audio/speech', inspect('Speech', '/v1/audio/speech', SPEECH)],
  ['POST /v1/images/generations', inspect('ImageGenerations', '/v1/images/generations', IMAGES)],
  ['POST /v1/audio/transcriptions', stream('Transcriptions', '/v1/audio/transcriptions')],
  ['POST /v1/audio/translations', stream('Translations', '/v1/audio/translations')],
  ['POST /v1/images/edits', stream('ImageEdits', '/v1/images/edits')],
  ['POST /v1/images/variations', stream('ImageVariations', '/v1/images/variations')],
  ['GET /v1/models', stream('ListModels', '/v1/models')],
]);

const MODEL = 'GET /v1/models/';
const MODEL_ID = /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,255}$/;
const MULTIPART = /^multipart\/form-data[ \t]*;/i;

/** Facts of the head, or `operation_not_permitted`, `request_malformed`. */
export function readCall(head: Head): OpenAiCall | Refusal {
  const route = `${head.method} ${pathOf(head.target)}`;
  const call = CALLS.get(route) ?? modelCall(route);
  if (call === null) return notPermitted('This operation is not permitted.', `no operation ${route}`);
  if (queryOf(head.target) !== '') return notPermitted('A query parameter is not permitted.');
  if (call.body === 'inspect') return call;
  const { headers } = head;
  if (head.method === 'GET') return announcesBody(headers) ? malformed('This operation has no body.') : call;
  if (!MULTIPART.test(header(headers, 'content-type') ?? ''))
    return malformed('The content type must be multipart/form-data.');
  return header(headers, 'content-encoding') === null ? call : malformed('This body may not be encoded.');
}

function inspect(
  operation: OpenAiOperation,
  path: string,
  keys: ReadonlySet<string>,
  storing: OpenAiCall['storing'] = 'never',
): OpenAiCall {
  return { ...stream(operation, path), naming: 'body', body: 'inspect', keys, storing };
}

/** A multipart form or no body: its model is not seen, so a policy that lists models refuses it. */
function stream(operation: OpenAiOperation, path: string): OpenAiCall {
  return {
    operation,
    path,
    verb: 'process',
    alsoVerb: null,
    naming: 'none',
    resources: NO_NAMES,
    body: 'stream',
    keys: null,
    storing: 'never',
  };
}

function modelCall(route: string): OpenAiCall | null {
  if (!route.startsWith(MODEL)) return null;
  const id = decodeSegment(route.slice(MODEL.length));
  if (id === null || !MODEL_ID.test(id)) return null;
  return { ...stream('GetModel', `/v1/models/${encodeURIComponent(id)}`), naming: 'named', resources: [id] };
}
