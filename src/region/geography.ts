import type { Region } from './catalogue.ts';

/**
 * Geographies of the shipped catalogue, by country. Europe is the European Union alone: whether data may be elsewhere on
 * the continent is a matter of law that nobody should decide by leaving a field out.
 */
const COUNTRIES: Readonly<Record<string, string>> = {
  EU: 'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK',
  NA: 'CA MX US',
  APAC: 'AU BD BN CN HK ID IN JP KH KR LA LK MM MN MO MY NP NZ PH PK SG TH TW VN',
};

const GEOGRAPHY = new Map(
  Object.entries(COUNTRIES).flatMap(([geography, countries]) =>
    countries.split(' ').map((country) => [country, geography] as const),
  ),
);

/**
 * Geography of a country: the one that the catalogue's regions there have, else the one of the shipped catalogue; null
 * when neither says, or the catalogue's regions differ.
 */
export function geographyOf(country: string, regions: readonly Pick<Region, 'country' | 'geography'>[]): string | null {
  const known = new Set(regions.filter((region) => region.country === country).map(({ geography }) => geography));
  if (known.size > 1) return null;
  return [...known][0] ?? GEOGRAPHY.get(country) ?? null;
}
