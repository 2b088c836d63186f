import type { Policy, PolicyRegion, RegionTable } from './model.ts';

/** By region index: where a mode lets data be, before prohibitions, regimes and statuses. */
export interface Placement {
  readonly store: readonly boolean[];
  readonly process: readonly boolean[];
  /** Also for delete and admin. */
  readonly access: readonly boolean[];
  /** Where a failover of a store or process may go: `store`, and for hybrid the allowed regions too. */
  readonly failover: readonly boolean[];
}

/**
 * The placement sets of a policy by the table of DESIGN 1.5.
 * @throws TypeError when the policy names a region that the table does not have
 */
export function placementOf(policy: Policy, table: RegionTable): Placement {
  const primary = regionOf(policy.primaryRegion, table);
  const allowed = policy.allowedRegions.map((name) => regionOf(name, table));
  const secondary = policy.secondaryRegions.map((name) => regionOf(name, table));
  const among = (list: readonly PolicyRegion[]) => (region: PolicyRegion) =>
    region === primary || list.includes(region);
  const narrowed = allowed.length === 0 ? () => true : among(allowed);
  const set = (test: (region: PolicyRegion) => boolean) => table.regions.map(test);

  switch (policy.mode) {
    case 'single-country':
      return same(set((region) => region.country === primary.country && narrowed(region)));
    case 'regional':
      return same(set((region) => region.geography === primary.geography && narrowed(region)));
    case 'fully-sovereign':
      return same(set((region) => region.sovereign && region.country === primary.country && narrowed(region)));
    case 'client-owned':
      return same(set(among(allowed)));
    case 'hybrid': {
      const write = set(among([]));
      return { store: write, process: write, access: set(among(secondary)), failover: set(among(allowed)) };
    }
  }
}

function same(places: readonly boolean[]): Placement {
  return { store: places, process: places, access: places, failover: places };
}

/** @throws TypeError when there is no such region */
export function regionOf(name: string, table: RegionTable): PolicyRegion {
  const region = table.find(name);
  if (region === null) throw new TypeError(`unknown region ${name}`);
  return region;
}
