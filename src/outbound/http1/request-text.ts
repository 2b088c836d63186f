import { CHUNKED } from '../../wire/framing.ts';
import type { Departure } from '../call.ts';

/** RFC 9110 §5.6.2, in lower case. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const METHOD = /^[A-Z-]+$/;
const NOT_IN_TARGET = /[\0-\x20\x7f-\uffff]/;
/** What would end a line, or would once it is cut down to its low byte: that is how latin1 text is sent. */
const NOT_IN_VALUE = /[\r\n\0\u0100-\uffff]/;
/** Fields that say how a request is framed. */
const OURS: ReadonlySet<string> = new Set(['connection', 'content-length', 'transfer-encoding']);
/** Methods whose request says that it has no body (RFC 9110 §8.6). */
const MEANT_TO_HAVE_BODY: ReadonlySet<string> = new Set(['POST', 'PUT', 'PATCH']);

/** Names found good, so that each is looked through once. Bounded: past it, names are looked through each time. */
const GOOD = new Set<string>();
const GOOD_MAX = 2048;

/**
 * The head of a request as it is sent, its framing added (RFC 9112 §6).
 * @throws TypeError when a part would be read as another part, or frames the request itself: our own mistake
 */
export function requestText({ method, target, headers, body, length }: Departure): string {
  if (!METHOD.test(method) || method === 'CONNECT') throw new TypeError(`a request cannot have the method ${method}`);
  if (target === '' || NOT_IN_TARGET.test(target)) throw new TypeError('the target of a request is malformed');
  let text = `${method} ${target} HTTP/1.1\r\n`;
  let values = '';
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!;
    const value = headers[i + 1]!;
    if (!GOOD.has(name) && !isGood(name))
      throw new TypeError(`the field ${JSON.stringify(name)} of a request is malformed`);
    text += `${name}: ${value}\r\n`;
    values += value;
  }
  if (NOT_IN_VALUE.test(values)) throw new TypeError(`a value of the fields ${namesOf(headers)} is malformed`);
  if (body !== null) return `${text}content-length: ${body.length}\r\n\r\n`;
  if (length === CHUNKED) return `${text}transfer-encoding: chunked\r\n\r\n`;
  if (length > 0) return `${text}content-length: ${length}\r\n\r\n`;
  return MEANT_TO_HAVE_BODY.has(method) ? `${text}content-length: 0\r\n\r\n` : `${text}\r\n`;
}

function namesOf(headers: readonly string[]): string {
  return headers.filter((_, i) => i % 2 === 0).join(', ');
}

/** The end of a chunked body (RFC 9112 §7.1.2); null when a trailer is malformed. @param trailers flat */
export function lastChunk(trailers: readonly string[]): string | null {
  let text = '0\r\n';
  for (let i = 0; i < trailers.length; i += 2) {
    const name = trailers[i]!;
    const value = trailers[i + 1]!;
    if (!isGood(name) || NOT_IN_VALUE.test(value)) return null;
    text += `${name}: ${value}\r\n`;
  }
  return `${text}\r\n`;
}

function isGood(name: string): boolean {
  if (!NAME.test(name) || OURS.has(name)) return false;
  if (GOOD.size < GOOD_MAX) GOOD.add(name);
  return true;
}
