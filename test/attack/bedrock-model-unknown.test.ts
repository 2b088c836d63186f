// PROTOCOLS, leak table "Bedrock": "unknown → deny". A bare id runs in the region that it is sent to, but only one that is known
// for bare is one: AWS gives out opaque ids, Marketplace names and new prefixes, and their places cannot be told by looking.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld({ endpoints: { bedrock: { providers: ['acme-labs'] } } });
const attack = (id: string) => ask('bedrock', { target: modelTarget(id, 'converse') });

test.each([
  'abcdef123456',
  'anthropic',
  'anthropic.',
  'Anthropic.claude-v2',
  'anthropic/claude-v2',
  'novelai.model-1',
  'acme.model',
  `anthropic.x/${CLAUDE}`,
  `acme-labs.x/../${CLAUDE}`,
])('%s is refused', async (id) => {
  await world.refuses(attack(id), { reason: 'leak_blocked', leak: 'model_unknown' });
});

test('a provider that the operator vouches for is one', async () => {
  const { received } = await world.forwards(attack('acme-labs.model-1'));
  expect(received.target).toBe('/model/acme-labs.model-1/converse');
});
