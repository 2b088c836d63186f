import type { Facts, Policy, PolicyRegion, Regime, TenantPolicies, World } from '../../src/policy/model.ts';

/** What the oracle is asked. */
export interface ReferenceInput {
  /** Null, or without policies: a tenant that has none, where no default policy is configured. */
  readonly tenantPolicies: TenantPolicies | null;
  readonly regions: readonly PolicyRegion[];
  readonly regimes: readonly Regime[];
  readonly facts: Facts;
  readonly world: World;
}

/** What the steps after the third have in common. */
export interface Case extends ReferenceInput {
  readonly tenantPolicies: TenantPolicies;
  readonly policy: Policy;
  readonly primary: PolicyRegion;
  /** Prohibited by a mandatory policy. */
  readonly prohibited: readonly PolicyRegion[];
  /** Prohibited by advisory policies only. */
  readonly discouraged: readonly PolicyRegion[];
}

// ---- Names

/** "Wherever a region is named (headers, policies, API) its id or its cloud region name is accepted" (1.6). */
export function regionNamed(regions: readonly PolicyRegion[], name: string): PolicyRegion | null {
  for (const r of regions) if (r.id === name || r.cloudRegion === name) return r;
  return null;
}

export function regionsNamed(regions: readonly PolicyRegion[], names: readonly string[]): PolicyRegion[] {
  const found: PolicyRegion[] = [];
  for (const name of names) {
    const region = regionNamed(regions, name);
    if (region !== null) found.push(region);
  }
  return found;
}

export function regionAt(input: ReferenceInput, index: number): PolicyRegion {
  const region = input.regions[index];
  if (region === undefined) throw new TypeError(`no region ${index} in the catalogue`);
  return region;
}

/**
 * "in globs only `*` is special"; "in a glob `*` crosses `/`". A `*` in the name (an index expression) is a letter that
 * no letter of a glob equals: only a `*` of the glob can take it in, and that takes in all that it could stand for.
 */
export function globCovers(glob: string, name: string): boolean {
  if (glob === '') return name === '';
  const rest = glob.slice(1);
  if (glob[0] !== '*') return glob[0] === name[0] && globCovers(rest, name.slice(1));
  for (let taken = 0; taken <= name.length; taken++) if (globCovers(rest, name.slice(taken))) return true;
  return false;
}
