/** Roles of the control API (API.md, "Principals"). */
export const ROLES = ['viewer', 'requester', 'approver', 'operator', 'auditor', 'breakglass', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** Who calls the control API, proven. */
export interface Principal {
  /** The person or service: approvals are counted by it, whatever token it came with. */
  readonly subject: string;
  readonly role: Role;
  /** Null: all tenants. */
  readonly tenant: string | null;
  /** What proved it: a token's id, or `jwt`. */
  readonly by: string;
}
