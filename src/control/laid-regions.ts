import type { Problem } from '../core/problem.ts';
import type { RegionStatus } from '../core/vocabulary.ts';
import type { RegionDocument } from '../feed/documents.ts';
import { Catalogue, type Region } from '../region/catalogue.ts';
import type { Credentials } from '../region/credential.ts';
import { parseRegions } from '../region/parse.ts';
import { strayCredentials } from '../region/stray.ts';
import type { RegionEntry } from '../region/schema.ts';
import type { StoredRegion } from '../store/regions.ts';

/** A region of the catalogue in force, and where it comes from. */
export interface RegionInForce {
  readonly region: Region;
  readonly source: 'file' | 'api';
  /** As regions.yaml would have it; null where the file has it. */
  readonly entry: RegionEntry | null;
  /** Its ETag; 0 for one of the file whose status the API has never changed. */
  readonly revision: number;
}

/** The file's catalogue with the store's regions and statuses laid over it. */
export interface LaidRegions {
  readonly catalogue: Catalogue;
  /** In catalogue order. */
  readonly regions: readonly RegionInForce[];
  /** What does not hold together, for people. */
  readonly problems: readonly string[];
}

/**
 * Lays the store's regions over those of the file. One of the store that has a problem here, such as a credential that
 * this machine does not have, is inactive and without endpoints; one whose name the file has given to another is left out.
 */
export function layRegions(file: Catalogue, credentials: Credentials, stored: readonly StoredRegion[]): LaidRegions {
  const problems: string[] = [];
  const statuses = new Map(stored.map((row) => [row.id, row] as const));
  const regions: RegionInForce[] = file.regions.map((region) => {
    const row = statuses.get(region.id);
    const laid = row === undefined || row.entry !== null ? null : row;
    return {
      region: laid === null ? region : { ...region, status: laid.status },
      source: 'file',
      entry: null,
      revision: laid?.revision ?? 0,
    };
  });
  for (const { entry, status, revision } of stored) {
    if (entry === null) continue;
    const index = regions.length;
    const holder = holderOf(
      regions.map(({ region }) => region),
      entry,
    );
    if (holder !== null) {
      problems.push(
        `region ${entry.id} (${entry.cloud_region}) was made by the API, and the catalogue has ` +
          `${holder.id} (${holder.cloudRegion}): rename the one in the file`,
      );
      continue;
    }
    const parsed = parseRegionEntry(entry, status, credentials, file);
    for (const { path, message, fix } of parsed.problems)
      problems.push(`region ${entry.id}, made by the API: ${path.join('.')} ${message}; ${fix}`);
    regions.push({ region: { ...parsed.region, index }, source: 'api', entry, revision });
  }
  return { catalogue: new Catalogue(regions.map(({ region }) => region)), regions, problems };
}

/** The region that has the id or the cloud region name of an entry, or null. */
export function holderOf(regions: readonly Region[], entry: Pick<RegionEntry, 'id' | 'cloud_region'>): Region | null {
  const names = new Set([entry.id, entry.cloud_region]);
  return regions.find(({ id, cloudRegion }) => names.has(id) || names.has(cloudRegion)) ?? null;
}

/** A region on its own, beside those of the file; with problems, whose paths lie within the entry, it is inactive and without endpoints. */
export function parseRegionEntry(
  entry: RegionEntry,
  status: RegionStatus,
  credentials: Credentials,
  file: Catalogue,
): { readonly region: Region; readonly problems: readonly Problem[] } {
  const { catalogue, problems } = parseRegions({ regions: [{ ...entry, status }] }, credentials);
  const region = catalogue?.regions[0] as Region; // of one alone the names are unique
  const errors: Problem[] = problems
    .filter(({ severity }) => severity !== 'warning')
    .map((problem) => ({ ...problem, path: problem.path.slice(2) }));
  errors.push(...strayCredentials(region, file));
  if (errors.length === 0) return { region, problems: [] };
  return { region: { ...region, status: 'inactive', endpoints: {} }, problems: errors };
}

/** As the feed hands it out. */
export function regionDocument({ region, source, entry }: RegionInForce): RegionDocument {
  const { id, status } = region;
  if (entry !== null) return { id, status, source, entry };
  const written: Omit<RegionEntry, 'status' | 'endpoints'> = {
    id,
    name: region.name,
    cloud_region: region.cloudRegion,
    country: region.country,
    geography: region.geography,
    data_center: region.dataCenter,
    availability_zones: region.availabilityZones,
    sovereign: region.sovereign,
    certifications: region.certifications,
    networks: region.networks,
  };
  return { id, status, source, entry: written };
}
