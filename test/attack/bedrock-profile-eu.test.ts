// PROTOCOLS, leak table "Bedrock", row `eu.`: "European" is six regions in five countries, and Zurich where the request
// starts there. A tenant pinned to Ireland, or to Ireland and Frankfurt, is not served by a profile that may answer from
// Stockholm, Milan, Spain or Paris.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget, NOVA } from './inference-asks.ts';
import { EU_CENTRAL, EU_WEST, placesOf, startInferenceWorld, US_EAST } from './inference-world.ts';

const OTHERS = ['eu-central', 'eu-north-1', 'eu-south-1', 'eu-south-2', 'eu-west-3'];
const policy = (id: string, allowed_regions: readonly string[], more: object = {}) => ({
  id,
  tenant_id: id,
  mode: 'client-owned',
  primary_region: 'eu-west',
  allowed_regions,
  ...more,
});
const world = await startInferenceWorld({
  regions: [EU_WEST, EU_CENTRAL, US_EAST, ...placesOf('SE', 'EU', OTHERS.slice(1))],
  policies: [
    policy('acme', OTHERS),
    policy('alone', []),
    ...OTHERS.map((missing) =>
      policy(
        `without-${missing}`,
        OTHERS.filter((id) => id !== missing),
      ),
    ),
    policy('regional', [], { mode: 'regional', prohibited_regions: ['eu-south-2'] }),
  ],
});
const attack = ask('bedrock', { target: modelTarget(`eu.${CLAUDE}`, 'converse') });

test.each(['alone', 'regional', ...OTHERS.map((missing) => `without-${missing}`)])(
  'it is refused to the tenant %s, one region of the set being outside its policy',
  async (tenant) => {
    await world.refuses({ ...attack, tenant }, { reason: 'leak_blocked', leak: 'geography_profile' });
  },
);

test('its ARN and its encoded forms are the same profile', async () => {
  for (const id of [`arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.${CLAUDE}`, `eu.${NOVA}`]) {
    const target = modelTarget(id, 'converse-stream');
    await world.refuses({ ...attack, target, tenant: 'alone' }, { reason: 'leak_blocked', leak: 'geography_profile' });
  }
  const target = attack.target.replace('eu.', '%65u%2E');
  await world.refuses({ ...attack, target, tenant: 'alone' }, { reason: 'leak_blocked', leak: 'geography_profile' });
});

test('it passes where the policy covers the whole set, and is sent to the tenant’s own region', async () => {
  const { received } = await world.forwards(attack);
  expect(received.target).toBe(attack.target);
});
