import type { Grant } from '../../src/policy/model.ts';
import { POLICY_FILE, type PolicyEntry, type WrittenPolicyFile } from '../../src/policy/schema.ts';
import { REGIONS_FILE, type RegionEntry } from '../../src/region/schema.ts';
import type { Store, Who } from '../../src/store/store.ts';
import type { Tables } from '../../src/store/tables.ts';
import type { Selectable } from 'kysely';

export const WHO: Who = { actor: 'ada', requestId: 'r-1' };

type WrittenPolicy = Partial<NonNullable<WrittenPolicyFile['policies']>[number]>;

/** A policy as it is stored, with every default. */
export function policyEntry(written: WrittenPolicy): PolicyEntry {
  const entry = { id: 'acme-eu', tenant_id: 'acme', primary_region: 'eu-west', ...written };
  return POLICY_FILE.withDefaults({ policies: [entry] }).policies[0] as PolicyEntry;
}

/** A region as it is stored, with every default. */
export function regionEntry(written: { readonly id: string; readonly [key: string]: unknown }): RegionEntry {
  const entry = { cloud_region: `${written.id}-1`, country: 'IE', geography: 'EU', ...written };
  return REGIONS_FILE.withDefaults({ regions: [entry] } as never).regions[0] as RegionEntry;
}

/** A grant that was asked for and given, in force for an hour on either side of now. */
export async function putGrant(
  store: Store,
  tenant: string,
  given: Partial<Grant> & { readonly id: string },
  row: Partial<Selectable<Tables['grants']>> = {},
): Promise<Grant> {
  return store.change(WHO, async (change) => {
    const grant: Grant = {
      tenantId: tenant,
      subjects: [],
      userId: 'support-1',
      classifications: [],
      verbs: ['access'],
      resource: null,
      fromRegion: 'eu-west',
      toRegion: 'us-east',
      notBefore: change.now - 3_600_000,
      notAfter: change.now + 3_600_000,
      maxUses: 1,
      reason: 'case 4711',
      approvedBy: ['dpo'],
      ...given,
    };
    const at = { revision: change.revision, created_at: change.now, updated_at: change.now };
    const request = { id: `r-${grant.id}`, tenant, requester: grant.userId, state: 'approved' as const };
    await change.db
      .insertInto('requests')
      .values({ ...request, body: '{}', hash: '', grant_id: grant.id, pending_until: change.now, ...at })
      .execute();
    const revocation = { revoked_by: null, revoked_at: null, revoke_reason: null };
    const window = { not_before: grant.notBefore, not_after: grant.notAfter, max_uses: grant.maxUses };
    const kept = {
      id: grant.id,
      tenant,
      request_id: request.id,
      state: 'active' as const,
      body: JSON.stringify(grant),
    };
    await change.db
      .insertInto('grants')
      .values({ ...kept, ...window, ...revocation, ...at, ...row })
      .execute();
    change.touch(tenant);
    return grant;
  });
}

/** An override with two approvals, in force for an hour from now. */
export async function putOverride(
  store: Store,
  tenant: string,
  row: Partial<Selectable<Tables['overrides']>> & { readonly id: string },
): Promise<void> {
  await store.change(WHO, async (change) => {
    const body = {
      subjects: ['student-1'],
      sourceRegion: 'eu-west',
      targetRegion: 'us-east',
      reason: 'flood',
      approvedBy: ['cto', 'dpo'],
      ticket: 'not for a proxy',
    };
    const nothing = {
      approve_by: null,
      revoked_by: null,
      revoked_at: null,
      revoke_reason: null,
      review_due_at: null,
      reviewed_by: null,
      reviewed_at: null,
      review_outcome: null,
    };
    const kept = { tenant, requester: 'sre-1', state: 'active' as const, body: JSON.stringify(body), hash: '' };
    const window = { not_before: change.now, not_after: change.now + 3_600_000, pending_until: change.now };
    const at = { revision: change.revision, created_at: change.now, updated_at: change.now };
    await change.db
      .insertInto('overrides')
      .values({ ...kept, ...window, ...nothing, ...at, ...row })
      .execute();
    change.touch(tenant);
  });
}
