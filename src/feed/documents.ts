import type { TenantPolicies } from '../policy/model.ts';
import type { RegimeRecord } from '../policy/policy-set.ts';

/** Everything that decides about one tenant, as it was at a revision. Plain JSON. */
export interface TenantDocument {
  readonly tenant: string;
  /** Of the store when it was read: every change up to it is in it. */
  readonly revision: number;
  /** Null: it has no policy, and there is no default. */
  readonly policies: TenantPolicies | null;
}

/** A region as the control plane has it: keys as in regions.yaml, with its status in force. */
export interface RegionDocument {
  readonly id: string;
  readonly status: 'active' | 'draining' | 'inactive';
  /** `file`: endpoints are those of the proxy's own catalogue. `api`: they are in it, naming credentials by name. */
  readonly source: 'file' | 'api';
  /** The entry as in regions.yaml, without endpoints where `source` is `file`. */
  readonly entry: Readonly<Record<string, unknown>>;
}

/** What holds for all tenants. Plain JSON. */
export interface WorldDocument {
  readonly revision: number;
  /** In catalogue order. */
  readonly regions: readonly RegionDocument[];
  readonly regimes: readonly RegimeRecord[];
  /** Key of URLs signed for `via: proxy`, base64. */
  readonly presignKey: string;
  /** Policies in force, for the metric. */
  readonly policies: number;
}
