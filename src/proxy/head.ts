import { header, type Head } from '../core/http.ts';
import type { Request } from '../inbound/listener.ts';

/** Lower-case names by spelling, so that each spelling is folded once. Bounded: past it, names are folded each time. */
const NAMES = new Map<string, string>();
const NAMES_MAX = 2048;

/**
 * The head of a request, whatever its HTTP version: names in lower case, pseudo-headers turned into what they mean. Two
 * hosts that differ stay two, and a target that is no path stays as it is: the framing check refuses both.
 */
export function readHead(request: Request): Head {
  const raw = request.rawHeaders;
  const headers: string[] = [];
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    if (name.charCodeAt(0) === 58) {
      // RFC 9113 §8.3.1: `:authority` is the Host field of HTTP/1; a `host` beside it may only say the same.
      if (name === ':authority') headers.push('host', raw[i + 1] as string);
      continue;
    }
    const lower = fold(name);
    if (lower === 'host' && request.httpVersionMajor === 2 && headers[0] === 'host' && headers[1] === raw[i + 1])
      continue;
    headers.push(lower, raw[i + 1] as string);
  }
  // Without a length and not at its end: what HTTP/1 calls chunked. So all that judges a head knows of the body.
  if ('stream' in request && !request.stream.endAfterHeaders && header(headers, 'content-length') === null)
    headers.push('transfer-encoding', 'chunked');
  return { method: request.method ?? '', target: originForm(request.url ?? '', headers), headers };
}

function fold(name: string): string {
  const known = NAMES.get(name);
  if (known !== undefined) return known;
  const lower = name.toLowerCase();
  if (NAMES.size < NAMES_MAX && name.length <= 64) NAMES.set(name, lower);
  return lower;
}

/** The path of an absolute-form target (RFC 9112 §3.2.2) that names the same host as the Host field. */
function originForm(target: string, headers: readonly string[]): string {
  if (target.charCodeAt(0) === 47) return target;
  const match = /^https?:\/\/([^/?#]+)([/?].*)?$/i.exec(target);
  if (match === null || header(headers, 'host')?.toLowerCase() !== (match[1] as string).toLowerCase()) return target;
  const path = match[2] ?? '/';
  return path.charCodeAt(0) === 63 ? `/${path}` : path;
}
