// What a region is, its control plane says; where its endpoints are, this machine's files. The two are read at different moments. An
// endpoint that moves to another country together with its region must at no moment be reached under the old region's name, and a
// region that the control plane does not know, or no more, is none to send anything to.
import { expect, test } from 'vitest';
import { overlay } from '../../src/app/overlay.ts';
import type { WorldDocument } from '../../src/feed/documents.ts';
import { parseRegions } from '../../src/region/parse.ts';
import { REGIONS_FILE } from '../../src/region/schema.ts';
import { regionsWith, search, startFed } from './fed-world.ts';

const WORLD: WorldDocument = { revision: 1, regions: regionsWith(), regimes: [], presignKey: '', policies: 0 };
const AT_HOME = {
  id: 'eu-west',
  name: 'x',
  cloud_region: 'eu-west-1',
  country: 'IE',
  geography: 'EU',
  data_center: 'x',
};

function own(over: Record<string, unknown>) {
  const region = { ...AT_HOME, endpoints: { search: { url: 'http://127.0.0.1:1' } }, ...over };
  const file = REGIONS_FILE.withDefaults({ regions: [region] } as never);
  return parseRegions(file as never, new Map() as never).catalogue!;
}

const endpointsOf = (over: Record<string, unknown>) =>
  Object.keys(overlay(own(over), WORLD, new Map() as never, 'same').catalogue.find('eu-west')!.endpoints);

test('files that were reloaded a moment before the control plane tells of it: the region is out until both say the same', () => {
  expect(endpointsOf({})).toEqual(['opensearch']);
  expect(endpointsOf({ country: 'US' })).toEqual([]);
  expect(endpointsOf({ geography: 'NA' })).toEqual([]);
  expect(endpointsOf({ cloud_region: 'us-gov-west-1' })).toEqual([]);
  expect(endpointsOf({ sovereign: true })).toEqual([]);
});

const fed = await startFed();

test('a region that the control plane has taken away gets nothing, also where a policy allows a whole geography', async () => {
  fed.control.documents = () => fed.document({ mode: 'regional' });
  const there = { 'x-requested-region': 'eu-central' };
  expect(await search(fed, there)).toBe('200 in_residency');
  fed.control.change(null, { regions: regionsWith().filter(({ id }) => id !== 'eu-central') });
  fed.control.sayWorld();
  await expect
    .poll(() => fed.control.heard.filter((said) => said.type === 'ack' && said.revision === 2).length)
    .toBe(2);
  expect(await search(fed, there)).toBe('403 region_not_allowed');
  expect(await search(fed)).toBe('200 in_residency');
});
