import { createHash, randomBytes } from 'node:crypto';
import type { Change, Db, Store, Who } from '../../store/store.ts';
import * as rows from '../../store/tokens.ts';
import type { Principal, Role } from '../principal.ts';

/** What every token of ours begins with: secret scanners know it by that. */
export const TOKEN_PREFIX = 'dom_';

/** Random bytes of a token: 256 bits, so that its bare hash is safe at rest. */
const SECRET_BYTES = 32;

/** A token as it may be shown: without what would prove anything. Times in milliseconds since the epoch. */
export interface TokenInfo {
  readonly id: string;
  readonly role: Role;
  /** Null: all tenants. */
  readonly tenant: string | null;
  readonly subject: string;
  /** Null: never. */
  readonly expiresAt: number | null;
  readonly createdAt: number;
  readonly createdBy: string;
  readonly revokedAt: number | null;
}

export interface NewToken {
  readonly role: Role;
  /** Null: for all tenants. */
  readonly tenant: string | null;
  readonly subject: string;
  /** Milliseconds that it lives; null: without end. */
  readonly lifeMs: number | null;
}

/** Makes a token, and resolves to what its holder sends, which is kept nowhere, and to what may be shown of it. */
export function createToken(
  store: Store,
  who: Who,
  token: NewToken,
): Promise<{ readonly secret: string; readonly token: TokenInfo }> {
  return store.change(who, (change) => create(change, token));
}

/** Every token, the ended ones too, the oldest first. */
export async function listTokens(db: Db): Promise<readonly TokenInfo[]> {
  return (await rows.listTokens(db, null)).map(infoOf);
}

/** Ends a token at once, for good. Null: there is none of that id. One that was revoked stays as it is. */
export function revokeToken(store: Store, who: Who, id: string): Promise<TokenInfo | null> {
  return store.change(who, async (change) => {
    await rows.revokeToken(change, id);
    return (await listTokens(change.db)).find((token) => token.id === id) ?? null;
  });
}

/** At the first start: a token for the first administrator, to be shown once. Null: tokens have been made before. */
export async function firstToken(store: Store): Promise<string | null> {
  if (await rows.hasTokens(store.db)) return null;
  return store.change({ actor: 'domicile', requestId: 'first-start' }, async (change) => {
    // Of several that start at once, only the first makes one.
    if (await rows.hasTokens(change.db)) return null;
    return (await create(change, { role: 'admin', tenant: null, subject: 'first-admin', lifeMs: null })).secret;
  });
}

/** Whose token it is; null when it is unknown, over or revoked. It is found by its hash, so that no time tells of it. */
export async function principalOfToken(db: Db, secret: string, now: number): Promise<Principal | null> {
  const row = await rows.tokenByHash(db, hashOf(secret));
  if (row === null || row.revoked_at !== null || (row.expires_at !== null && row.expires_at <= now)) return null;
  return { subject: row.subject, role: row.role as Role, tenant: row.tenant, by: row.id };
}

async function create(change: Change, { role, tenant, subject, lifeMs }: NewToken) {
  const secret = TOKEN_PREFIX + randomBytes(SECRET_BYTES).toString('base64url');
  const row = await rows.addToken(change, {
    id: `tok_${randomBytes(9).toString('hex')}`,
    hash: hashOf(secret),
    role,
    tenant,
    subject,
    expires_at: lifeMs === null ? null : change.now + lifeMs,
  });
  return { secret, token: infoOf(row) };
}

function infoOf(row: rows.TokenRow): TokenInfo {
  const { id, role, tenant, subject, expires_at, created_at, created_by, revoked_at } = row;
  return {
    id,
    role: role as Role,
    tenant,
    subject,
    expiresAt: expires_at,
    createdAt: created_at,
    createdBy: created_by,
    revokedAt: revoked_at,
  };
}

function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
