import { header, withoutBlanks } from '../../core/http.ts';
import { CHUNKED } from '../../wire/framing.ts';
import type { HeadParser } from '../../wire/llhttp.ts';

/** How a body is framed when its head tells it in more than one way, or in none that is known: it cannot be read. */
export const UNREADABLE = -3;

/** What a head says of its connection and of the body behind it. */
export interface Framing {
  /** Bytes of the body, 0: none; `CHUNKED` or `UNREADABLE`. */
  length: number;
  keepAlive: boolean;
  /** 100 Continue is waited for. */
  expects: boolean;
}

/**
 * The version of a head that llhttp has accepted, or null. llhttp also knows RTSP and ICE, HTTP/0.9 and 2.0, takes more
 * than one space before the target, and methods that are none of HTTP's: the start line must be exactly
 * `METHOD SP target SP HTTP/1.x` (RFC 9112 §3).
 */
export function versionOf(parser: HeadParser): '1.0' | '1.1' | null {
  const { text, targetAt, targetLength } = parser;
  const end = targetAt + targetLength;
  if (text.startsWith(' HTTP/1.1\r\n', end)) return '1.1';
  return text.startsWith(' HTTP/1.0\r\n', end) ? '1.0' : null;
}

/** The method, or null when what stands before the target is not a method and one space. */
export function methodOf({ text, targetAt }: HeadParser): string | null {
  if (targetAt === 4 && text.startsWith('GET ')) return 'GET';
  const method = text.substring(0, targetAt - 1);
  return text.charCodeAt(targetAt - 1) === 32 && METHOD.test(method) ? method : null;
}

const METHOD = /^[A-Z-]+$/;

/** Reads how the body is framed. What is not clear is `UNREADABLE`; why is for the framing check to say. */
export function readFraming(headers: readonly string[], version: '1.0' | '1.1', framing: Framing): void {
  framing.length = 0;
  framing.expects = false;
  let lengths = 0;
  let codings = 0;
  let options = 0;
  for (let i = 0; i < headers.length; i += 2) {
    switch (headers[i]) {
      case 'content-length':
        framing.length = lengthOf(headers[i + 1] as string);
        lengths++;
        break;
      case 'transfer-encoding':
        framing.length =
          version === '1.1' && (headers[i + 1] as string).toLowerCase() === 'chunked' ? CHUNKED : UNREADABLE;
        codings++;
        break;
      case 'connection':
        options |= optionsOf(headers[i + 1] as string);
        break;
      case 'proxy-connection': // not a field of HTTP, but there are servers that take it for `connection`
        options |= optionsOf(headers[i + 1] as string) & CLOSE;
        break;
      case 'expect':
        framing.expects = version === '1.1' && (headers[i + 1] as string).toLowerCase() === '100-continue';
        break;
    }
  }
  if (lengths + codings > 1) framing.length = UNREADABLE;
  // `close` wins over all (RFC 9112 §9.3).
  framing.keepAlive = (options & CLOSE) === 0 && (version === '1.1' || (options & KEEP_ALIVE) !== 0);
}

/** Digits only, and no more than a double holds exactly. */
function lengthOf(value: string): number {
  return /^\d{1,15}$/.test(value) ? Number(value) : UNREADABLE;
}

const CLOSE = 1;
const KEEP_ALIVE = 2;

function optionsOf(connection: string): number {
  if (connection === 'keep-alive') return KEEP_ALIVE;
  let options = 0;
  for (const token of connection.toLowerCase().split(',')) {
    const option = withoutBlanks(token);
    if (option === 'close') options |= CLOSE;
    else if (option === 'keep-alive') options |= KEEP_ALIVE;
  }
  return options;
}

/** The path of an absolute-form target (RFC 9112 §3.2.2) that names the same host as the Host field; else as it is. */
export function originForm(target: string, headers: readonly string[]): string {
  if (target.charCodeAt(0) === 47) return target;
  const match = /^https?:\/\/([^/?#]+)([/?].*)?$/i.exec(target);
  if (match === null || header(headers, 'host')?.toLowerCase() !== (match[1] as string).toLowerCase()) return target;
  const path = match[2] ?? '/';
  return path.charCodeAt(0) === 63 ? `/${path}` : path;
}
