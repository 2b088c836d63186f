import { EVENT_STREAM, pieces, saying, serverEvent, tokensOf, type Ask, type Reply } from './reply.ts';

const MODELS = ['claude-opus-4-6', 'claude-sonnet-4-5'];

/**
 * Anthropic's answer, or null for a path that it does not have.
 * @param geo what `usage.inference_geo` says; undefined: what was asked for, or `global` as the service has it
 */
export function anthropicReply(ask: Ask, geo: string | null | undefined): Reply | null {
  switch (`${ask.method} ${ask.path}`) {
    case 'POST /v1/messages':
      return ask.body['stream'] === true
        ? { events: anthropicEvents(ask, told(ask, geo)).map(named), type: EVENT_STREAM }
        : { status: 200, json: anthropicMessage(ask, told(ask, geo)) };
    case 'POST /v1/messages/count_tokens':
      return { status: 200, json: { input_tokens: tokensOf(ask.body['messages']) } };
    case 'GET /v1/models': {
      const data = MODELS.map(model);
      return { status: 200, json: { data, has_more: false, first_id: MODELS[0], last_id: MODELS.at(-1) } };
    }
    default:
      return ask.method === 'GET' && ask.path.startsWith('/v1/models/')
        ? { status: 200, json: model(decodeURIComponent(ask.path.slice('/v1/models/'.length))) }
        : null;
  }
}

export function anthropicError(status: number, type: string, message: string): Reply {
  return { status, json: { type: 'error', error: { type, message }, request_id: 'req_standin' } };
}

/** A message; also what Bedrock's InvokeModel answers for Claude, there without a geography. */
export function anthropicMessage(ask: Ask, geo: string | null): object {
  return {
    ...envelope(ask, geo),
    content: [{ type: 'text', text: saying(ask.cloudRegion), citations: null }],
    stop_reason: 'end_turn',
    usage: usage(ask, geo, tokensOf(saying(ask.cloudRegion))),
  };
}

interface Event {
  readonly type: string;
  readonly [field: string]: unknown;
}

/** The events of a streamed message; Bedrock carries the same ones in its chunks. */
export function anthropicEvents(ask: Ask, geo: string | null): readonly Event[] {
  const text = saying(ask.cloudRegion);
  return [
    { type: 'message_start', message: envelope(ask, geo) },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    ...pieces(text).map((piece) => ({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: piece },
    })),
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: tokensOf(text) },
    },
    { type: 'message_stop' },
  ];
}

function named(event: Event): string {
  return serverEvent(event.type, event);
}

function told(ask: Ask, geo: string | null | undefined): string | null {
  if (geo !== undefined) return geo;
  const asked = ask.body['inference_geo'];
  return typeof asked === 'string' ? asked : 'global';
}

function envelope(ask: Ask, geo: string | null): object {
  return {
    id: 'msg_standin',
    type: 'message',
    role: 'assistant',
    model: ask.body['model'] ?? 'claude-standin',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: usage(ask, geo, 1),
  };
}

function usage(ask: Ask, geo: string | null, output: number): object {
  return {
    input_tokens: tokensOf(ask.body['messages']),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: output,
    service_tier: 'standard',
    ...(geo === null ? {} : { inference_geo: geo }),
  };
}

function model(id: string): object {
  return { type: 'model', id, display_name: id, created_at: '2026-01-01T00:00:00Z' };
}
