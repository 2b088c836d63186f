import { isUtf8 } from 'node:buffer';

/**
 * A JSON text with the place of every value in it, so that a guard can judge what a body says and change a few
 * characters without touching the rest. Stricter than `JSON.parse` (RFC 8259) where two parsers may read one text in two
 * ways: duplicate keys, `__proto__` as a key, a byte order mark, lone surrogates, deep nesting.
 */
export type JsonNode = JsonObject | JsonArray | JsonString | JsonNumber | JsonLiteral;

/** `start` and `end` are UTF-16 offsets into the text; `end` is exclusive. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** `keys[i]` is unescaped, stands at `keyStarts[i]` (its opening quote) and names `values[i]`. */
export interface JsonObject extends Span {
  readonly kind: 'object';
  readonly keys: readonly string[];
  readonly keyStarts: readonly number[];
  readonly values: readonly JsonNode[];
}

export interface JsonArray extends Span {
  readonly kind: 'array';
  readonly items: readonly JsonNode[];
}

export interface JsonString extends Span {
  readonly kind: 'string';
  readonly value: string;
}

export interface JsonNumber extends Span {
  readonly kind: 'number';
  readonly value: number;
}

export interface JsonLiteral extends Span {
  readonly kind: 'literal';
  readonly value: true | false | null;
}

/** The text is not JSON, or could be read in two ways. `position` is a UTF-16 offset; the message holds no content. */
export class MalformedJson extends Error {
  override readonly name = 'MalformedJson';
  readonly position: number;

  constructor(problem: string, position: number) {
    super(`${problem} at ${position}`);
    this.position = position;
  }
}

const DEPTH = 64;
const DEEPEST = 512;
/** Objects with more keys than this look for duplicates in a set. */
const FEW_KEYS = 12;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

/**
 * @param limits.depth how many objects and arrays may be nested; 64 unless told, at most 512
 * @throws MalformedJson for anything but one RFC 8259 value without duplicate keys, `__proto__`, or lone surrogates
 */
export function parseJson(text: string, limits?: { readonly depth?: number }): JsonNode {
  const depth = limits?.depth ?? DEPTH;
  if (!(depth <= DEEPEST)) throw new TypeError(`depth ${depth} is over ${DEEPEST}`);
  const reader = new Reader(text, depth);
  const node = reader.value();
  reader.finish();
  return node;
}

/** The value of a key, compared exactly; null when `node` is no object or has no such key. */
export function member(node: JsonNode, key: string): JsonNode | null {
  if (node.kind !== 'object') return null;
  const i = node.keys.indexOf(key);
  return i < 0 ? null : (node.values[i] as JsonNode);
}

export interface Edit extends Span {
  readonly text: string;
}

/**
 * The text with each span replaced; everything else is kept as it is. `start` equal to `end` inserts.
 * @throws TypeError when two edits overlap or leave the text
 */
