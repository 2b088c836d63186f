// PROTOCOLS, leak table "Bedrock", row `us-gov.`: GovCloud's prefix spans both of its regions. It begins like `us.`, so a table
// that is searched by how names begin takes one for the other.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget } from './inference-asks.ts';
import { placesOf, startInferenceWorld, US_EAST } from './inference-world.ts';

const world = await startInferenceWorld({
  regions: [...placesOf('US', 'NA', ['us-gov-west-1', 'us-gov-east-1', 'us-east-2', 'us-west-2']), US_EAST],
  policies: [
    {
      id: 'acme',
      tenant_id: 'acme',
      mode: 'client-owned',
      primary_region: 'us-gov-west-1',
      allowed_regions: ['us-gov-east-1'],
    },
    { id: 'west', tenant_id: 'west', mode: 'client-owned', primary_region: 'us-gov-west-1' },
    {
      id: 'commercial',
      tenant_id: 'commercial',
      mode: 'client-owned',
      primary_region: 'us-gov-west-1',
      allowed_regions: ['us-east', 'us-east-2', 'us-west-2'],
    },
  ],
});
const attack = (prefix: string) => ask('bedrock', { target: modelTarget(`${prefix}.${CLAUDE}`, 'converse') });

test.each([
  ['west', 'us-gov', 'geography_profile'],
  ['commercial', 'us-gov', 'geography_profile'],
  ['acme', 'us', 'geography_profile'],
  ['acme', 'us-go', 'model_unknown'],
  ['acme', 'us-gov-west-1', 'model_unknown'],
  ['acme', 'us_gov', 'model_unknown'],
])('the tenant %s is refused the prefix %s', async (tenant, prefix, leak) => {
  await world.refuses({ ...attack(prefix), tenant }, { reason: 'leak_blocked', leak });
});

test('it passes for a tenant whose data may be processed in both', async () => {
  const { received } = await world.forwards(attack('us-gov'));
  expect(received.target).toBe(attack('us-gov').target);
});
