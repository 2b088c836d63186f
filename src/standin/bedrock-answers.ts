import { anthropicEvents, anthropicMessage } from './anthropic-answers.ts';
import { jsonEvent } from './event-stream.ts';
import { chat } from './openai-answers.ts';
import { pieces, saying, tokensOf, vectorOf, type Ask, type Reply } from './reply.ts';

const EVENTS = 'application/vnd.amazon.eventstream';
const ACCOUNT = '000000000000';

/** Bedrock's answer, or null for a path that it does not have. */
export function bedrockReply(ask: Ask): Reply | null {
  if (ask.method !== 'POST') return null;
  if (ask.path === '/async-invoke') {
    const invocationArn = `arn:aws:bedrock:${ask.cloudRegion}:${ACCOUNT}:async-invoke/standin00000`;
    return { status: 200, json: { invocationArn } };
  }
  if (/^\/guardrail\/[^/]+\/version\/[^/]+\/apply$/.test(ask.path)) return { status: 200, json: guardrail(ask) };
  const [, id, operation] = /^\/model\/([^/]+)\/([a-z-]+)$/.exec(ask.path) ?? [];
  if (id === undefined) return null;
  const model = decodeURIComponent(id);
  switch (operation) {
    case 'converse':
      return { status: 200, json: { ...converse(ask), usage: usage(ask), metrics: { latencyMs: 1 } } };
    case 'converse-stream':
      return { events: converseEvents(ask), type: EVENTS };
    case 'invoke':
      return { status: 200, json: invoke(ask, model) };
    case 'invoke-with-response-stream':
      return { events: invokeEvents(ask, model), type: EVENTS };
    case 'count-tokens':
      return { status: 200, json: { inputTokens: tokensOf(ask.body['input']) } };
    default:
      return null;
  }
}

export function bedrockError(status: number, type: string, message: string): Reply {
  return { status, headers: { 'x-amzn-errortype': type }, json: { message } };
}

function usage(ask: Ask): object {
  const inputTokens = tokensOf(ask.body['messages']);
  const outputTokens = tokensOf(saying(ask.cloudRegion));
  return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens };
}

function converse(ask: Ask): object {
  const message = { role: 'assistant', content: [{ text: saying(ask.cloudRegion) }] };
  return { output: { message }, stopReason: 'end_turn' };
}

function converseEvents(ask: Ask): readonly Buffer[] {
  const index = { contentBlockIndex: 0 };
  return [
    jsonEvent('messageStart', { role: 'assistant' }),
    ...pieces(saying(ask.cloudRegion)).map((text) => jsonEvent('contentBlockDelta', { ...index, delta: { text } })),
    jsonEvent('contentBlockStop', index),
    jsonEvent('messageStop', { stopReason: 'end_turn' }),
    jsonEvent('metadata', { usage: usage(ask), metrics: { latencyMs: 1 } }),
  ];
}

/** Each provider's own form. */
function invoke(ask: Ask, model: string): object {
  if (model.includes('anthropic.')) return anthropicMessage(ask, null);
  if (model.includes('openai.')) return chat(ask);
  if (model.includes('embed')) {
    const inputText = String(ask.body['inputText'] ?? '');
    return { embedding: vectorOf(inputText, 8), inputTextTokenCount: tokensOf(inputText) };
  }
  if (model.includes('amazon.')) return { ...converse(ask), usage: usage(ask) };
  return {
    generation: saying(ask.cloudRegion),
    prompt_token_count: tokensOf(ask.body['prompt']),
    generation_token_count: tokensOf(saying(ask.cloudRegion)),
    stop_reason: 'stop',
  };
}

function invokeEvents(ask: Ask, model: string): readonly Buffer[] {
  const parts = model.includes('anthropic.')
    ? anthropicEvents(ask, null)
    : pieces(saying(ask.cloudRegion)).map((generation) => ({ generation }));
  return parts.map((part) => jsonEvent('chunk', { bytes: Buffer.from(JSON.stringify(part)).toString('base64') }));
}

function guardrail(ask: Ask): object {
  return {
    usage: {
      topicPolicyUnits: 0,
      contentPolicyUnits: 1,
      wordPolicyUnits: 0,
      sensitiveInformationPolicyUnits: 0,
      sensitiveInformationPolicyFreeUnits: 0,
      contextualGroundingPolicyUnits: 0,
    },
    action: 'NONE',
    outputs: [],
    assessments: [],
    guardrailCoverage: {
      textCharacters: { guarded: tokensOf(ask.body['content']), total: tokensOf(ask.body['content']) },
    },
  };
}
