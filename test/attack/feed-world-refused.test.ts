// A control plane closes one region, and says of another that it lies elsewhere than the files here say. What it says is then refused as
// a whole; but the region that it closed must not stay open for that, nor the one that may have moved.
import { expect, test } from 'vitest';
import { closedBy } from '../../src/feed/refused-world.ts';
import type { WorldDocument } from '../../src/feed/documents.ts';
import { regionsWith, search, startFed } from './fed-world.ts';

const moved = (regions: ReturnType<typeof regionsWith>) =>
  regions.map((region) =>
    region.id === 'eu-central' ? { ...region, entry: { ...region.entry, country: 'CH' } } : region,
  );

const fed = await startFed();
const { control, domicile } = fed;
const there = { 'x-requested-region': 'eu-central' };
const refusals = () => control.heard.filter(({ type }) => type === 'nack').length;

test('what a refused world closes is closed, what it moves too, and no word of it opens anything', async () => {
  control.documents = () => fed.document({ mode: 'regional' });
  expect([await search(fed), await search(fed, there)]).toEqual(['200 in_residency', '200 in_residency']);
  control.change(null, { regions: moved(regionsWith({ 'eu-west': 'inactive' })) });
  control.sayWorld();
  await expect.poll(refusals).toBe(1);
  expect([await search(fed), await search(fed, there)]).toEqual(['503 no_compliant_region', '403 region_not_allowed']);
  control.change(null, { regions: moved(regionsWith()) });
  control.sayWorld();
  await expect.poll(refusals).toBe(2);
  expect([await search(fed), await search(fed, there)]).toEqual(['503 no_compliant_region', '403 region_not_allowed']);
});

test('it is not ready while it is, and all is open again with a world that is not refused', async () => {
  const ready = () => fetch(`${domicile.opsUrl}/readyz`).then(({ status }) => status);
  expect(await ready()).toBe(503);
  control.change(null, { regions: regionsWith() });
  control.sayWorld();
  await expect.poll(ready).toBe(200);
  expect([await search(fed), await search(fed, there)]).toEqual(['200 in_residency', '200 in_residency']);
});

test('of a refused world everything holds but its regions', () => {
  const world = (over: Partial<WorldDocument>): WorldDocument => ({
    revision: 1,
    regions: regionsWith({ 'us-east': 'draining' }),
    regimes: [],
    presignKey: 'old',
    policies: 1,
    ...over,
  });
  const refused = world({
    revision: 2,
    presignKey: 'new',
    regions: regionsWith({ 'eu-west': 'draining' }).filter(({ id }) => id !== 'eu-central'),
  });
  const { regions, ...rest } = closedBy(refused, world({}));
  expect(rest).toEqual({ revision: 2, regimes: [], presignKey: 'new', policies: 1 });
  expect(regions.map(({ id, status }) => `${id} ${status}`)).toEqual([
    'eu-west draining',
    'eu-central inactive',
    'us-east draining',
  ]);
});
