import { header, headerCount, type Head } from '../core/http.ts';
import { malformed, Refusal } from '../core/refusal.ts';
import type { Inspection } from './dialect.ts';
import { inflateBody } from './inflate.ts';
import { decodeUtf8, MalformedJson, parseJson, splice, type Edit, type JsonNode, type JsonObject } from './json.ts';

/** An inspected body: one JSON object. */
export interface JsonBody {
  readonly text: string;
  readonly root: JsonObject;
  /** UTF-8 of `text`. */
  readonly bytes: Buffer;
  /** True when it came compressed: what is sent then is what was read, not what another inflater might read. */
  readonly inflated: boolean;
}

const JSON_TYPE = /^application\/json(?:[ \t]*;[ \t]*charset="?utf-8"?)?$/i;
const NO_NAMES: readonly string[] = [];

/**
 * The JSON object of a request. No `content-type` counts as JSON.
 * @param limit bytes that the body may inflate to
 * @returns `request_malformed` for another type or charset, stacked encodings, or anything but one strict JSON object
 */
export function readJsonBody(head: Head, body: Buffer, limit: number): JsonBody | Refusal {
  const { headers } = head;
  const type = header(headers, 'content-type');
  if (headerCount(headers, 'content-type') > 1 || (type !== null && !JSON_TYPE.test(type)))
    return malformed('The content type must be application/json.');
  if (headerCount(headers, 'content-encoding') > 1) return malformed('The body has more than one encoding.');
  const encoding = header(headers, 'content-encoding');
  const bytes = inflateBody(body, encoding, limit);
  if (bytes instanceof Refusal) return bytes;
  const root = parseObject(bytes);
  if (root instanceof Refusal) return root;
  return { text: root.text, root: root.node, bytes, inflated: encoding !== null };
}

/** One strict JSON object, also one that is carried inside another body. */
export function parseObject(bytes: Buffer): { readonly text: string; readonly node: JsonObject } | Refusal {
  let node: JsonNode;
  let text: string;
  try {
    text = decodeUtf8(bytes);
    node = parseJson(text);
  } catch (error) {
    if (error instanceof MalformedJson) return malformed('The body is not well-formed JSON.', error.message);
    throw error;
  }
  return node.kind === 'object' ? { text, node } : malformed('The body must be a JSON object.');
}

/** What a guard found, with its edits made. */
export function inspected(
  body: JsonBody,
  edits: readonly Edit[],
  resources: readonly string[],
  buckets: readonly string[] = NO_NAMES,
  alsoVerb: Inspection['alsoVerb'] = null,
): Inspection {
  const isEdited = edits.length > 0;
  return {
    body: isEdited ? Buffer.from(splice(body.text, edits)) : body.bytes,
    changed: isEdited || body.inflated,
    resources,
    buckets,
    alsoVerb,
  };
}

/** The edit that gives a member of `root` a value, whether it is there or not. `json` is JSON text. */
export function setMember(root: JsonObject, key: string, json: string): Edit {
  const i = root.keys.indexOf(key);
  if (i >= 0) {
    const { start, end } = root.values[i] as JsonNode;
    return { start, end, text: json };
  }
  const at = root.start + 1;
  return { start: at, end: at, text: `${JSON.stringify(key)}:${json}${root.keys.length > 0 ? ',' : ''}` };
}

/** The headers of `head` that are in `allowed`, and those that describe an inspected body. */
export function forwardHeaders(head: Head, allowed: ReadonlySet<string>, inspection: Inspection | null): string[] {
  const { headers } = head;
  const out: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i] as string;
    if (allowed.has(name)) out.push(name, headers[i + 1] as string);
  }
  if (inspection !== null) {
    out.push('content-type', 'application/json', 'content-length', String(inspection.body.length));
    const encoding = inspection.changed ? null : header(headers, 'content-encoding');
    if (encoding !== null) out.push('content-encoding', encoding);
  }
  return out;
}

/** Whether a head announces a body; for methods that have none. */
export function announcesBody(headers: readonly string[]): boolean {
  const length = header(headers, 'content-length');
  return (length !== null && length !== '0') || header(headers, 'transfer-encoding') !== null;
}

/** One path segment, percent-decoded once; null when it does not decode or still holds a percent sign. */
export function decodeSegment(segment: string): string | null {
  if (!segment.includes('%')) return segment;
  try {
    const decoded = decodeURIComponent(segment);
    return decoded.includes('%') ? null : decoded;
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}
