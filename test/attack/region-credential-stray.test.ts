// Whoever may make regions by the API names endpoints, and credentials by their names: had a header's secret gone wherever
// an endpoint says, it could have been sent to a host of his own and read there.
import { expect, test } from 'vitest';
import { overlay } from '../../src/app/overlay.ts';
import { parseRegionEntry } from '../../src/control/laid-regions.ts';
import { parseCredentials } from '../../src/region/credential.ts';
import { parseRegions } from '../../src/region/parse.ts';
import { REGIONS_FILE } from '../../src/region/schema.ts';

const CREDENTIALS = parseCredentials({
  search: { username: 'domicile', password: 'tell nobody' },
} as never).credentials;

const region = (id: string, cloud: string, url: string) => ({
  id,
  cloud_region: cloud,
  country: 'IE',
  geography: 'EU',
  endpoints: { search: { url, credential: 'search' } },
});

function catalogueOf(...regions: readonly object[]) {
  const file = { regions };
  if (!REGIONS_FILE.conforms(file)) throw new TypeError('not a file of regions');
  return parseRegions(REGIONS_FILE.withDefaults(file), CREDENTIALS).catalogue!;
}

const OWN = catalogueOf(region('eu-west', 'eu-west-1', 'https://search.internal:9200'));

/** What a proxy makes of a region that its control plane says was made by the API. */
function laid(url: string) {
  const entry = region('eu-north', 'eu-north-1', url);
  const world = {
    revision: 1,
    regions: [{ id: 'eu-north', status: 'active' as const, source: 'api' as const, entry }],
    regimes: [],
    presignKey: '',
    policies: 0,
  };
  return overlay(OWN, world, CREDENTIALS, 'others').catalogue.find('eu-north')!;
}

test('a proxy sends a header’s secret to no host that its own files do not send it to', () => {
  expect(laid('https://attacker.example').endpoints).toEqual({});
  expect(laid('https://search.internal:9201').endpoints).toEqual({});
  expect(laid('https://search.internal:9200').endpoints.opensearch).toMatchObject({
    origin: 'https://search.internal:9200',
  });
});

test('the API refuses such an endpoint, and names the field', async () => {
  const { region: made, problems } = parseRegionEntry(
    REGIONS_FILE.withDefaults({ regions: [region('eu-north', 'eu-north-1', 'https://attacker.example')] } as never)
      .regions[0]!,
    'active',
    CREDENTIALS,
    OWN,
  );
  expect(problems.map(({ code, path }) => `${code} ${path.join('.')}`)).toEqual([
    'stray_credential endpoints.search.credential',
  ]);
  expect(made).toMatchObject({ status: 'inactive', endpoints: {} });
});
