import { createRequire } from 'node:module';

/**
 * llhttp, the HTTP/1 parser of Node itself, as the WebAssembly build that undici ships: strict, no lenient flag is ever
 * set. It reads heads alone. Bodies are framed by their length or by `ChunkedDecoder`, so nothing of a body passes
 * through it.
 *
 * There is one parser for requests and one for responses: what is in the middle of a head when its bytes run out is
 * copied out, and back in when more have come. So the WebAssembly memory never grows, and the buffer in it that every
 * socket reads into stays where it is.
 */

/** What undici's build must give: it is no public interface, so its version is pinned and this is checked at the start. */
const FUNCTIONS = ['malloc', 'llhttp_alloc', 'llhttp_reset', 'llhttp_execute', 'llhttp_get_error_pos'] as const;
const CALLBACKS = [
  'wasm_on_message_begin',
  'wasm_on_url',
  'wasm_on_status',
  'wasm_on_header_field',
  'wasm_on_header_value',
  'wasm_on_headers_complete',
  'wasm_on_body',
  'wasm_on_message_complete',
] as const;

type Exports = Record<(typeof FUNCTIONS)[number], (...args: number[]) => number> & { memory: WebAssembly.Memory };

const BUILD = 'undici/lib/llhttp/llhttp_simd-wasm.js';

/** @throws Error in one line when undici's llhttp is not the one that this was written for */
export function compileLlhttp(build: string = BUILD): WebAssembly.Module {
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(createRequire(import.meta.url)(build) as Buffer<ArrayBuffer>);
  } catch (error) {
    throw new Error(`${build} cannot be loaded: reinstall with npm ci, which brings the version that is pinned`, {
      cause: error,
    });
  }
  const exported = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  const imported = new Set(WebAssembly.Module.imports(module).map(({ name }) => name));
  const missing = [...FUNCTIONS, 'memory'].filter((name) => !exported.has(name));
  const unknown = [...imported].filter((name) => !CALLBACKS.some((known) => known === name));
  if (missing.length === 0 && unknown.length === 0) return module;
  throw new Error(
    `${build} is not the llhttp that is expected (without: ${missing.join(', ') || '-'}; new: ${unknown.join(', ') || '-'}): ` +
      'install the version of undici that package.json pins',
  );
}

/** Kinds of spans. */
const NONE = 0;
const TARGET = 1;
const PHRASE = 2;
const NAME = 3;
const VALUE = 4;

/** llhttp's `HPE_PAUSED`, and `HPE_USER`: what a callback answers that must never be called. */
const PAUSED = 21;
const USER_ERROR = 24;

/** Bytes that one read takes in at most. */
export const SLAB_BYTES = 131_072;

/** The parser at work: llhttp's callbacks have no other way to know. */
let current: HeadParser;

const instance = new WebAssembly.Instance(compileLlhttp(), {
  env: {
    wasm_on_message_begin: () => 0,
    wasm_on_url: (_parser: number, at: number, length: number) => current.span(TARGET, at, length),
    wasm_on_status: (_parser: number, at: number, length: number) => current.span(PHRASE, at, length),
    wasm_on_header_field: (_parser: number, at: number, length: number) => current.span(NAME, at, length),
    wasm_on_header_value: (_parser: number, at: number, length: number) => current.span(VALUE, at, length),
    wasm_on_headers_complete: (_parser: number, status: number) => {
      current.status = status;
      return PAUSED;
    },
    wasm_on_body: () => USER_ERROR,
    wasm_on_message_complete: () => USER_ERROR,
  },
});
const llhttp = instance.exports as unknown as Exports;
const slabAt = llhttp.malloc(SLAB_BYTES);

/**
 * Where every socket's bytes arrive, one read at a time. What lies in it is valid until the event loop goes on: nobody
 * keeps a view of it.
 */
export const SLAB: Buffer = Buffer.from(llhttp.memory.buffer, slabAt, SLAB_BYTES);

/** More than llhttp's own state, which is 80 bytes. */
const STATE_BYTES = 128;

