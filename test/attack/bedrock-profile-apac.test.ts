// PROTOCOLS, leak table "Bedrock", row `apac.`: the set of the Asian prefix holds twelve regions of Asia and Australia *and the
// United Arab Emirates*. A tenant that lists all of Asia still has data going to me-central-1.
import { expect, test } from 'vitest';
import { ask, modelTarget, NOVA } from './inference-asks.ts';
import { EU_WEST, placesOf, startInferenceWorld } from './inference-world.ts';

const ASIA = [
  'ap-south-1',
  'ap-south-2',
  'ap-east-2',
  'ap-northeast-1',
  'ap-northeast-2',
  'ap-northeast-3',
  'ap-southeast-1',
  'ap-southeast-2',
  'ap-southeast-3',
  'ap-southeast-4',
  'ap-southeast-5',
  'ap-southeast-7',
];
const policy = (id: string, allowed_regions: readonly string[]) => ({
  id,
  tenant_id: id,
  mode: 'client-owned',
  primary_region: 'ap-south-1',
  allowed_regions,
});
const world = await startInferenceWorld({
  regions: [...placesOf('IN', 'APAC', ASIA), ...placesOf('AE', 'APAC', ['me-central-1']), EU_WEST],
  policies: [policy('acme', [...ASIA.slice(1), 'me-central-1']), policy('asian', ASIA.slice(1)), policy('indian', [])],
});
const attack = ask('bedrock', { target: modelTarget(`apac.${NOVA}`, 'converse') });

test.each(['indian', 'asian'])('it is refused to the tenant %s, since it may reach the Emirates', async (tenant) => {
  await world.refuses({ ...attack, tenant }, { reason: 'leak_blocked', leak: 'geography_profile' });
  const target = modelTarget(`arn:aws:bedrock:ap-south-1:123456789012:inference-profile/apac.${NOVA}`, 'invoke');
  await world.refuses({ ...attack, target, tenant }, { reason: 'leak_blocked', leak: 'geography_profile' });
});

test('the log says which region it was refused for, and the answer does not', () => {
  const details = world.rig.log.filter((line) => line['tenant_id'] === 'asian').map((line) => line['detail']);
  expect(details[0]).toBe(`apac.${NOVA} may reach me-central-1`);
});

test('it passes where the policy covers the Emirates too', async () => {
  const { received } = await world.forwards(attack);
  expect(received.target).toBe(attack.target);
});
