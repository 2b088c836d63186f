import type { Classification } from '../core/vocabulary.ts';
import type { Grant, Policy, TenantPolicies } from '../policy/model.ts';
import type { PolicySet } from '../policy/policy-set.ts';
import type { Catalogue } from '../region/catalogue.ts';
import type { Credentials } from '../region/credential.ts';

/** What files say, as they were loaded last. */
export interface FilesInForce {
  readonly catalogue: Catalogue;
  readonly policySet: PolicySet;
  /** `classification.aliases`. */
  readonly aliases: ReadonlyMap<string, Classification>;
  /** Of domicile.yaml, for the endpoints of regions that the API makes. */
  readonly credentials: Credentials;
  /** Id of `self.region`. */
  readonly selfRegion: string;
  /** `default_policy`: id of a policy of the files or the store, or null. */
  readonly defaultPolicy: string | null;
}

/** Files, by what is looked up in them. */
export class FileIndex {
  readonly files: FilesInForce;
  readonly byId: ReadonlyMap<string, Policy>;
  readonly policies: ReadonlyMap<string | null, readonly Policy[]>;
  readonly grants: ReadonlyMap<string, TenantPolicies['grants']>;
  readonly grantsById: ReadonlyMap<string, Grant>;
  readonly overrides: ReadonlyMap<string, TenantPolicies['overrides']>;

  constructor(files: FilesInForce) {
    const { policies, grants, overrides } = files.policySet;
    this.files = files;
    this.byId = new Map(policies.map((policy) => [policy.id, policy]));
    this.policies = Map.groupBy(policies, ({ tenantId }) => tenantId);
    this.grantsById = new Map(grants.map((grant) => [grant.id, grant]));
    this.grants = Map.groupBy(grants, ({ tenantId }) => tenantId);
    this.overrides = Map.groupBy(overrides, ({ tenantId }) => tenantId);
  }
}
