import { isAscii } from 'node:buffer';
import { decodeUtf8, parseJson, splice, type JsonNode, type JsonObject } from '../json.ts';
import { guardSourceFlag, guardUpdate } from './document-body.ts';
import type { Findings } from './findings.ts';
import { readPlainAction, type PlainAction } from './plain-action.ts';
import { guardPipeline, guardSearchBody } from './search-body.ts';

/**
 * Bodies of one JSON value a line (`_bulk`, `_msearch`). A line ends in LF or CRLF, the last one too: OpenSearch splits
 * at the byte 0x0A alone (`BulkRequestParser`, `MultiSearchRequest`).
 */
const LF = 0x0a;
const CR = 0x0d;

const BULK_META = new Set(
  (
    '_index _id _routing routing _version version _version_type version_type op_type retry_on_conflict ' +
    '_retry_on_conflict if_seq_no if_primary_term require_alias'
  ).split(' '),
);
const MSEARCH_HEADER = new Set(
  (
    'index indices search_type preference routing request_cache allow_partial_search_results ignore_unavailable ' +
    'allow_no_indices expand_wildcards cancel_after_time_interval'
  ).split(' '),
);

/** @returns the body with physical names: the same bytes when nothing had to change */
export function guardBulk(body: Buffer, found: Findings): Buffer {
  const lines = new Lines(body);
  while (lines.next(found)) {
    if (lines.blank) continue;
    const plain = lines.plainAction();
    const action = plain === null ? readAction(lines.parse(), found) : plain.action;
    if (action === null) break;
    if (plain !== null) guardAction(plain, found);
    lines.apply(found);
    if (action === 'delete') found.deletion = true;
    else if (!guardSource(action, lines, found)) break;
  }
  return lines.result();
}

/** The name of an action, its metadata judged; null when it is none. */
function readAction(root: JsonNode, found: Findings): string | null {
  if (root.kind !== 'object' || root.keys.length !== 1) {
    found.malformed('A line of the bulk is not one action.');
    return null;
  }
  const meta = root.values[0]!;
  if (meta.kind !== 'object') {
    found.malformed('An action of the bulk has no metadata.');
    return null;
  }
  guardAction(meta, found);
  return root.keys[0]!;
}

/** The line after an action, its document; false when there is none to go on from. */
function guardSource(action: string, lines: Lines, found: Findings): boolean {
  if (action !== 'index' && action !== 'create' && action !== 'update') {
    found.unknown(action, 'bulk');
    return false;
  }
  if (!lines.next(found)) {
    found.malformed('An action of the bulk has no document.');
    return false;
  }
  if (action === 'update') guardUpdate(lines.parse(), found);
  return true;
}

function guardAction(meta: Pick<JsonObject, 'keys' | 'values'>, found: Findings): void {
  let named = found.indexed;
  for (let i = 0; i < meta.keys.length; i++) {
    const key = meta.keys[i]!;
    const value = meta.values[i]!;
    if (key === '_index') {
      named = true;
      found.expression(value, 'one');
    } else if (key === 'pipeline') guardPipeline(value, found);
    else if (key === '_source') guardSourceFlag(value, found);
    else if (!BULK_META.has(key)) found.unknown(key, 'bulk');
  }
  if (!named) found.malformed('An action of the bulk names no index.');
}

/** @returns as `guardBulk` */
export function guardMsearch(body: Buffer, found: Findings): Buffer {
  const lines = new Lines(body);
  while (lines.next(found)) {
    // A blank header means other indices at the start of a body than later on: written out, it is `{}`.
    const indexed = guardHeader(lines.parse(), found);
    lines.apply(found);
    if (!lines.next(found)) {
      found.malformed('A search has a header and no body.');
      break;
    }
    guardSearchBody(lines.parse(), lines.text, 'search', indexed, found);
    lines.apply(found);
  }
  return lines.result();
}

/** @returns whether the search names an index, here or in the path */
function guardHeader(header: JsonNode, found: Findings): boolean {
  if (header.kind !== 'object') {
    found.malformed('The header of a search is not a JSON object.');
    return false;
  }
  let named = found.indexed;
  for (let i = 0; i < header.keys.length; i++) {
    const key = header.keys[i]!;
    const value = header.values[i]!;
    if (key === 'index' || key === 'indices') {
      named = true;
      const items = value.kind === 'array' ? value.items : [value];
      if (items.length === 0) found.malformed('The header of a search names no index.');
      for (const item of items) found.expression(item, 'many');
    } else if (key === 'expand_wildcards') {
      if (!shownOnly(value)) found.unknown(key, 'header of a search');
    } else if (!MSEARCH_HEADER.has(key)) found.unknown(key, 'header of a search');
  }
  if (!named) found.everything();
  return named;
}

function shownOnly(value: JsonNode): boolean {
  const items = value.kind === 'array' ? value.items : [value];
  return items.every((item) => item.kind === 'string' && !reachesHidden(item.value));
}

/** Whether a value of `expand_wildcards` lets wildcards match hidden indices, the cluster's own among them. */
export function reachesHidden(value: string): boolean {
  return !/^(?:open|closed|none)(?:,(?:open|closed|none))*$/.test(value);
}

/** Walks the lines of a body, and copies it only from the first change on. */
class Lines {
  readonly #body: Buffer;
  /** The whole of it, where every byte is a character. */
  readonly #ascii: string | null;
  readonly #parts: Buffer[] = [];
  #copied = 0;
  #start = 0;
  #end = 0;
  #next = 0;
  text = '';

  constructor(body: Buffer) {
    this.#body = body;
    this.#ascii = isAscii(body) ? body.toString('latin1') : null;
  }

  get blank(): boolean {
    return this.#start === this.#end;
  }

  /** To the next line; false after the last one, and when that one does not end. */
  next(found: Findings): boolean {
    if (found.refusal !== null || this.#next === this.#body.length) return false;
    const lf = this.#ascii === null ? this.#body.indexOf(LF, this.#next) : this.#ascii.indexOf('\n', this.#next);
    if (lf < 0) {
      found.malformed('The last line of the body does not end in a newline.');
      return false;
    }
    this.#start = this.#next;
    this.#end = lf > this.#start && this.#body[lf - 1] === CR ? lf - 1 : lf;
    this.#next = lf + 1;
    return true;
  }

  /** The line as an action, if it has the plain form. */
  plainAction(): PlainAction | null {
    if (this.#ascii === null) return null;
    this.text = this.#ascii.slice(this.#start, this.#end);
    return readPlainAction(this.text);
  }

  /** @throws MalformedJson */
  parse(): JsonNode {
    this.text =
      this.#ascii === null
        ? decodeUtf8(this.#body.subarray(this.#start, this.#end))
        : this.#ascii.slice(this.#start, this.#end);
    return parseJson(this.text);
  }

  /** Puts the edits found in the current line into it. */
  apply(found: Findings): void {
    if (found.edits.length === 0) return;
    this.#parts.push(this.#body.subarray(this.#copied, this.#start), Buffer.from(splice(this.text, found.edits)));
    this.#copied = this.#end;
    found.edits = [];
  }

  result(): Buffer {
    if (this.#parts.length === 0) return this.#body;
    return Buffer.concat([...this.#parts, this.#body.subarray(this.#copied)]);
  }
}
