import { header, pathOf, queryOf, type Head } from '../../core/http.ts';
import { malformed, notPermitted, Refusal } from '../../core/refusal.ts';
import type { Naming as FactNaming } from '../../policy/model.ts';
import { PASS, type Call, type Dialect, type Inspection, type Outgoing, type Place, type Verdict } from '../dialect.ts';
import { inflateBody } from '../inflate.ts';
import { decodeUtf8, MalformedJson, parseJson, splice } from '../json.ts';
import { judgeScrollId } from './cursor.ts';
import { guardMget, guardUpdate } from './document-body.ts';
import { expandExpression, judgeExpression } from './expression.ts';
import { Findings, outsideTemplate, sharedCursor, tenantTemplate } from './findings.ts';
import { guardAnalyze, guardCreateIndex, guardMapping } from './index-body.ts';
import { guardBulk, guardMsearch } from './lines.ts';
import { Naming } from './naming.ts';
import { guardCursorBody } from './cursor-body.ts';
import type { BodyKind } from './operations.ts';
import { refuse } from './refuse.ts';
import { guardSearchBody } from './search-body.ts';
import { judgeQuery, routeOf } from './target.ts';

export interface SearchCall extends Call {
  readonly kind: BodyKind;
  /** Index expression of the path, decoded; null when it has none. */
  readonly index: string | null;
  /** Where it stands in the target. */
  readonly indexStart: number;
  readonly indexEnd: number;
  /** What the head leaks, for after the decision. */
  readonly leak: Refusal | null;
}

/** What goes upstream; everything else a client sends stays here (credentials, impersonation and proxy headers). */
const FORWARDED = new Set([
  'accept',
  'accept-encoding',
  'content-encoding',
  'content-length',
  'content-type',
  'traceparent',
  'tracestate',
  'user-agent',
  'x-opaque-id',
]);

const JSON_TYPE = /^application\/(?:vnd\.opensearch\+)?json(?: *; *charset="?utf-8"?)?$/i;
const LINES_TYPE =
  /^application\/(?:(?:vnd\.opensearch\+)?json|(?:vnd\.opensearch\+)?x-ndjson)(?: *; *charset="?utf-8"?)?$/i;

/** The OpenSearch REST API, by the table in `operations.ts`. */
export function opensearch(): Dialect<SearchCall> {
  return DIALECT;
}

const DIALECT: Dialect<SearchCall> = {
  id: 'opensearch',
  service: 'search',
  read,
  guardHead,
  guardBody,
  rewrite,
  guardAnswer: (): Verdict => PASS,
  guardAnswerBody: () => null,
  refuse,
};

function read(head: Head): SearchCall | Refusal {
  const route = routeOf(head.method, head.target);
  if (route instanceof Refusal) return route;
  const { operation, index } = route;
  const framing = framingFault(head.headers, operation.body);
  if (framing !== null) return framing;
  const query = judgeQuery(head.target, operation);
  if (query instanceof Refusal) return query;

  let leak = query.leak;
  let naming: FactNaming = query.detailed && operation.unnamed === 'exempt' ? 'none' : operation.unnamed;
  let resources: readonly string[] = NOTHING;
  if (index !== null) {
    const judged = judgeExpression(index, operation.takes);
    if (judged.refusal !== null) {
      if (judged.refusal.reason !== 'leak_blocked') return judged.refusal;
      leak = judged.refusal;
    }
    naming = 'named';
    resources = judged.resources;
  }
  if (route.scroll !== null) {
    for (const id of route.scroll.split(',')) leak ??= judgeScrollId(id);
  }
  if (query.scroll !== null) leak ??= judgeScrollId(query.scroll);
  // Only a leak waits for the decision.
  if (leak !== null && leak.reason !== 'leak_blocked') return leak;
  return {
    operation: operation.name,
    verb: operation.verb,
    alsoVerb: query.source ? 'access' : null,
    naming,
    resources,
    body: operation.body === 'none' || operation.body === 'document' ? 'stream' : 'inspect',
    kind: operation.body,
    index,
    indexStart: route.indexStart,
    indexEnd: route.indexEnd,
    leak,
  };
}

const NOTHING: readonly string[] = [];

/** Encodings and types that OpenSearch would read in another way than the guards do. */
function framingFault(headers: readonly string[], kind: BodyKind): Refusal | null {
  let type: string | null = null;
  let encoding: string | null = null;
  let hasBody = false;
  for (let i = 0; i < headers.length; i += 2) {
    const value = headers[i + 1] as string;
    switch (headers[i]) {
      case 'content-type':
        if (type !== null) return malformed('A header of the body is repeated.');
        type = value;
        break;
      case 'content-encoding':
        if (encoding !== null) return malformed('A header of the body is repeated.');
        encoding = value;
        break;
      case 'transfer-encoding':
        hasBody = true;
        break;
      case 'content-length':
        if (value !== '0') hasBody = true;
        break;
    }
  }
  if (kind === 'none' && hasBody) return malformed('The operation takes no body.');
  if (encoding !== null && !ENCODINGS.has(encoding.toLowerCase())) {
    return malformed('The content encoding of the body is not supported: use gzip or none.');
  }
  if (type === null) return hasBody ? malformed('The body has no content type.') : null;
  if (type === 'application/json') return null;
  const known = kind === 'bulk' || kind === 'msearch' ? LINES_TYPE : JSON_TYPE;
  return known.test(type) ? null : malformed('The content type of the body is not JSON.');
}

