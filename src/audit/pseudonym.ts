import { createHmac } from 'node:crypto';

/** Fields of an entry that may be written as pseudonyms. */
export type PseudonymField = 'subject' | 'resource';

/**
 * What stands in an entry for a person or a resource where pseudonyms are configured: `hmac:` and base64url of
 * HMAC-SHA-256 over field, NUL, tenant, NUL and value. Of one tenant and field, equal values have equal pseudonyms, so
 * that whoever has the key finds all entries about one person; across tenants and fields nothing can be joined.
 */
export function pseudonym(key: string, field: PseudonymField, tenant: string, value: string): string {
  return `hmac:${createHmac('sha256', key).update(`${field}\0${tenant}\0${value}`).digest('base64url')}`;
}
