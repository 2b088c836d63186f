// A configuration names a tenant that no policy is for, or one whose data is pinned elsewhere, as the one that evidence is
// shipped for. Shipping is no way around the decision: nothing leaves, and the operator is told once.
import { expect, test } from 'vitest';
import { ShippingRig } from '../app/shipping-rig.ts';
import { startWorld } from './world.ts';

const world = await startWorld({ silent: ['eu-west', 'eu-central', 'us-east'] });

test('without a policy for its tenant not a byte is shipped, the reason is told once, and the lag grows', async () => {
  const shipping = new ShippingRig(world.rig, {
    kind: 'bucket',
    bucket: 'evidence',
    prefix: '',
    tenant: 'nobody',
    classification: 'operational',
    region: 'eu-west',
    objectLock: null,
  });
  const lags: number[] = [];
  for (let i = 0; i < 3; i++) {
    await world.send({ target: '/reports/key', tenant: null });
    shipping.now += 3_600_000;
    await shipping.turn();
    lags.push(shipping.shipping.lagEntries);
  }
  expect(shipping.lines).toMatchObject([
    { level: 'error', message: 'evidence is not shipped: PutObject to evidence: 403 no_policy AccessDenied' },
  ]);
  expect(lags[1]).toBeGreaterThan(lags[0]!);
  expect(lags[2]).toBeGreaterThan(lags[1]!);
  expect(shipping.shipping.failures).toBe(3);
  expect(shipping.shipping.lagSeconds).toBeGreaterThan(3 * 3600 - 60);
  const last = [...shipping.reader.entries()].at(-1)!;
  expect(last.value).toMatchObject({ tenant: 'nobody', effect: 'deny', reason: 'no_policy' });
  await shipping.shipping.close();
});
