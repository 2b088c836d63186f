// PROTOCOLS, leak table "Bedrock": "StartAsyncInvoke carries modelId in the body", so a guard of paths never sees which model runs,
// nor whose list it is on. And what is computed is written to a bucket: it is a store as well as a process.
import { expect, test } from 'vitest';
import { CLAUDE } from './inference-asks.ts';
import { startInferenceWorld, type InferenceAttack } from './inference-world.ts';

const REEL = 'amazon.nova-reel-v1:1';
const world = await startInferenceWorld({
  policies: [
    { id: 'acme', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' },
    {
      id: 'listed',
      tenant_id: 'listed',
      mode: 'client-owned',
      primary_region: 'eu-west',
      resources: { inference: ['anthropic.*'] },
    },
  ],
});
const start = (modelId: unknown, more: Record<string, unknown> = {}): InferenceAttack => ({
  dialect: 'bedrock',
  target: '/async-invoke',
  body: {
    modelId,
    modelInput: { taskType: 'TEXT_VIDEO' },
    outputDataConfig: { s3OutputDataConfig: { s3Uri: 's3://videos/out' } },
    ...more,
  },
});

test.each([
  ['a global profile', `global.${REEL}`, 'global_profile'],
  ['a profile over the geography', `eu.${REEL}`, 'geography_profile'],
  ['one of another geography', `us.${REEL}`, 'geography_profile'],
  ['a model of another region', `arn:aws:bedrock:us-east-1::foundation-model/${REEL}`, 'model_arn_region'],
  ['an unlisted one of ours', 'arn:aws:bedrock:eu-west-1:123456789012:provisioned-model/abc', 'model_arn'],
  ['one that nobody knows', 'abcdef123456', 'model_unknown'],
])('%s is refused', async (_, modelId, leak) => {
  await world.refuses(start(modelId), { reason: 'leak_blocked', leak });
  await world.refuses(start(modelId), { reason: 'leak_blocked', leak }, 2);
});

test.each([null, '', 7, ['amazon.x'], { id: REEL }, `${REEL} `, `${REEL}?x`])(
  'the model id %j is none',
  async (modelId) => {
    await world.refuses(start(modelId), { reason: 'request_malformed' });
  },
);

test('a second model, beside or inside, is refused', async () => {
  await world.refuses(start(REEL, { ModelId: `global.${REEL}` }), { reason: 'leak_blocked', leak: 'key_unknown' });
  await world.refuses(start(REEL, { modelInput: { model: CLAUDE } }), {
    reason: 'leak_blocked',
    leak: 'model_in_body',
  });
  const twice = `{"modelId":"${REEL}","model\\u0049d":"global.${REEL}"}`;
  await world.refuses({ ...start(REEL), body: twice }, { reason: 'request_malformed' });
});

test('a tenant whose policy lists models gets no other one by way of the body', async () => {
  await world.refuses({ ...start(REEL), tenant: 'listed' }, { reason: 'resource_not_permitted' });
});

test.each([
  ['GET', '/async-invoke'],
  ['GET', '/async-invoke/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aasync-invoke%2Fx'],
  ['POST', '/async-invoke/'],
  ['POST', '/async-invoke?region=us-east-1'],
])('%s %s, which would show other jobs, is no operation', async (method, target) => {
  await world.refuses({ dialect: 'bedrock', method, target }, { reason: 'operation_not_permitted' });
});

test('a model of the region, writing to a bucket of the tenant’s, runs at home', async () => {
  const { body } = await world.forwards(start(REEL));
  expect(JSON.parse(body)).toMatchObject({
    modelId: REEL,
    outputDataConfig: { s3OutputDataConfig: { s3Uri: 's3://videos-eu-west-1/out' } },
  });
});
