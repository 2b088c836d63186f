import { EVENT_STREAM, pieces, saying, serverEvent, tokensOf, vectorOf, type Ask, type Reply } from './reply.ts';

/** A transparent pixel. */
const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII=';
const DIMENSIONS = 8;
const MODELS = ['gpt-5', 'gpt-5-mini', 'text-embedding-3-small'];

/** OpenAI's answer, or null for a path that it does not have. */
export function openaiReply(ask: Ask): Reply | null {
  switch (`${ask.method} ${ask.path}`) {
    case 'POST /v1/chat/completions':
      return ask.body['stream'] === true ? chatStream(ask) : json(chat(ask));
    case 'POST /v1/responses':
      return ask.body['stream'] === true ? responseStream(ask) : json(response(ask, 'completed'));
    case 'POST /v1/embeddings':
      return json(embeddings(ask));
    case 'POST /v1/moderations':
      return json({
        id: 'modr-standin',
        model: ask.body['model'] ?? 'omni-moderation-latest',
        results: [{ flagged: false, categories: {}, category_scores: {}, category_applied_input_types: {} }],
      });
    case 'POST /v1/images/generations':
    case 'POST /v1/images/edits':
    case 'POST /v1/images/variations':
      return json({ created: ask.now, data: [{ b64_json: PNG }] });
    case 'POST /v1/audio/speech':
      return { bytes: Buffer.from(saying(ask.cloudRegion)), type: 'audio/mpeg' };
    case 'POST /v1/audio/transcriptions':
    case 'POST /v1/audio/translations':
      return json({ text: saying(ask.cloudRegion) });
    case 'GET /v1/models':
      return json({ object: 'list', data: MODELS.map((id) => model(id, ask.now)) });
    default:
      return ask.method === 'GET' && ask.path.startsWith('/v1/models/')
        ? json(model(decodeURIComponent(ask.path.slice('/v1/models/'.length)), ask.now))
        : null;
  }
}

export function openaiError(status: number, message: string, code: string | null): Reply {
  return { status, json: { error: { message, type: 'invalid_request_error', param: null, code } } };
}

function json(value: unknown): Reply {
  return { status: 200, json: value };
}

function model(id: string, created: number): object {
  return { id, object: 'model', created, owned_by: 'standin' };
}

function usage(ask: Ask): { input: number; output: number; total: number } {
  const input = tokensOf(ask.body['messages'] ?? ask.body['input']);
  const output = tokensOf(saying(ask.cloudRegion));
  return { input, output, total: input + output };
}

/** A chat completion; also what Bedrock's InvokeModel answers for OpenAI's open models. */
export function chat(ask: Ask): object {
  const { input, output, total } = usage(ask);
  return {
    id: 'chatcmpl-standin',
    object: 'chat.completion',
    created: ask.now,
    model: ask.body['model'],
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: saying(ask.cloudRegion), refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: input, completion_tokens: output, total_tokens: total },
  };
}

function chatStream(ask: Ask): Reply {
  const chunk = (delta: object, finish: string | null): string =>
    serverEvent(null, {
      id: 'chatcmpl-standin',
      object: 'chat.completion.chunk',
      created: ask.now,
      model: ask.body['model'],
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    });
  const events = [
    chunk({ role: 'assistant', content: '' }, null),
    ...pieces(saying(ask.cloudRegion)).map((content) => chunk({ content }, null)),
    chunk({}, 'stop'),
    serverEvent(null, '[DONE]'),
  ];
  return { events, type: EVENT_STREAM };
}

function response(ask: Ask, status: 'in_progress' | 'completed'): object {
  const { input, output, total } = usage(ask);
  const isDone = status === 'completed';
  return {
    id: 'resp_standin',
    object: 'response',
    created_at: ask.now,
    status,
    error: null,
    incomplete_details: null,
    instructions: ask.body['instructions'] ?? null,
    metadata: ask.body['metadata'] ?? {},
    model: ask.body['model'],
    output: isDone ? [message('completed', [outputText(saying(ask.cloudRegion))])] : [],
    parallel_tool_calls: true,
    store: ask.body['store'] ?? true,
    temperature: 1,
    tool_choice: 'auto',
    tools: ask.body['tools'] ?? [],
    top_p: 1,
    usage: isDone
      ? {
          input_tokens: input,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: output,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: total,
        }
      : null,
  };
}

function message(status: string, content: readonly object[]): object {
  return { id: 'msg_standin', type: 'message', status, role: 'assistant', content };
}

function outputText(text: string): object {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}

function responseStream(ask: Ask): Reply {
  const text = saying(ask.cloudRegion);
  const item = { item_id: 'msg_standin', output_index: 0, content_index: 0 };
  const steps: { type: string; [field: string]: unknown }[] = [
    { type: 'response.created', response: response(ask, 'in_progress') },
    { type: 'response.output_item.added', output_index: 0, item: message('in_progress', []) },
    { type: 'response.content_part.added', ...item, part: outputText('') },
    ...pieces(text).map((delta) => ({ type: 'response.output_text.delta', ...item, delta, logprobs: [] })),
    { type: 'response.output_text.done', ...item, text, logprobs: [] },
    { type: 'response.content_part.done', ...item, part: outputText(text) },
    { type: 'response.output_item.done', output_index: 0, item: message('completed', [outputText(text)]) },
    { type: 'response.completed', response: response(ask, 'completed') },
  ];
  const events = steps.map((step, i) => serverEvent(step.type, { ...step, sequence_number: i }));
  return { events, type: EVENT_STREAM };
}

/** The SDK asks for Base64 of 32-bit floats unless told otherwise. */
function embeddings(ask: Ask): object {
  const { input } = ask.body;
  const texts = Array.isArray(input) ? input.map((text) => JSON.stringify(text)) : [JSON.stringify(input ?? '')];
  const dimensions = typeof ask.body['dimensions'] === 'number' ? ask.body['dimensions'] : DIMENSIONS;
  const tokens = tokensOf(input);
  return {
    object: 'list',
    model: ask.body['model'],
    data: texts.map((text, index) => {
      const vector = vectorOf(text, dimensions);
      const isBase64 = ask.body['encoding_format'] === 'base64';
      const embedding = isBase64 ? Buffer.from(new Float32Array(vector).buffer).toString('base64') : vector;
      return { object: 'embedding', index, embedding };
    }),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}
