import { header, type Head } from '../../core/http.ts';

/**
 * The head of a stream's request (RFC 9113 §8.3), pseudo-headers turned into what they mean. `raw` is flat and holds
 * names in lower case; nghttp2 has seen to their order, to repeats of pseudo-headers and of `content-length`, and to
 * the fields of HTTP/1 framing. Node drops a field whose name or value is malformed, so that it is neither judged nor
 * forwarded.
 *
 * @param bodied whether the stream goes on after its head
 */
export function readHead(raw: readonly string[], bodied: boolean): Head {
  const headers: string[] = [];
  let method = '';
  let target = '';
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i] as string;
    const value = raw[i + 1] as string;
    if (name.charCodeAt(0) !== 58) {
      // §8.3.1: a `host` beside `:authority` may only say the same. One that differs stays, and is refused as a repeat.
      if (name !== 'host' || headers[0] !== 'host' || headers[1] !== value) headers.push(name, value);
    } else if (name === ':method') method = value;
    else if (name === ':path') target = value;
    // Before any other field, as all pseudo-headers are.
    else if (name === ':authority') headers.push('host', value);
  }
  // Without a length and not at its end: what HTTP/1 calls chunked. So all that judges a head knows of the body.
  if (bodied && header(headers, 'content-length') === null) headers.push('transfer-encoding', 'chunked');
  return { method, target, headers };
}
