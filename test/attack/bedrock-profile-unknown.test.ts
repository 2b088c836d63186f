// PROTOCOLS, leak table "Bedrock", row `in.`, `ca.`: prefixes that exist, whose destinations nobody has published, and those that
// AWS will have tomorrow. What is not in the pinned table is refused, however wide the policy is; a list of prefixes to
// refuse would let the next one through.
import { test } from 'vitest';
import { ask, CLAUDE, modelTarget, NOVA } from './inference-asks.ts';
import { EU_CENTRAL, EU_WEST, startInferenceWorld, US_EAST } from './inference-world.ts';

const world = await startInferenceWorld({
  regions: [EU_WEST, EU_CENTRAL, US_EAST],
  policies: [
    {
      id: 'acme',
      tenant_id: 'acme',
      mode: 'client-owned',
      primary_region: 'eu-west',
      allowed_regions: ['eu-central', 'us-east'],
    },
  ],
  endpoints: { bedrock: { providers: ['eu'] } },
});

test.each(['in', 'ca', 'sa', 'me', 'uk', 'emea', 'global2', 'EU', 'eu-west', 'eu-west-1', 'eu.eu', 'eu-west-1.eu'])(
  '%s. is refused',
  async (prefix) => {
    for (const model of [CLAUDE, NOVA]) {
      const id = `${prefix}.${model}`;
      await world.refuses(ask('bedrock', { target: modelTarget(id, 'converse') }), {
        reason: 'leak_blocked',
        leak: 'model_unknown',
      });
      const arn = `arn:aws:bedrock:eu-west-1:123456789012:inference-profile/${id}`;
      await world.refuses(ask('bedrock', { target: modelTarget(arn, 'converse') }), {
        reason: 'leak_blocked',
        leak: 'model_unknown',
      });
    }
  },
);

test('an endpoint that calls a geography a provider gets no profile past its table', async () => {
  const target = modelTarget(`arn:aws:bedrock:eu-west-1::foundation-model/eu.${CLAUDE}`, 'converse');
  await world.refuses(ask('bedrock', { target }), { reason: 'leak_blocked', leak: 'model_unknown' });
});
