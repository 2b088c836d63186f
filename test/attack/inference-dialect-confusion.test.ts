// DESIGN 1.2: three providers share one port and are "told apart by path and headers". Whoever can make Domicile take a request for
// another provider's has it judged by rules that do not know it: a Messages body as OpenAI's, a model's path as Anthropic's.
// The choice only picks the judge; what the judge does not know, it refuses, and every request goes to its own endpoint.
import { expect, test } from 'vitest';
import { ask, CLAUDE, saying } from './inference-asks.ts';
import { startInferenceWorld, type InferenceAttack } from './inference-world.ts';

const world = await startInferenceWorld();
const VERSION = { 'anthropic-version': '2023-06-01' };
const AWS = {
  authorization:
    'AWS4-HMAC-SHA256 Credential=A/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0',
};
const cases: readonly (readonly [string, InferenceAttack])[] = [
  ['OpenAI’s path with Anthropic’s header', ask('openai', { dialect: 'anthropic', headers: VERSION })],
  ['OpenAI’s path with the signature of AWS', ask('openai', { headers: AWS, target: '/v1/files' })],
  ['no provider’s path with the signature of AWS', ask('bedrock', { headers: AWS, target: '/rerank' })],
  ['Bedrock’s path in another case', ask('openai', { target: `/Model/${CLAUDE}/converse` })],
  ['Bedrock’s path behind a slash', ask('openai', { target: `//model/${CLAUDE}/converse` })],
  ['Bedrock’s path, its first segment encoded', ask('openai', { target: `/%6dodel/${CLAUDE}/converse` })],
  ['Anthropic’s path, its last segment encoded', ask('openai', { target: '/v1/%6dessages' })],
  ['Anthropic’s path in another case', ask('openai', { target: '/v1/Messages' })],
  ['Anthropic’s path behind a dot segment', ask('openai', { target: '/v1/x/../messages' })],
  ['no path', ask('openai', { target: '/' })],
];

test.each(cases)('%s is no operation', async (_, attack) => {
  await world.refuses(attack, { reason: 'operation_not_permitted' });
  await world.refuses(attack, { reason: 'operation_not_permitted' }, 2);
});

test('Anthropic’s path is judged as Anthropic’s, whichever key comes with it', async () => {
  const attack = saying('anthropic', { mcp_servers: [{}] });
  for (const headers of [AWS, { authorization: 'Bearer sk-openai' }, { 'openai-organization': 'o' }])
    await world.refuses({ ...attack, headers }, { reason: 'leak_blocked', leak: 'mcp_servers' });
});

test('Bedrock’s path is judged as Bedrock’s, whichever version comes with it', async () => {
  const attack = ask('bedrock', { target: `/model/global.${CLAUDE}/converse`, headers: VERSION });
  await world.refuses(attack, { reason: 'leak_blocked', leak: 'global_profile' });
});

test('the list of models that both have goes to the one whose client asks', async () => {
  const list = { dialect: 'openai', method: 'GET', target: '/v1/models' } as const;
  expect((await world.forwards(list)).received.headers['x-api-key']).toBeUndefined();
  for (const headers of [VERSION, { 'x-api-key': 'client' }])
    expect((await world.forwards({ ...list, headers })).received.headers.authorization).toBeUndefined();
});
