// PROTOCOLS, leak table "Bedrock", the rule of its head: InvokeModel and Converse take an ARN for a model id, of eleven kinds, and
// an ARN may name any region, account and thing: a prompt router that picks the model, a prompt that is a model and its
// settings, a profile over regions, a SageMaker endpoint. Its region must be the target's; what says nothing of where it
// runs must be listed.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const OPAQUE = [
  'application-inference-profile/abc123def456',
  'custom-model/anthropic.claude-3-haiku-20240307-v1:0:48k/abc123def456',
  'custom-model-deployment/abc123def456',
  'imported-model/abc123def456',
  'provisioned-model/abc123def456',
  'prompt/ABC123DEF4:1',
  'prompt-router/abc123def456',
  'default-prompt-router/anthropic.claude:1',
];
const arn = (resource: string, region = 'eu-west-1', service = 'bedrock') =>
  `arn:aws:${service}:${region}:123456789012:${resource}`;
const ENDPOINT = arn('endpoint/mine', 'eu-west-1', 'sagemaker');
const LISTED = 'provisioned-model/listed000000';

const world = await startInferenceWorld({
  // What is listed of another region is so by a slip: it helps nobody there.
  endpoints: { bedrock: { arns: [arn(LISTED), 'imported0000', arn('imported-model/there0000000', 'us-east-1')] } },
});
const attack = (id: string) => ask('bedrock', { target: modelTarget(id, 'converse') });

test.each([...OPAQUE.map((resource) => arn(resource)), ENDPOINT])('%s, not listed, is refused', async (id) => {
  await world.refuses(attack(id), { reason: 'leak_blocked', leak: 'model_arn' });
});

test.each([
  ...OPAQUE.map((resource) => arn(resource, 'us-east-1')),
  arn('endpoint/mine', 'us-east-1', 'sagemaker'),
  arn(LISTED, 'us-east-1'),
  arn(LISTED, ''),
  arn(LISTED, 'eu-central-1'),
  arn('imported-model/there0000000', 'us-east-1'),
  `arn:aws:bedrock:us-east-1::foundation-model/${CLAUDE}`,
  `arn:aws:bedrock:::foundation-model/${CLAUDE}`,
  arn(`inference-profile/eu.${CLAUDE}`, 'us-east-1'),
])('%s, of another region or of none, is refused', async (id) => {
  await world.refuses(attack(id), { reason: 'leak_blocked', leak: 'model_arn_region' });
});

test.each([
  arn(`${LISTED}/../x`),
  arn('provisioned-model/LISTED000000'),
  arn('provisioned-model/listed0000000'),
  arn(LISTED).replace('123456789012', '210987654321'),
  arn(LISTED, 'eu-west-1', 'sagemaker'),
  arn('agent-alias/abc/def'),
  arn('knowledge-base/abc'),
  arn('flow/abc'),
  'arn:aws:s3:eu-west-1:123456789012:accesspoint/x',
  'arn:aws:lambda:eu-west-1:123456789012:function:x',
  'arn:aws:bedrock:eu-west-1',
])('%s, that is no such thing or not the one listed, is refused', async (id) => {
  await world.refuses(attack(id), { reason: 'leak_blocked', leak: 'model_arn' });
});

test('an ARN in a body is no way around either', async () => {
  await world.refuses(
    { ...attack(CLAUDE), body: { messages: [], additionalModelRequestFields: { modelArn: arn(OPAQUE[5]!) } } },
    { reason: 'leak_blocked', leak: 'model_in_body' },
  );
});

test.each([arn(LISTED), 'imported0000', arn('imported-model/imported0000')])('%s, listed, runs at home', async (id) => {
  const { received } = await world.forwards(attack(id));
  expect(received.target).toBe(modelTarget(id, 'converse'));
});

test(`${CLAUDE} named by its ARN in the region runs at home`, async () => {
  await world.forwards(attack(`arn:aws:bedrock:eu-west-1::foundation-model/${CLAUDE}`));
});