export function splice(text: string, edits: readonly Edit[]): string {
  const inOrder = [...edits].sort((a, b) => a.start - b.start || a.end - b.end);
  let out = '';
  let at = 0;
  for (const edit of inOrder) {
    if (edit.start < at || edit.end < edit.start || edit.end > text.length) throw new TypeError('edits overlap');
    out += text.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return out + text.slice(at);
}

/**
 * The text of a UTF-8 body. A byte order mark is kept, for `parseJson` to refuse.
 * @throws MalformedJson when the bytes are not UTF-8, or look like UTF-16 or UTF-32 (RFC 4627, section 3)
 */
export function decodeUtf8(buf: Buffer): string {
  if (buf[0] === 0 || buf[1] === 0 || !isUtf8(buf)) throw new MalformedJson('not UTF-8', 0);
  return buf.toString('utf8');
}

/** Recursive descent; `depth` bounds the recursion. Each character is looked at a fixed number of times. */
class Reader {
  readonly #text: string;
  #depth: number;
  #at = 0;

  constructor(text: string, depth: number) {
    this.#text = text;
    this.#depth = depth;
  }

  value(): JsonNode {
    this.#space();
    switch (this.#text.charCodeAt(this.#at)) {
      case QUOTE: {
        const start = this.#at;
        const value = this.#string();
        return { kind: 'string', start, end: this.#at, value };
      }
      case 0x7b:
        return this.#object();
      case 0x5b:
        return this.#array();
      case 0x74:
        return this.#literal('true', true);
      case 0x66:
        return this.#literal('false', false);
      case 0x6e:
        return this.#literal('null', null);
      default:
        return this.#number();
    }
  }

  finish(): void {
    this.#space();
    if (this.#at < this.#text.length) throw new MalformedJson('more than one value', this.#at);
  }

  #object(): JsonObject {
    const start = this.#open();
    const keys: string[] = [];
    const keyStarts: number[] = [];
    const values: JsonNode[] = [];
    let seen: Set<string> | null = null;
    if (!this.#close(0x7d)) {
      do {
        this.#space();
        const keyStart = this.#at;
        if (this.#text.charCodeAt(keyStart) !== QUOTE) throw this.#unexpected();
        const key = this.#string();
        if (key === '__proto__') throw new MalformedJson('key __proto__', keyStart);
        if (seen === null && keys.length === FEW_KEYS) seen = new Set(keys);
        if (seen === null ? keys.includes(key) : seen.has(key)) throw new MalformedJson('duplicate key', keyStart);
        seen?.add(key);
        this.#space();
        if (!this.#take(COLON)) throw this.#unexpected();
        keys.push(key);
        keyStarts.push(keyStart);
        values.push(this.value());
      } while (this.#another(0x7d));
    }
    this.#depth++;
    return { kind: 'object', start, end: this.#at, keys, keyStarts, values };
  }

  #array(): JsonArray {
    const start = this.#open();
    const items: JsonNode[] = [];
    if (!this.#close(0x5d)) {
      do items.push(this.value());
      while (this.#another(0x5d));
    }
    this.#depth++;
    return { kind: 'array', start, end: this.#at, items };
  }

  #open(): number {
    if (--this.#depth < 0) throw new MalformedJson('nested too deeply', this.#at);
    return this.#at++;
  }

  /** Whether the container that was just opened ends at once. */
  #close(end: number): boolean {
    this.#space();
    return this.#take(end);
  }

  /** After an element: whether a comma announces one more; false past the end of the container. */
  #another(end: number): boolean {
    this.#space();
    if (this.#take(COMMA)) return true;
    if (this.#take(end)) return false;
    throw this.#unexpected();
  }

  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let escaped = false;
    let i = start + 1;
    for (; ; i++) {
      const c = text.charCodeAt(i);
      if (c === QUOTE) break;
      if (c === BACKSLASH) {
        escaped = true;
        i++;
      } else if (!(c >= 0x20)) {
        // NaN, past the end of the text, is not in range either.
        throw new MalformedJson('control character or end of text in a string', i);
      }
    }
    this.#at = i + 1;
    const value = escaped ? unescape(text, start, i + 1) : text.slice(start + 1, i);
    if (!value.isWellFormed()) throw new MalformedJson('lone surrogate', start);
    return value;
  }

  #literal<T extends true | false | null>(word: string, value: T): JsonLiteral {
    const start = this.#at;
    if (!this.#text.startsWith(word, start)) throw this.#unexpected();
    this.#at = start + word.length;
    return { kind: 'literal', start, end: this.#at, value };
  }

  /** RFC 8259, section 6: `-`? (0 | 1-9 digits) (`.` digits)? ([eE] [+-]? digits)? */
  #number(): JsonNumber {
    const start = this.#at;
    this.#take(0x2d);
    if (!this.#take(0x30)) this.#digits();
    if (this.#take(0x2e)) this.#digits();
    if (this.#take(0x65) || this.#take(0x45)) {
      if (!this.#take(0x2b)) this.#take(0x2d);
      this.#digits();
    }
    return { kind: 'number', start, end: this.#at, value: Number(this.#text.slice(start, this.#at)) };
  }

  /** At least one. */
  #digits(): void {
    const first = this.#at;
    for (;;) {
      const c = this.#text.charCodeAt(this.#at);
      if (!(c >= 0x30 && c <= 0x39)) break;
      this.#at++;
    }
    if (this.#at === first) throw this.#unexpected();
  }

  #take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false;
    this.#at++;
    return true;
  }

  #space(): void {
    for (;;) {
      const c = this.#text.charCodeAt(this.#at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      this.#at++;
    }
  }

  #unexpected(): MalformedJson {
    return new MalformedJson(this.#at < this.#text.length ? 'unexpected character' : 'unexpected end', this.#at);
  }
}

/** The string between two quotes that holds escapes; `JSON.parse` of one string token knows nothing more lenient. */
function unescape(text: string, start: number, end: number): string {
  try {
    return JSON.parse(text.slice(start, end)) as string;
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new MalformedJson('escape that JSON does not have', start);
    throw cause;
  }
}