const ENCODINGS: ReadonlySet<string> = new Set(['identity', 'gzip']);

function guardHead(_head: Head, call: SearchCall, place: Place): Refusal | null {
  if (call.leak !== null) return call.leak;
  const naming = new Naming(place);
  if (!naming.templated) return null;
  if (call.naming !== 'exempt' && !naming.apart) return tenantTemplate();
  if (call.kind === 'scroll' || call.kind === 'pit') return naming.shared ? sharedCursor() : null;
  // A search without an index may still bring a point in time: its body tells.
  const unnamed = call.naming === 'none' && call.kind !== 'search';
  return unnamed || call.resources[0] === '_all' ? outsideTemplate() : null;
}

function guardBody(head: Head, call: SearchCall, place: Place, body: Buffer, limit: number): Inspection | Refusal {
  const plain = inflateBody(body, header(head.headers, 'content-encoding'), limit);
  if (plain instanceof Refusal) return plain;
  const naming = new Naming(place);
  const found = new Findings(naming, call.index !== null);
  found.access = call.alsoVerb === 'access';
  let after = plain;
  if (plain.length > 0) {
    if (header(head.headers, 'content-type') === null) return malformed('The body has no content type.');
    try {
      after = guard(call, plain, found);
    } catch (error) {
      if (!(error instanceof MalformedJson)) throw error;
      return malformed('The body is not JSON that can be read in one way only.', error.message);
    }
  } else if (body.length > 0) {
    return malformed('The body is empty once inflated.');
  }
  if (call.kind === 'search' && call.index === null && naming.templated && !found.continues) found.everything();
  if (found.refusal !== null) return found.refusal;
  if (found.access && found.deletion) {
    // One request is decided for two verbs at most.
    return notPermitted('Send deletions apart from updates that run a script or ask for the document.');
  }
  const changed = after !== plain;
  return {
    body: changed ? after : body,
    changed,
    resources: found.resources,
    buckets: NOTHING,
    alsoVerb: found.access ? 'access' : found.deletion ? 'delete' : null,
  };
}

/** @throws MalformedJson */
function guard(call: SearchCall, body: Buffer, found: Findings): Buffer {
  if (call.kind === 'bulk') return guardBulk(body, found);
  if (call.kind === 'msearch') return guardMsearch(body, found);
  const text = decodeUtf8(body);
  const root = parseJson(text);
  switch (call.kind) {
    case 'search':
    case 'query':
    case 'updateByQuery':
    case 'deleteByQuery':
      guardSearchBody(root, text, call.kind, call.index !== null, found);
      break;
    case 'mget':
      guardMget(root, found);
      break;
    case 'update':
      guardUpdate(root, found);
      break;
    case 'scroll':
    case 'pit':
      guardCursorBody(root, call.kind, found);
      break;
    case 'createIndex':
      guardCreateIndex(root, text, found);
      break;
    case 'mapping':
      guardMapping(root, found);
      break;
    case 'analyze':
      guardAnalyze(root, found);
      break;
    default:
      throw new TypeError(`${call.operation} has no body to inspect`);
  }
  return found.edits.length === 0 ? body : Buffer.from(splice(text, found.edits));
}

function rewrite(head: Head, call: SearchCall, place: Place, inspection: Inspection | null): Outgoing {
  const headers: string[] = [];
  for (let i = 0; i < head.headers.length; i += 2) {
    const name = head.headers[i]!;
    if (!FORWARDED.has(name)) continue;
    if (inspection !== null && (name === 'content-length' || (inspection.changed && name === 'content-encoding')))
      continue;
    headers.push(name, head.headers[i + 1]!);
  }
  if (inspection !== null && (inspection.body.length > 0 || header(head.headers, 'content-length') !== null)) {
    headers.push('content-length', String(inspection.body.length));
  }
  return {
    method: head.method,
    path: physicalPath(head.target, call, place),
    query: queryOf(head.target),
    headers,
    payloadHash: null,
    filter: null,
  };
}

/** The path as sent, but for the name of the index. */
function physicalPath(target: string, call: SearchCall, place: Place): string {
  const path = pathOf(target);
  if (call.index === null) return path;
  const naming = new Naming(place);
  if (!naming.templated) return path;
  const physical = encodeURIComponent(expandExpression(call.index, naming));
  return path.slice(0, call.indexStart) + physical + path.slice(call.indexEnd);
}
