import type { Loaded } from './data-plane.ts';

/**
 * The configuration in force, for `/config_dump`: this machine, the catalogue, and which policies. Keys as in the files.
 * Secrets are in it only under keys that the ops port takes out (`secret_access_key`, `value`, …).
 * @param feed how the policies are got, where a control plane feeds them
 */
export function configDump({ settings, catalogue, policySet }: Loaded, feed: unknown): unknown {
  return snakeCase({
    settings,
    regions: catalogue.regions,
    policies: policySet.policies.map(({ id, tenantId, revision, enabled }) => ({ id, tenantId, revision, enabled })),
    defaultPolicy: policySet.defaultPolicy?.id ?? null,
    grants: policySet.grants.length,
    overrides: policySet.overrides.length,
    regimes: policySet.regimes.map(({ id }) => id),
    feed,
  });
}

/** The same values under the names that files use. */
function snakeCase(value: unknown): unknown {
  if (value instanceof Map) return Object.fromEntries(value);
  if (value instanceof RegExp) return value.source;
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCase(inner),
    ]),
  );
}
