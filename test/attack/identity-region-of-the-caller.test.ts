// DESIGN 1.3: `X-Region` says where the caller is. Whoever can lie about that reads identity data of another region from here, so it is
// believed only where the configuration says so, and stripped in any case.
import { expect, test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();
const trusting = await startWorld({ settings: { identity: { trust_region_header: true } }, silent: ['eu-central'] });
const read = { target: '/reports/key', tenant: 'globex' };

test('a caller in eu-west who claims to be in us-east is refused all the same', async () => {
  for (const region of ['us-east', 'us-east-1', 'nowhere', '']) {
    await world.refuses({ ...read, headers: { 'X-Region': region } }, { reason: 'cross_border_restricted' });
  }
});

test('nor does a claim keep a caller from what is there', async () => {
  const { received } = await world.forwards(
    { target: '/reports/key', headers: { 'X-Region': 'us-east' } },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.headers['x-region']).toBeUndefined();
});

test('where it is trusted it decides, and an unknown one is refused', async () => {
  const { received } = await trusting.forwards(
    { ...read, headers: { 'X-Region': 'us-east-1' } },
    { region: 'us-east', reason: 'in_residency' },
  );
  expect(received.headers['x-region']).toBeUndefined();
  await trusting.refuses(read, { reason: 'cross_border_restricted' });
  await trusting.refuses({ ...read, headers: { 'X-Region': 'US-EAST' } }, { reason: 'region_unknown' });
  await trusting.refuses(
    { target: '/reports/key', headers: { 'X-Region': 'us-east' } },
    { reason: 'cross_border_restricted' },
  );
});
