// Issue 3, section 4: `"\u0073tore"`. A guard that searches the text for what it fears finds none of it when a single letter is
// written as its number, and every server reads the name as if it were written plainly. What is judged is the name as read;
// what is changed is the place where it stands.
import { expect, test } from 'vitest';
import { ask, membersOf } from './inference-asks.ts';
import { startInferenceWorld, type InferenceDialect } from './inference-world.ts';

const world = await startInferenceWorld();
const escaped = (text: string) =>
  text.replaceAll(/[a-zA-Z_]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);

test.each<[InferenceDialect, string, string, string]>([
  ['openai', 'background', 'true', 'state'],
  ['openai', 'previous_response_id', '"resp_1"', 'state'],
  ['openai', 'conversation', '"conv_1"', 'state'],
  ['openai', 'tools', `[{"${escaped('type')}":"${escaped('mcp')}"}]`, 'mcp'],
  ['openai', 'tools', `[{"type":"${escaped('web_search')}"}]`, 'web_search'],
  ['openai', 'tools', `[{"${escaped('server_url')}":"x"}]`, 'mcp'],
  ['anthropic', 'inference_geo', '"global"', 'inference_geo'],
  ['anthropic', 'mcp_servers', '[{}]', 'mcp_servers'],
  ['anthropic', 'container', '"c"', 'container'],
  ['anthropic', 'tools', `[{"type":"${escaped('web_search_20250305')}"}]`, 'server_tool'],
  ['bedrock', 'guardrailConfig', `{"${escaped('guardrailIdentifier')}":"x"}`, 'guardrail'],
  ['bedrock', 'additionalModelRequestFields', `{"${escaped('mcp_servers')}":[{}]}`, 'mcp_servers'],
  ['bedrock', 'additionalModelRequestFields', `{"x":{"${escaped('uri')}":"${escaped('s3')}:\\/\\/B\\/x"}}`, 's3_uri'],
  ['bedrock', 'additionalModelRequestFields', `{"image":"${escaped('s3')}://b/x"}`, 'address'],
])('%s: %s with escapes is refused like the plain one', async (dialect, key, value, leak) => {
  for (const name of [
    escaped(key),
    key.slice(0, -1) + escaped(key.slice(-1)),
    escaped(key).toUpperCase().replaceAll('\\U', '\\u'),
  ]) {
    const attack = ask(dialect, { body: `{${membersOf(dialect)},"${name}":${value}}` });
    await world.refuses(attack, { reason: 'leak_blocked', leak });
  }
});

test('a store that is asked for with escapes is turned off where it stands', async () => {
  for (const name of ['\\u0073tore', escaped('store')]) {
    const { body } = await world.forwards(ask('openai', { body: `{${membersOf('openai')},"${name}":true}` }));
    expect(body).toBe(`{${membersOf('openai')},"${name}":false}`);
  }
});

test('an escape within a text is left as it came', async () => {
  const body = '{"model":"gpt-5","input":"\\u0073tore \\"background\\": true","store":false}';
  expect((await world.forwards(ask('openai', { body }))).body).toBe(body);
});
