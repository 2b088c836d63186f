import { compileTenant, type Bundle } from '../policy/compile.ts';
import type { Catalogue } from '../region/catalogue.ts';
import type { ControlContext } from './context.ts';
import { ApiError } from './problem.ts';

/** A tenant as it would be decided on now. */
export interface TenantNow {
  /** Null: it has no policy, and there is no default. */
  readonly bundle: Bundle | null;
  /** Whose places the bundle has: whatever is decided with it must have the same. */
  readonly catalogue: Catalogue;
  /** Of the store, when it was read. */
  readonly revision: number;
}

/**
 * @param catalogue for a caller that has read places in it already; default: the one in force
 * @throws ApiError 503 `policy_unavailable` when its policies cannot be evaluated
 */
export async function tenantNow(
  { registry }: Pick<ControlContext, 'registry'>,
  tenant: string,
  catalogue: Catalogue = registry.catalogue,
): Promise<TenantNow> {
  try {
    const { policies, revision } = await registry.tenantDocument(tenant);
    const bundle = policies === null ? null : compileTenant(policies, catalogue, registry.regimes);
    return { bundle, catalogue, revision };
  } catch (error) {
    throw new ApiError(503, 'Not available', `the policies of ${tenant} cannot be evaluated: see the log`, {
      reason: 'policy_unavailable',
      cause: error,
    });
  }
}
