import { CLASSIFICATIONS } from '../src/core/vocabulary.ts';

/** Ten tenants with small objects in one region, and one with large objects in another. */
export const SMALL_TENANTS = Array.from({ length: 10 }, (_, i) => `tenant-${i}`);
export const BULK_TENANT = 'tenant-bulk';

export interface Ports {
  readonly quick: number;
  readonly bulk: number;
}

/** The tenant × class map of the peers: `TENANT:CLASS` to the name of an upstream. */
export function routes(): [key: string, upstream: keyof Ports][] {
  return [...SMALL_TENANTS, BULK_TENANT].flatMap((tenant) =>
    CLASSIFICATIONS.map((classification): [string, keyof Ports] => [
      `${tenant}:${classification}`,
      tenant === BULK_TENANT ? 'bulk' : 'quick',
    ]),
  );
}

export const SMALL_HEADERS = { 'x-tenant-id': SMALL_TENANTS[7]!, 'x-data-classification': 'identity' };
export const BULK_HEADERS = { 'x-tenant-id': BULK_TENANT, 'x-data-classification': 'identity' };
