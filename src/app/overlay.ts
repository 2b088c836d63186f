import type { RegionDocument, WorldDocument } from '../feed/documents.ts';
import type { Regime } from '../policy/model.ts';
import { Catalogue, type Region } from '../region/catalogue.ts';
import type { Credentials } from '../region/credential.ts';
import { parseRegions } from '../region/parse.ts';
import { strayCredentials } from '../region/stray.ts';
import { REGIONS_FILE, type RegionEntry } from '../region/schema.ts';

/** What the control plane says of regions and law, laid over what this machine's files say. */
export interface Overlaid {
  readonly catalogue: Catalogue;
  readonly regimes: readonly Regime[];
}

/**
 * Endpoints are those of this machine; which regions there are, what they are and their statuses the control plane says.
 * A region that only it knows has the endpoints that it was given, as far as their credentials are here; to one that
 * only this machine knows nothing goes.
 * @param files `same`: both read the same ones, at moments that may differ. A region about which they disagree has no
 *   endpoints until they agree: one that moves abroad must not be reached as what it was before
 * @throws Error, in one line, where both know a region and disagree about what it is: nothing is then put into force
 */
export function overlay(
  own: Catalogue,
  world: WorldDocument,
  credentials: Credentials,
  files: 'same' | 'others',
): Overlaid {
  const regions = world.regions.map((document): Region => {
    const known = own.find(document.id);
    if (known === null || known.id !== document.id) return made(document, credentials, own);
    const difference = differenceOf(known, document);
    if (difference === null) return { ...known, status: document.status };
    if (files === 'others') throw new Error(difference);
    return { ...placed(known, document), endpoints: {} };
  });
  const named = new Set(regions.map(({ id }) => id));
  const unknown = own.regions
    .filter(({ id }) => !named.has(id))
    .map((region) => ({ ...region, status: 'inactive' as const }));
  const all = [...regions, ...unknown];
  return { catalogue: new Catalogue(all.map((region, index) => ({ ...region, index }))), regimes: world.regimes };
}

/** In words, or null. */
function differenceOf(known: Region, { id, entry }: RegionDocument): string | null {
  const facts = [
    ['cloud_region', known.cloudRegion],
    ['country', known.country],
    ['geography', known.geography],
    ['sovereign', known.sovereign],
  ] as const;
  for (const [key, here] of facts) {
    if (entry[key] !== here)
      return `region ${id}: ${key} is ${String(here)} here and ${String(entry[key])} at the control plane: make regions.yaml the same on both`;
  }
  return null;
}

function placed(known: Region, { status, entry }: RegionDocument): Region {
  const { cloud_region, country, geography, sovereign } = entry as RegionEntry;
  return { ...known, cloudRegion: cloud_region, country, geography, sovereign, status };
}

function made({ id, status, entry, source }: RegionDocument, credentials: Credentials, own: Catalogue): Region {
  const written = source === 'api' ? entry : { ...entry, endpoints: {} };
  const file = { regions: [{ ...written, status }] };
  if (!REGIONS_FILE.conforms(file)) throw new Error(`region ${id}: the control plane describes it in an unknown way`);
  // An endpoint whose credential is not here is left out: its region is then not available, and nothing goes there.
  const { catalogue } = parseRegions(REGIONS_FILE.withDefaults(file), credentials);
  const region = catalogue?.regions[0];
  if (region === undefined) throw new Error(`region ${id}: the control plane describes it in an unknown way`);
  // Nor does a control plane have secrets of this machine sent to hosts that its files do not send them to.
  return strayCredentials(region, own).length === 0 ? region : { ...region, endpoints: {} };
}

/** Whether two worlds say the same of regions and law. */
export function sameWorld(some: WorldDocument, other: WorldDocument): boolean {
  return (
    JSON.stringify(some.regions) === JSON.stringify(other.regions) &&
    JSON.stringify(some.regimes) === JSON.stringify(other.regimes) &&
    some.presignKey === other.presignKey
  );
}
