// A region is closed. A request that comes after that was announced must wait for what holds now, and is then decided by it: not by
// the regions that it found when it came.
import { expect, test } from 'vitest';
import { regionsWith, search, startFed } from './fed-world.ts';

const fed = await startFed();
const { control, domicile } = fed;

test('a request that waited while a region was closed does not go there', async () => {
  control.documents = () => fed.document();
  expect(await search(fed)).toBe('200 in_residency');
  const before = fed.upstream['eu-west'].requests.length;
  control.documents = null;
  control.change(null, { regions: regionsWith({ 'eu-west': 'inactive' }) });
  await expect.poll(() => control.heard.some((said) => said.type === 'ack' && said.revision === 2)).toBe(true);
  const answer = search(fed);
  await expect.poll(() => domicile.plane.proxy.inflight.search).toBe(1);
  control.documents = () => fed.document();
  control.sayWorld();
  const get = control.heard.findLast((said) => said.type === 'get')!;
  control.answer((get as { id: number }).id, ['acme']);
  expect(await answer).toBe('503 no_compliant_region');
  expect(fed.upstream['eu-west'].requests.length).toBe(before);
});
