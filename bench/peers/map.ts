import { CLASSIFICATIONS } from '../../src/core/vocabulary.ts';

/** Ten tenants, by turns in two regions. */
export const TENANTS = Array.from({ length: 10 }, (_, i) => `tenant-${i}`);
export const REGIONS = ['eu-west', 'eu-central'] as const;
export type Region = (typeof REGIONS)[number];

/** The tenant that loads name: neither the first nor the last of any table. */
export const TENANT = TENANTS[5]!;
/** Of a region whose storage is not signed. */
export const UNSIGNED_TENANT = 'tenant-unsigned';

/** The tenant × class map of the peers: `TENANT:CLASS` to a region. */
export function routes(tenants: readonly string[] = TENANTS): [key: string, region: Region][] {
  return tenants.flatMap((tenant, i) =>
    CLASSIFICATIONS.map((classification): [string, Region] => [
      `${tenant}:${classification}`,
      REGIONS[i % REGIONS.length]!,
    ]),
  );
}
