// PROTOCOLS, leak table "Bedrock", row `jp.` / `au.`: each of the two stays in its country, but in two regions of it, and one
// pinned to Tokyo alone does not have its data processed in Osaka.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget } from './inference-asks.ts';
import { placesOf, startInferenceWorld, US_EAST } from './inference-world.ts';

const world = await startInferenceWorld({
  regions: [
    ...placesOf('JP', 'APAC', ['ap-northeast-1', 'ap-northeast-3']),
    ...placesOf('AU', 'APAC', ['ap-southeast-2', 'ap-southeast-4']),
    US_EAST,
  ],
  policies: [
    { id: 'acme', tenant_id: 'acme', mode: 'single-country', primary_region: 'ap-northeast-1' },
    { id: 'tokyo', tenant_id: 'tokyo', mode: 'client-owned', primary_region: 'ap-northeast-1' },
  ],
});
const attack = (prefix: string) => ask('bedrock', { target: modelTarget(`${prefix}.${CLAUDE}`, 'converse') });

test('the Japanese one is refused to a tenant that is pinned to one of its two regions', async () => {
  await world.refuses({ ...attack('jp'), tenant: 'tokyo' }, { reason: 'leak_blocked', leak: 'geography_profile' });
});

test('the Australian one is refused to a Japanese tenant', async () => {
  for (const tenant of ['acme', 'tokyo'])
    await world.refuses({ ...attack('au'), tenant }, { reason: 'leak_blocked', leak: 'geography_profile' });
});

test('the Japanese one passes for a tenant whose data may be processed in all of Japan', async () => {
  const { received } = await world.forwards(attack('jp'));
  expect(received.target).toBe(attack('jp').target);
});
