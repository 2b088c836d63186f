import { pathOf, queryOf } from '../../core/http.ts';
import { leakBlocked, malformed, notPermitted, type Refusal } from '../../core/refusal.ts';
import { reachesHidden } from './lines.ts';
import { PATHS, type Operation } from './operations.ts';

/** A path as the table of operations reads it. */
export interface Route {
  readonly operation: Operation;
  /** Index expression, decoded; null when the path has none. */
  readonly index: string | null;
  /** Where it stands in the target, as sent. */
  readonly indexStart: number;
  readonly indexEnd: number;
  /** Scroll id, decoded; null when the path has none. */
  readonly scroll: string | null;
}

/** Also behind a slash that is encoded: a proxy in front of the cluster may decode before it resolves. */
const DOT_SEGMENT = /(?:^|\/)\.{1,2}(?:\/|$)/;

/**
 * The operation of a request. Literal segments are compared as sent and others decoded once, as OpenSearch does (seen on
 * 2.19: `/idx/%5Fcount` is not `/idx/_count`, yet `/%5Fall/_count` is `/_all/_count`). One slash at the end is allowed.
 */
export function routeOf(method: string, target: string): Route | Refusal {
  if (!isVisible(target)) return malformed('The target holds a character it must not.');
  const path = pathOf(target);
  let node = PATHS;
  let index: string | null = null;
  let indexStart = 0;
  let indexEnd = 0;
  let scroll: string | null = null;
  for (let start = 1, end = 0; start < path.length; start = end + 1) {
    end = path.indexOf('/', start);
    if (end < 0) end = path.length;
    const segment = path.slice(start, end);
    const decoded = percentDecoded(segment);
    if (decoded === null || decoded === '' || (decoded.includes('.') && DOT_SEGMENT.test(decoded))) {
      return malformed('The path does not parse.');
    }
    const literal = node.literals.get(segment);
    if (literal !== undefined) {
      node = literal;
      continue;
    }
    const parameter = node.parameter;
    // An API that is not in the table is no index: `_reindex`, `_snapshot`, `_plugins`.
    const isApi = segment.charCodeAt(0) === 0x5f && segment !== '_all' && parameter?.kind === 'index';
    if (parameter === null || isApi) return unknownOperation();
    if (parameter.kind === 'index') {
      index = decoded;
      indexStart = start;
      indexEnd = end;
    } else if (parameter.kind === 'scroll') scroll = decoded;
    node = parameter.node;
  }
  const operation = node.methods.get(method);
  return operation === undefined ? unknownOperation() : { operation, index, indexStart, indexEnd, scroll };
}

/** A path of visible ASCII, without a fragment. */
function isVisible(target: string): boolean {
  if (target.charCodeAt(0) !== 0x2f) return false;
  for (let i = 1; i < target.length; i++) {
    const c = target.charCodeAt(i);
    if (c < 0x21 || c > 0x7e || c === 0x23) return false;
  }
  return true;
}

function unknownOperation(): Refusal {
  return notPermitted('The operation is not one that is served here.');
}

/** What a query says that a decision needs. */
export interface Query {
  /** A `_source` parameter asks for the document. */
  readonly source: boolean;
  readonly scroll: string | null;
  /** `level` asks for more than the cluster as a whole. */
  readonly detailed: boolean;
  readonly leak: Refusal | null;
}

const NO_QUERY: Query = { source: false, scroll: null, detailed: false, leak: null };

/** @returns a refusal for a parameter that the operation does not take, or that two parsers could read in two ways */
export function judgeQuery(target: string, operation: Operation): Query | Refusal {
  const query = queryOf(target);
  if (query === '') return NO_QUERY;
  // OpenSearch splits at `;` too (seen on 2.19: `?q=a;index=us:idx` searches the other cluster).
  if (query.includes(';')) return malformed('The query holds a semicolon: percent-encode it.');
  let source = false;
  let scroll: string | null = null;
  let detailed = false;
  let leak: Refusal | null = null;
  const seen = new Set<string>();
  for (const pair of query.split('&')) {
    const equals = pair.indexOf('=');
    const name = decodedParameter(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decodedParameter(pair.slice(equals + 1));
    if (name === null || value === null || name === '') return malformed('The query does not parse.');
    if (seen.has(name)) return malformed('A query parameter is repeated.');
    seen.add(name);
    if (name === 'index' && value.includes(':')) {
      leak ??= leakBlocked('remote_cluster', 'The request names an index of another cluster.', value);
    } else if ((name === 'pipeline' || name === 'search_pipeline') && value !== '_none') {
      leak ??= leakBlocked('pipeline', 'Pipelines may call out of the region.', value);
    } else if (!operation.parameters.has(name) || (name === 'expand_wildcards' && reachesHidden(value))) {
      return notPermitted('A query parameter is not one that is served here.', name);
    } else if (name === 'scroll_id') scroll = value;
    else if (name === 'level') detailed = value !== 'cluster';
    else if (operation.returnsSource && name.startsWith('_source') && value !== 'false') source = true;
  }
  return { source, scroll, detailed, leak };
}

/** Percent-decoded once; null when it is not UTF-8 that way. */
function percentDecoded(text: string): string | null {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    if (cause instanceof URIError) return null;
    throw cause;
  }
}

function decodedParameter(text: string): string | null {
  return percentDecoded(text.replaceAll('+', ' '));
}
