export const REDACTED = '[redacted]';

/** Keys whose values are secrets wherever they stand; compared without case, `-` and `_`. */
const SECRET_KEY =
  /^(?:authorization|proxyauthorization|cookie|setcookie|value|credential|xapikey|apikey|accesskeyid|signature)$|secret|password|passphrase|token|privatekey/;

/** Shapes of secrets inside texts, with what is left of each. */
const SHAPES: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
  [/\b(Bearer|Basic) +[A-Za-z0-9._~+/=-]{16,}/g, `$1 ${REDACTED}`],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b/g, REDACTED],
  [/(x-amz-(?:signature|credential|security-token)=)[^&\s"']+/gi, `$1${REDACTED}`],
  [/(:\/\/[^/\s:@]*:)[^/\s@]+@/g, `$1${REDACTED}@`],
];

/** A secret shorter than this is looked for as a whole value only: it would be found inside half of all words. */
const SEARCHABLE = 6;

/** Keys that were looked at, so that log lines do not test the same few names again and again. Bounded. */
const KEYS_REMEMBERED = 1024;

/** Levels of objects that are shown; what lies deeper is cut. */
const MAX_DEPTH = 12;

/** Takes secrets out of what is shown: by key, by known value, and by shape. */
export class Redactor {
  readonly #keys = new Map<string, boolean>();
  #whole: ReadonlySet<string> = new Set();
  #inside: RegExp | null = null;

  /** @param secrets resolved secret values, such as keys, passwords and header values */
  constructor(secrets: Iterable<string> = []) {
    this.know(secrets);
  }

  /** Replaces the known secrets, after a reload. */
  know(secrets: Iterable<string>): void {
    this.#whole = new Set([...secrets].filter((secret) => secret !== ''));
    const long = [...this.#whole].filter((secret) => secret.length >= SEARCHABLE);
    // Longest first: of two secrets of which one is part of the other, the whole one goes.
    long.sort((a, b) => b.length - a.length);
    const source = long.map((secret) => secret.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|');
    this.#inside = source === '' ? null : new RegExp(source, 'g');
  }

  /** Whether values under this key are secret. */
  isSecretKey(key: string): boolean {
    const known = this.#keys.get(key);
    if (known !== undefined) return known;
    const secret = SECRET_KEY.test(key.toLowerCase().replace(/[-_]/g, ''));
    if (this.#keys.size < KEYS_REMEMBERED) this.#keys.set(key, secret);
    return secret;
  }

  /** A text without the secrets in it. */
  text(text: string): string {
    if (this.#whole.has(text)) return REDACTED;
    let out = this.#inside === null ? text : text.replace(this.#inside, REDACTED);
    for (const [shape, rest] of SHAPES) out = out.replace(shape, rest);
    return out;
  }

  /**
   * A copy that holds only what JSON can hold, without secrets. Null under a secret key stays: that there is no secret is
   * none. Bytes are shown by their number, errors as by `describeError`.
   */
  redact(value: unknown): unknown {
    return this.#copy(value, 0);
  }

  #copy(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'bigint') return this.text(String(value));
    if (value === null || typeof value !== 'object') return typeof value === 'function' ? undefined : value;
    if (depth >= MAX_DEPTH) return '[too deep]';
    if (value instanceof Error) return this.#copy(describeError(value), depth);
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (value instanceof URL) return this.text(value.href);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (value instanceof Map) return this.#object(value, depth);
    if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => this.#copy(item, depth + 1));
    return this.#object(Object.entries(value), depth);
  }

  #object(entries: Iterable<[unknown, unknown]>, depth: number): Record<string, unknown> {
    // Without a prototype, so that a key named `__proto__` is a key.
    const out: Record<string, unknown> = Object.create(null);
    for (const [name, value] of entries) {
      const key = String(name);
      const secret = value !== null && value !== undefined && this.isSecretKey(key);
      out[this.text(key)] = secret ? REDACTED : this.#copy(value, depth + 1);
    }
    return out;
  }
}

interface ErrorDescription {
  readonly type: string;
  readonly code?: string;
  readonly frames: readonly string[];
  readonly cause?: ErrorDescription;
}

/**
 * What may be logged of an error: its type, its code, and where it happened. Not its message: those of libraries quote
 * what they were given (host names with a tenant's bucket, URLs, fragments of bodies).
 */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, frames: [] };
  const code: unknown = Reflect.get(error, 'code');
  // The stack begins with the message, lines of which may look like frames.
  const stack = (error.stack ?? '').replace(error.message, '');
  const frames = stack.split('\n').filter((line) => /^ {4}at /.test(line));
  return {
    type: error.constructor.name,
    ...(typeof code === 'string' ? { code } : {}),
    frames: frames.slice(0, 10).map((line) => line.trim()),
    ...(error.cause !== undefined && depth < 3 ? { cause: describeError(error.cause, depth + 1) } : {}),
  };
}
