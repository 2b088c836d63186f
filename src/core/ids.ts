import { randomUUID } from 'node:crypto';

/** A request id that we make: a random UUID. `randomUUID` keeps a cache of randomness, so this is cheap. */
export function newRequestId(): string {
  return randomUUID();
}

/**
 * Whether a client's `X-Request-ID` is forwarded as it is (DESIGN 1.9): `[A-Za-z0-9._:-]{1,128}`. Read per character:
 * it runs on every request.
 */
export function isRequestId(id: string): boolean {
  if (id.length === 0 || id.length > 128) return false;
  for (let i = 0; i < id.length; i++) if (ID_CHARACTER[id.charCodeAt(i)] !== 1) return false;
  return true;
}

/** Tenant ids: `^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`. */
export function isTenantId(id: string): boolean {
  if (id.length === 0 || id.length > 128 || !isAlphanumeric(id.charCodeAt(0))) return false;
  for (let i = 1; i < id.length; i++) if (ID_CHARACTER[id.charCodeAt(i)] !== 1 || id.charCodeAt(i) === 58) return false;
  return true;
}

/** Subject, user and grant ids: 1 to 256 visible ASCII characters. */
export function isVisibleId(id: string): boolean {
  if (id.length === 0 || id.length > 256) return false;
  for (let i = 0; i < id.length; i++) {
    const c = id.charCodeAt(i);
    if (c < 0x21 || c > 0x7e) return false;
  }
  return true;
}

function isAlphanumeric(c: number): boolean {
  return (c >= 48 && c <= 57) || (c >= 65 && c <= 90) || (c >= 97 && c <= 122);
}

/** 1 for letters, digits, `.`, `_`, `-` and `:`. */
const ID_CHARACTER = Uint8Array.from({ length: 128 }, (_, c) =>
  isAlphanumeric(c) || '._:-'.includes(String.fromCharCode(c)) ? 1 : 0,
);
