// PROTOCOLS, leak table "Bedrock", the rule of its head, taken one step further: a body that names another model than the path does,
// or a geography, is served by whichever of the two the other side reads. CountTokens carries a whole body inside, in Base64,
// where no guard of the outer one looks.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget, NOVA, saying } from './inference-asks.ts';
import { startInferenceWorld, type InferenceAttack } from './inference-world.ts';

const world = await startInferenceWorld();
const fields = (additionalModelRequestFields: unknown) => saying('bedrock', { additionalModelRequestFields });
const invoke = (body: unknown, id = 'meta.llama3-1-70b-instruct-v1:0') =>
  ask('bedrock', { target: modelTarget(id, 'invoke'), body });
const count = (input: unknown): InferenceAttack =>
  ask('bedrock', { target: modelTarget(CLAUDE, 'count-tokens'), body: { input } });
const carried = (body: unknown) =>
  count({ invokeModel: { body: Buffer.from(JSON.stringify(body)).toString('base64') } });

test.each([
  [fields({ model: `global.${CLAUDE}` }), 'model_in_body'],
  [fields({ nested: [{ modelId: NOVA }] }), 'model_in_body'],
  [fields({ MODEL_ID: NOVA }), 'model_in_body'],
  [fields({ model: { id: NOVA } }), 'model_in_body'],
  [fields({ inference_geo: 'global' }), 'inference_geo'],
  [saying('bedrock', { modelId: NOVA }), 'key_unknown'],
  [saying('bedrock', { ModelId: NOVA }), 'key_unknown'],
  [saying('bedrock', { inferenceProfileArn: 'x' }), 'key_unknown'],
  [invoke({ prompt: 'x', model: NOVA }), 'model_in_body'],
  [invoke({ prompt: 'x', model_arn: 'arn:aws:bedrock:us-east-1::foundation-model/x' }), 'model_in_body'],
  [invoke({ prompt: 'x', inferenceGeo: 'global' }), 'inference_geo'],
  [carried({ messages: [], model: `global.${CLAUDE}` }), 'model_in_body'],
  [carried({ messages: [], inference_geo: 'global' }), 'inference_geo'],
  [count({ converse: { messages: [], additionalModelRequestFields: { model: NOVA } } }), 'model_in_body'],
  [count({ invokeModel: { body: 'e30=', modelId: NOVA } }), 'key_unknown'],
  [count({ other: {} }), 'key_unknown'],
])('%j is refused as %s, in every class', async (attack, leak) => {
  for (const classification of ['identity', 'analytical'])
    await world.refuses({ ...attack, classification }, { reason: 'leak_blocked', leak });
});

test.each([
  ['is no Base64', '{"messages":[]}'],
  ['is Base64 of another alphabet', 'e30_-w=='],
  ['is no JSON inside', Buffer.from('{"messages":[],}').toString('base64')],
  ['says a thing twice inside', Buffer.from('{"model":"a","model":"b"}').toString('base64')],
  ['begins with a byte order mark inside', Buffer.from('\ufeff{}').toString('base64')],
])('a carried body that %s is malformed', async (_, body) => {
  await world.refuses(count({ invokeModel: { body } }), { reason: 'request_malformed' });
});

test('a body that names the very model of its path is understood at home', async () => {
  const { received } = await world.forwards(
    invoke({ messages: [], model: 'openai.gpt-oss-20b-1:0' }, 'openai.gpt-oss-20b-1:0'),
  );
  expect(received.target).toBe(modelTarget('openai.gpt-oss-20b-1:0', 'invoke'));
  await world.forwards(carried({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: [] }));
});