/** A head that has begun, and whose end has not come. */
export class PartialHead {
  readonly state = new Uint8Array(STATE_BYTES);
  text = '';
  spans = new Int32Array(0);
  last = NONE;
  targetAt = 0;
  targetLength = 0;
  phraseAt = 0;
  phraseLength = 0;
}

/** Answers of `HeadParser.parse`; a positive number is llhttp's error. */
export const HEAD_WHOLE = 0;
export const HEAD_PARTIAL = -1;
export const HEAD_TOO_LARGE = -2;

/** llhttp's errors that tell more than that the bytes are wrong. */
export const INVALID_METHOD = 6;

/** Names by spelling: the latest of each place. A head is read against them without taking a name out of its text. */
const PLACES = 1024;
const SPELLINGS: string[] = Array.from({ length: PLACES }, () => '');
const FOLDED: string[] = Array.from({ length: PLACES }, () => '');
const NAME_LENGTH_MAX = 64;

/** The same text as the engine's one copy of it: names are then told apart by their address, without being read. */
function interned(text: string): string {
  return Object.keys({ [text]: 0 })[0]!;
}

/** The name at a place of a text, in lower case. */
function nameAt(text: string, at: number, length: number): string {
  const place =
    (length * 73 +
      text.charCodeAt(at) * 31 +
      text.charCodeAt(at + length - 1) * 7 +
      text.charCodeAt(at + (length >> 1))) &
    (PLACES - 1);
  const spelling = SPELLINGS[place]!;
  if (spelling.length === length && text.startsWith(spelling, at)) return FOLDED[place]!;
  const name = text.substring(at, at + length);
  if (length > NAME_LENGTH_MAX) return name.toLowerCase();
  SPELLINGS[place] = interned(name);
  return (FOLDED[place] = interned(name.toLowerCase()));
}

/** Reads heads of one kind. After `HEAD_WHOLE` its fields tell what was read, until the next `parse`. */
export class HeadParser {
  readonly #parser: number;
  readonly #state: Uint8Array;
  /** Start and length of names and values in turn, as places in `text`. */
  #spans = new Int32Array(512);
  #count = 0;
  #last = NONE;
  /** What is added to an address in WebAssembly memory to make it a place in `text`. */
  #shift = 0;
  /** The whole head. */
  text = '';
  /** Where in the slab the bytes after the head begin. */
  end = 0;
  status = 0;
  targetAt = 0;
  targetLength = 0;
  #phraseAt = 0;
  #phraseLength = 0;

  /** @param type 1: requests, 2: responses */
  constructor(type: 1 | 2) {
    // A block of our own, so that copying more than llhttp's state reads and writes nothing that is another's.
    this.#parser = llhttp.malloc(STATE_BYTES);
    const initial = llhttp.llhttp_alloc(type);
    this.#state = new Uint8Array(llhttp.memory.buffer, this.#parser, STATE_BYTES);
    this.#state.set(new Uint8Array(llhttp.memory.buffer, initial, 80));
  }

