import { randomBytes } from 'node:crypto';

/** 96 random bits that tell this process from every other, and a counter that tells its requests apart. */
const PROCESS = randomBytes(12).toString('hex');
let requests = 0;

/** A request id that we make: unique, not secret. Drawing a random one for each request would cost ten times as much. */
export function newRequestId(): string {
  return `${PROCESS}-${(++requests).toString(36)}`;
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

/** W3C Trace Context, section 3.2: version, trace id, parent id, flags; a later version may add more. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;
const TRACEPARENT_LENGTH = 55;

/** Whether a `traceparent` may be passed on; what is invalid counts as absent (W3C Trace Context, section 3.2). */
export function isTraceparent(value: string): boolean {
  return TRACEPARENT.test(value) && (value.length === TRACEPARENT_LENGTH || !value.startsWith('00'));
}

/** Hex digits of a trace id and of a parent id. */
const TRACE_DIGITS = 48;
let randomness = '';
let spent = 0;

/** A `traceparent` of a trace that begins here and is not sampled. Randomness is drawn for many at once. */
export function newTraceparent(): string {
  if (spent === randomness.length) {
    randomness = randomBytes(TRACE_DIGITS * 256).toString('hex');
    spent = 0;
  }
  const digits = randomness.slice(spent, (spent += TRACE_DIGITS));
  return `00-${digits.slice(0, 32)}-${digits.slice(32)}-00`;
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
