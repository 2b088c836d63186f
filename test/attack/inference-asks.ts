import type { InferenceAttack, InferenceDialect } from './inference-world.ts';

export const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
export const NOVA = 'amazon.nova-lite-v1:0';

/** What an honest client of each provider sends; every one of them is forwarded as it is. */
const ASKS: Readonly<Record<InferenceDialect, { readonly target: string; readonly body: Record<string, unknown> }>> = {
  bedrock: {
    target: modelTarget(CLAUDE, 'converse'),
    body: { messages: [{ role: 'user', content: [{ text: 'How is pupil 4711?' }] }] },
  },
  openai: { target: '/v1/responses', body: { model: 'gpt-5', input: 'How is pupil 4711?' } },
  anthropic: {
    target: '/v1/messages',
    body: { model: 'claude-opus-4-6', max_tokens: 64, messages: [{ role: 'user', content: 'How is pupil 4711?' }] },
  },
};

/** Path of an operation on a Bedrock model, its id encoded as the SDKs do. */
export function modelTarget(id: string, operation: string): string {
  return `/model/${encodeURIComponent(id)}/${operation}`;
}

/** An honest request with some of it put differently. */
export function ask(dialect: InferenceDialect, more: Partial<InferenceAttack> = {}): InferenceAttack {
  return { dialect, ...ASKS[dialect], ...more };
}

/** An honest request with more in its body, at the top. */
export function saying(dialect: InferenceDialect, more: Record<string, unknown>): InferenceAttack {
  return ask(dialect, { body: { ...ASKS[dialect].body, ...more } });
}

/** Members of an honest body as text, to put others beside them: `"model":"gpt-5",…` */
export function membersOf(dialect: InferenceDialect): string {
  return JSON.stringify(ASKS[dialect].body).slice(1, -1);
}
