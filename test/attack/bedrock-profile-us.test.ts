// PROTOCOLS, leak table "Bedrock", row `us.`: the prefix looks as American as its tenant, and yet its geography is the United
// States *and Canada*; from Virginia it was seen to reach three regions. It passes only where a policy lets data be
// processed in every region of the pinned set, and never from Europe.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget } from './inference-asks.ts';
import { EU_WEST, placesOf, startInferenceWorld, US_EAST } from './inference-world.ts';

const REACHED = ['us-east-2', 'us-west-2'];
const world = await startInferenceWorld({
  regions: [US_EAST, EU_WEST, ...placesOf('US', 'NA', REACHED)],
  policies: [
    { id: 'acme', tenant_id: 'acme', mode: 'client-owned', primary_region: 'us-east', allowed_regions: REACHED },
    { id: 'one', tenant_id: 'one', mode: 'client-owned', primary_region: 'us-east', allowed_regions: ['us-east-2'] },
    { id: 'none', tenant_id: 'none', mode: 'client-owned', primary_region: 'us-east' },
  ],
});
const attack = ask('bedrock', { target: modelTarget(`us.${CLAUDE}`, 'converse') });

test.each(['none', 'one'])(
  'it is refused to a tenant whose policy does not cover its whole set (%s)',
  async (tenant) => {
    await world.refuses({ ...attack, tenant }, { reason: 'leak_blocked', leak: 'geography_profile' });
    await world.refuses({ ...attack, tenant }, { reason: 'leak_blocked', leak: 'geography_profile' }, 2);
    const target = modelTarget(`arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.${CLAUDE}`, 'invoke');
    await world.refuses({ ...attack, target, tenant }, { reason: 'leak_blocked', leak: 'geography_profile' });
  },
);

test('it passes where the policy covers the whole set, and is sent to the tenant’s own region', async () => {
  const { received } = await world.forwards(attack);
  expect(received.target).toBe(attack.target);
});
