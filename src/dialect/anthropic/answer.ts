import { header } from '../../core/http.ts';
import { Refusal } from '../../core/refusal.ts';
import { INSPECT, PASS, type AnswerWatcher, type Place, type Verdict } from '../dialect.ts';
import { inflateBody } from '../inflate.ts';
import type { AnthropicCall } from './operations.ts';

/** Bytes that a compressed answer may inflate to. */
const INFLATED = 16 * 1024 * 1024;
/** Longest line of a stream that is kept to be read; the events that carry usage are far shorter. */
const LINE = 256 * 1024;

/** `usage.inference_geo` is how Anthropic says where inference ran; only a Messages answer has it. */
export function guardAnswer(call: AnthropicCall, place: Place, status: number, headers: readonly string[]): Verdict {
  if (call.operation !== 'Messages' || status >= 300) return PASS;
  if (!(header(headers, 'content-type') ?? '').startsWith('text/event-stream')) return INSPECT;
  const encoding = header(headers, 'content-encoding');
  // We asked for `identity`: what cannot be read as it streams cannot be vouched for.
  if (encoding !== null && encoding !== 'identity')
    return { action: 'refuse', refusal: mismatch(`stream encoded as ${encoding}`) };
  return { action: 'watch', watcher: new GeoWatcher(place.endpoint.inferenceGeo) };
}

export function guardAnswerBody(place: Place, headers: readonly string[], body: Buffer): Refusal | null {
  const bytes = inflateBody(body, header(headers, 'content-encoding'), INFLATED);
  if (bytes instanceof Refusal) return mismatch(`answer does not inflate: ${bytes.message}`);
  const answer = parseAnswer(bytes.toString('utf8'));
  if (answer === undefined) return mismatch('answer is not JSON');
  return judgeGeo(geoOf(answer), place.endpoint.inferenceGeo);
}

/** Reads a stream of server-sent events (HTML, section 9.2) for the usage in `message_start` and `message_delta`. */
class GeoWatcher implements AnswerWatcher {
  readonly #expected: string | null;
  #line = '';
  #found: Refusal | null = null;

  constructor(expected: string | null) {
    this.#expected = expected;
  }

  data(chunk: Buffer): void {
    if (this.#found !== null) return;
    // Latin-1 cuts no character in two; names and values of interest are ASCII.
    const text = this.#line + chunk.toString('latin1');
    let start = 0;
    for (let end = nextBreak(text, start); end >= 0; end = nextBreak(text, start)) {
      this.#read(text.slice(start, end));
      start = end + 1;
    }
    const rest = text.length - start;
    this.#line = rest > LINE ? text.slice(start, start + LINE) : text.slice(start);
  }

  end(): Refusal | null {
    this.#read(this.#line);
    return this.#found;
  }

  #read(line: string): void {
    if (this.#found !== null || !line.startsWith('data:') || !line.includes('"usage"')) return;
    this.#found = judgeGeo(geoOf(parseAnswer(line.slice(5))), this.#expected);
  }
}

function nextBreak(text: string, from: number): number {
  const n = text.indexOf('\n', from);
  const r = text.indexOf('\r', from);
  return n < 0 ? r : r < 0 ? n : Math.min(n, r);
}

/** `JSON.parse`, as the SDK that reads the same answer does it; undefined when it is not JSON. */
function parseAnswer(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** `usage.inference_geo` of a message, or of the message inside a `message_start` event; undefined when absent. */
function geoOf(answer: unknown): unknown {
  const message = field(answer, 'message') ?? answer;
  return field(field(message, 'usage'), 'inference_geo');
}

function field(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
  return (value as Record<string, unknown>)[key];
}

/**
 * Absent or null says nothing. Where the endpoint has a geography the answer must name that one, and `not_available`
 * is another; where it has none, a named geography shows that inference is not bound to the endpoint's region.
 */
function judgeGeo(geo: unknown, expected: string | null): Refusal | null {
  if (geo === undefined || geo === null || geo === expected) return null;
  if (expected === null && geo === 'not_available') return null;
  return mismatch(`inference_geo ${typeof geo === 'string' ? geo.slice(0, 32) : typeof geo}`);
}

function mismatch(detail: string): Refusal {
  return new Refusal('upstream_region_mismatch', 'The upstream did not process the request where it must be.', detail);
}