  /**
   * Reads on at `SLAB[from, to)`: the beginning of a head, or what follows `partial`. When the head is not whole yet,
   * `partial` (or a new one, see `saved`) holds what is known.
   * @param limit bytes of a whole head; past it, `HEAD_TOO_LARGE`
   */
  parse(from: number, to: number, partial: PartialHead | null, limit: number): number {
    if (partial === null) this.#begin();
    else this.#load(partial);
    const before = this.text.length;
    this.#shift = before - slabAt - from;
    const code = execute(this, this.#parser, from, to);
    if (code === PAUSED) {
      this.end = llhttp.llhttp_get_error_pos(this.#parser) - slabAt;
      if (before + this.end - from > limit) return HEAD_TOO_LARGE;
      const piece = SLAB.latin1Slice(from, this.end);
      this.text = before === 0 ? piece : this.text + piece;
      return HEAD_WHOLE;
    }
    // Where the bytes were cut must not tell which of the two it is.
    const read = code === 0 ? to : llhttp.llhttp_get_error_pos(this.#parser) - slabAt;
    if (before + read - from > limit) return HEAD_TOO_LARGE;
    if (code !== 0) return code;
    this.text += SLAB.latin1Slice(from, to);
    return HEAD_PARTIAL;
  }

  /** What to go on with, after `HEAD_PARTIAL`. @param into reused when there is one */
  saved(into: PartialHead | null): PartialHead {
    const partial = into ?? new PartialHead();
    partial.state.set(this.#state);
    partial.text = this.text;
    partial.spans = this.#spans.slice(0, this.#count);
    partial.last = this.#last;
    partial.targetAt = this.targetAt;
    partial.targetLength = this.targetLength;
    partial.phraseAt = this.#phraseAt;
    partial.phraseLength = this.#phraseLength;
    return partial;
  }

  get target(): string {
    return this.text.substring(this.targetAt, this.targetAt + this.targetLength);
  }

  get phrase(): string {
    return this.text.substring(this.#phraseAt, this.#phraseAt + this.#phraseLength);
  }

  /** How many fields the head has. */
  get fieldCount(): number {
    return (this.#count + 2) >> 2;
  }

  /** Flat: names in lower case and values, as latin1 text without white space around them. The array is the caller's. */
  fields(): string[] {
    const { text } = this;
    const spans = this.#spans;
    const fields: string[] = [];
    for (let i = 0; i < this.#count; i += 4) {
      const at = spans[i]!;
      const valueAt = spans[i + 2]!;
      let valueEnd = valueAt + spans[i + 3]!;
      const name = nameAt(text, at, spans[i + 1]!);
      while (valueEnd > valueAt && isBlank(text.charCodeAt(valueEnd - 1), name)) valueEnd--;
      fields.push(name, text.substring(valueAt, valueEnd));
    }
    return fields;
  }

  /** llhttp tells each part in one piece or, where the bytes ran out within it, in several. */
  span(kind: number, at: number, length: number): number {
    const place = at + this.#shift;
    if (kind === this.#last) {
      if (kind === TARGET) this.targetLength += length;
      else if (kind === PHRASE) this.#phraseLength += length;
      else this.#spans[this.#count - 1]! += length;
      return 0;
    }
    this.#last = kind;
    if (kind === TARGET) {
      this.targetAt = place;
      this.targetLength = length;
    } else if (kind === PHRASE) {
      this.#phraseAt = place;
      this.#phraseLength = length;
    } else {
      const count = this.#count;
      if (count + 2 > this.#spans.length) this.#widen();
      this.#spans[count] = place;
      this.#spans[count + 1] = length;
      this.#count = count + 2;
    }
    return 0;
  }

  #widen(): void {
    const wider = new Int32Array(this.#spans.length * 2);
    wider.set(this.#spans);
    this.#spans = wider;
  }

  #begin(): void {
    llhttp.llhttp_reset(this.#parser);
    this.#count = 0;
    this.#last = NONE;
    this.text = '';
    this.targetLength = 0;
    this.#phraseLength = 0;
  }

  #load(partial: PartialHead): void {
    this.#state.set(partial.state);
    this.text = partial.text;
    if (partial.spans.length > this.#spans.length) this.#spans = partial.spans.slice();
    else this.#spans.set(partial.spans);
    this.#count = partial.spans.length;
    this.#last = partial.last;
    this.targetAt = partial.targetAt;
    this.targetLength = partial.targetLength;
    this.#phraseAt = partial.phraseAt;
    this.#phraseLength = partial.phraseLength;
  }
}

function execute(parser: HeadParser, state: number, from: number, to: number): number {
  current = parser;
  return llhttp.llhttp_execute(state, slabAt + from, to - from);
}

/** A tab behind `chunked` is white space to some and part of another coding to others, llhttp among them: it stays. */
function isBlank(c: number, name: string): boolean {
  return c === 32 || (c === 9 && name !== 'transfer-encoding');
}

export const REQUESTS = new HeadParser(1);
export const RESPONSES = new HeadParser(2);

if (llhttp.memory.buffer !== SLAB.buffer) throw new Error('the memory of llhttp has moved: this is our own mistake');
