/**
 * The head of a request, already framed by the inbound engine and with the identity prefix taken off its target.
 * `target` is origin-form, percent-encoding as sent. `headers` is flat: name, value, name, value, … in wire order,
 * names in lower case, values without surrounding white space.
 */
export interface Head {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly string[];
}

/** First value of a header, or null. `name` in lower case. */
export function header(headers: readonly string[], name: string): string | null {
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] === name) return headers[i + 1] as string;
  }
  return null;
}

/** How often a header was sent. `name` in lower case. */
export function headerCount(headers: readonly string[], name: string): number {
  let n = 0;
  for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) n++;
  return n;
}

/** The path of an origin-form target, without its query. */
export function pathOf(target: string): string {
  const q = target.indexOf('?');
  return q < 0 ? target : target.slice(0, q);
}

/** The query of an origin-form target, without its `?`; empty when there is none. */
export function queryOf(target: string): string {
  const q = target.indexOf('?');
  return q < 0 ? '' : target.slice(q + 1);
}

/** A value, or part of one, without the spaces and tabs around it (RFC 9110 §5.6.3). `trim` takes more: bytes of a latin1 value. */
export function withoutBlanks(value: string): string {
  let from = 0;
  let to = value.length;
  while (from < to && isBlank(value.charCodeAt(from))) from++;
  while (to > from && isBlank(value.charCodeAt(to - 1))) to--;
  return value.slice(from, to);
}

function isBlank(c: number): boolean {
  return c === 32 || c === 9;
}

/** Identity headers: each may come once, and none is forwarded (DESIGN 1.3). */
export const IDENTITY_HEADERS: ReadonlySet<string> = new Set([
  'x-tenant-id',
  'x-data-classification',
  'x-subject-id',
  'x-learner-id',
  'x-user-id',
  'x-requested-region',
  'x-region',
  'x-residency-grant',
]);
