// The bucket that evidence is shipped to is moved, or the endpoint answers for another: by a redirect, or with a 200 that
// tells of another region. Evidence names people and what was done with their data: it stays where its policy says.
import { expect, test } from 'vitest';
import { startStandIn } from '../../src/standin/standin.ts';
import { ShippingRig } from '../app/shipping-rig.ts';
import { startWorld } from './world.ts';

const elsewhere = await startStandIn((_, response) => response.end());
let headers: Record<string, string> = {};
let status = 200;
const storage = await startStandIn((request, response) => {
  request.resume();
  response.writeHead(status, headers).end();
});
const world = await startWorld({ replace: { 'eu-west': { storage }, 'us-east': { storage: elsewhere } } });

test.each([
  ['a redirect', 307, { location: `${elsewhere.url}/evidence/checkpoint` }],
  ['a 200 of a bucket in another region', 200, { 'x-amz-bucket-region': 'us-east-1' }],
])('%s is refused by the path, and nothing counts as shipped', async (_, answered, said) => {
  status = answered;
  headers = said;
  const before = storage.requests;
  const shipping = new ShippingRig(world.rig, {
    kind: 'bucket',
    bucket: 'evidence',
    prefix: '',
    tenant: 'acme',
    classification: 'operational',
    region: null,
    objectLock: null,
  });
  await shipping.turn();
  expect(shipping.lines).toMatchObject([
    {
      level: 'error',
      message: 'evidence is not shipped: PutObject to evidence: 403 upstream_region_mismatch AccessDenied',
    },
  ]);
  expect(storage.requests, 'tried once').toBe(before + 1);
  expect(shipping.shipping.lagEntries).toBeGreaterThan(0);
  const last = [...shipping.reader.entries()].at(-1)!;
  expect(last.value).toMatchObject({ tenant: 'acme', reason: 'upstream_region_mismatch', status: 403 });
  await shipping.shipping.close();
});
