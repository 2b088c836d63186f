// PROTOCOLS, leak table "Bedrock", row `global.`: a global inference profile may take a prompt to any commercial region, and
// the list of its models holds an ARN without a region. Nothing in the answer tells where it went. So it never passes:
// in no class, and not where the operator lists it or calls it a provider.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget, NOVA } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const PROFILE = `global.${CLAUDE}`;
const ACCOUNT = 'arn:aws:bedrock:eu-west-1:123456789012';
const world = await startInferenceWorld({
  endpoints: { bedrock: { arns: [PROFILE, `${ACCOUNT}:inference-profile/${PROFILE}`], providers: ['global'] } },
});

test.each([
  ['its id', PROFILE, 'global_profile'],
  ['that of another model', `global.${NOVA}`, 'global_profile'],
  ['its ARN', `${ACCOUNT}:inference-profile/${PROFILE}`, 'global_profile'],
  ['the ARN of its model, without a region', `arn:aws:bedrock:::foundation-model/${CLAUDE}`, 'model_arn_region'],
  ['its id in the ARN of a model', `arn:aws:bedrock:eu-west-1::foundation-model/${PROFILE}`, 'model_unknown'],
  ['its id in capitals', `GLOBAL.${CLAUDE}`, 'model_unknown'],
  ['its id behind another prefix', `eu.${PROFILE}`, 'model_unknown'],
])('%s is refused', async (_, id, leak) => {
  for (const operation of ['invoke', 'invoke-with-response-stream', 'converse', 'converse-stream', 'count-tokens'])
    await world.refuses(ask('bedrock', { target: modelTarget(id, operation) }), { reason: 'leak_blocked', leak });
});

test.each(['identity', 'transactional', 'operational', 'content', 'analytical'])(
  'no data of class %s gets there',
  async (classification) => {
    const attack = ask('bedrock', { target: modelTarget(PROFILE, 'converse'), classification });
    await world.refuses(attack, { reason: 'leak_blocked', leak: 'global_profile' });
    await world.refuses(attack, { reason: 'leak_blocked', leak: 'global_profile' }, 2);
  },
);

test('the model itself, without the prefix, runs at home', async () => {
  const { received, answer } = await world.forwards(ask('bedrock'));
  expect(received.target).toBe(modelTarget(CLAUDE, 'converse'));
  expect(answer.body).toContain('eu-west-1');
});
