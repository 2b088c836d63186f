import { CHUNKED, UNTIL_CLOSE } from '../../wire/framing.ts';

/** The answer's length cannot be read in one way only. */
export const MALFORMED = -3;
const NONE = -4;

/** A plain number, and one that a double holds exactly. */
const LENGTH = /^[0-9]{1,15}$/;
const TIMEOUT = /(?:^|[,;\s])timeout="?([0-9]{1,9})/i;

/** How the body of an answer is framed, and whether its connection outlives it. One for all: read it at once. */
class ResponseFraming {
  /** Whether another request may follow on the connection. */
  keeps = false;
  /** Milliseconds that the upstream says it keeps the connection at rest, a second held back; `Infinity`: it does not say. */
  keepAlive = Infinity;

  /**
   * RFC 9112 §6.3, strictly: what it lets a recipient repair is malformed.
   * @param headers flat, names in lower case
   * @returns bytes of the body, `CHUNKED`, `UNTIL_CLOSE` or `MALFORMED`
   */
  read(method: string, status: number, http11: boolean, headers: readonly string[]): number {
    let length = NONE;
    let chunked = false;
    let close = false;
    let keep = http11;
    this.keepAlive = Infinity;
    for (let i = 0; i < headers.length; i += 2) {
      const value = headers[i + 1]!;
      switch (headers[i]) {
        case 'content-length':
          if (length !== NONE || !LENGTH.test(value)) return MALFORMED;
          length = Number(value);
          break;
        case 'transfer-encoding':
          if (chunked || value.toLowerCase() !== 'chunked') return MALFORMED;
          chunked = true;
          break;
        case 'connection':
          if (hasToken(value, 'close')) close = true;
          else if (hasToken(value, 'keep-alive')) keep = true;
          break;
        case 'keep-alive': {
          const seconds = TIMEOUT.exec(value)?.[1];
          if (seconds !== undefined) this.keepAlive = Number(seconds) * 1000 - 1000;
          break;
        }
      }
    }
    this.keeps = keep && !close;
    if (chunked && (length !== NONE || !http11)) return MALFORMED;
    // Neither has a body, and must not say that it has one (RFC 9110 §8.6, RFC 9112 §6.1): some would wait for it.
    if (status < 200 || status === 204) return chunked || length > 0 ? MALFORMED : 0;
    if (status === 304 || method === 'HEAD') return 0;
    if (chunked) return CHUNKED;
    return length === NONE ? UNTIL_CLOSE : length;
  }
}

export const FRAMING = new ResponseFraming();

function hasToken(list: string, token: string): boolean {
  if (list === token) return true;
  return list
    .toLowerCase()
    .split(',')
    .some((item) => item.trim() === token);
}
