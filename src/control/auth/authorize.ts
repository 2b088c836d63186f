import { ApiError } from '../problem.ts';
import type { Principal, Role } from '../principal.ts';

const EVERYONE: readonly Role[] = ['viewer', 'requester', 'approver', 'operator', 'auditor', 'breakglass', 'admin'];

interface Rule {
  readonly roles: readonly Role[];
  /**
   * `tenant`: on what belongs to the principal's tenant; another's does not exist for it. `world`: it belongs to no tenant,
   * and only principals without a tenant scope may. `shared`: it belongs to no tenant, and every scope may.
   */
  readonly on: 'tenant' | 'world' | 'shared';
}

/** Who may do what (API.md, "Principals"). What is not in here nobody may. */
export const RULES = {
  'regions.read': { roles: EVERYONE, on: 'shared' },
  'regions.write': { roles: ['operator', 'admin'], on: 'world' },
  'policies.read': { roles: EVERYONE, on: 'tenant' },
  'policies.write': { roles: ['operator', 'admin'], on: 'tenant' },
  'records.read': { roles: EVERYONE, on: 'tenant' },
  'records.write': { roles: ['operator', 'admin'], on: 'tenant' },
  'access.resolve': { roles: EVERYONE, on: 'tenant' },
  'access.read': { roles: EVERYONE, on: 'tenant' },
  'access.request': { roles: ['requester', 'admin'], on: 'tenant' },
  'access.approve': { roles: ['approver'], on: 'tenant' },
  /** A requester only its own: the route sees to that. */
  'access.revoke': { roles: ['requester', 'approver', 'admin'], on: 'tenant' },
  'overrides.read': { roles: EVERYONE, on: 'tenant' },
  'overrides.request': { roles: ['breakglass', 'admin'], on: 'tenant' },
  'overrides.approve': { roles: ['approver'], on: 'tenant' },
  'overrides.revoke': { roles: ['approver', 'breakglass', 'admin'], on: 'tenant' },
  'overrides.review': { roles: ['approver'], on: 'tenant' },
  'storage.presign': { roles: ['requester', 'operator', 'admin'], on: 'tenant' },
  'audit.read': { roles: ['auditor', 'admin'], on: 'tenant' },
  'sidecars.read': { roles: ['operator', 'admin'], on: 'world' },
  'webhooks.read': { roles: ['operator', 'admin'], on: 'world' },
} as const satisfies Record<string, Rule>;

export type Action = keyof typeof RULES;

/**
 * @throws ApiError 403 when the principal's role may not do this at all, or its tenant scope not. Whose object it is, the
 * routes ask with `sees`.
 */
export function authorize(principal: Principal, action: Action): void {
  const rule: Rule | undefined = Object.hasOwn(RULES, action) ? RULES[action] : undefined;
  if (rule === undefined || !rule.roles.includes(principal.role))
    throw forbidden(
      `the role ${principal.role} may not do this: it takes ${rule?.roles.join(' or ') ?? 'one that there is not'}`,
    );
  if (rule.on === 'world') mustBeForAll(principal);
}

/** @throws ApiError 403 for a principal of one tenant, for what concerns all of them. */
export function mustBeForAll(principal: Principal): void {
  if (principal.tenant !== null)
    throw forbidden(`this concerns all tenants, and your token is for ${principal.tenant} only`);
}

/** Whether an object of a tenant exists for the principal. Null: of no tenant, and only for those who are for all. */
export function sees(principal: Principal, tenant: string | null): boolean {
  return principal.tenant === null || principal.tenant === tenant;
}

/** A refusal for lack of a role or scope. */
export function forbidden(detail: string): ApiError {
  return new ApiError(403, 'Not permitted', detail);
}
