import { leakBlocked } from '../../core/refusal.ts';
import { member, type JsonNode, type JsonObject } from '../json.ts';
import type { Findings } from './findings.ts';

/**
 * Search bodies. Names of indices stand wherever a query looks something up (terms lookup, more-like-this, percolate,
 * indexed shapes) and queries nest anywhere, so the walk is strict unless it knows better: every key `index`, `_index` or
 * `indices` with a plain value names an index, except where keys are known to be fields.
 * Source: OpenSearch API specification, `SearchSourceBuilder`; docs.opensearch.org, "Query DSL".
 */
const SEARCH = keys(
  'query from size sort _source fields stored_fields docvalue_fields script_fields aggs aggregations post_filter highlight ' +
    'suggest rescore explain version seq_no_primary_term profile timeout terminate_after min_score track_total_hits ' +
    'track_scores search_after collapse slice stats indices_boost pit derived include_named_queries_score search_pipeline',
);
const TOP_LEVEL = {
  search: SEARCH,
  query: keys('query'),
  updateByQuery: keys('query script max_docs size sort slice conflicts timeout'),
  deleteByQuery: keys('query max_docs size sort slice timeout'),
};

/** Queries whose keys are fields, or that hold no name of anything: what is under them is data. */
const FIELD_QUERIES = keys(
  'term match match_phrase match_phrase_prefix match_bool_prefix prefix wildcard regexp fuzzy range exists ids query_string ' +
    'simple_query_string multi_match match_all match_none span_term geo_bounding_box geo_distance',
);
/** Keys under which a query stands, or a list of them. */
const QUERY_PLACES = keys(
  'query filter must should must_not queries positive negative post_filter rescore_query highlight_query background_filter',
);
const INDEX_KEYS = keys('index _index indices');

/** @param indexed the path or the header of the search names an index */
export function guardSearchBody(
  root: JsonNode,
  text: string,
  kind: keyof typeof TOP_LEVEL,
  indexed: boolean,
  found: Findings,
): void {
  if (root.kind !== 'object') return found.malformed('The body is not a JSON object.');
  const known = TOP_LEVEL[kind];
  for (let i = 0; i < root.keys.length; i++) {
    const key = root.keys[i]!;
    const value = root.values[i]!;
    if (key === 'ext') found.refuse(leakBlocked('ml_egress', 'Search extensions may call out of the region.'));
    else if (!known.has(key)) found.unknown(key, 'body');
    else if (key === 'search_pipeline') guardPipeline(value, found);
    else if (key === 'indices_boost') guardBoosts(value, text, found);
    else if (key === 'pit') guardPit(value, indexed, found);
    else if (key === 'sort') guardSort(value, found);
    else if (key === 'script') guardScript(value, found, true);
    else guardMember(key, value, found);
  }
}

/** A query on its own, such as the filter of an alias. */
export function guardQuery(node: JsonNode, found: Findings): void {
  if (node.kind === 'array') {
    for (const item of node.items) guardQuery(item, found);
  } else if (node.kind === 'object') {
    for (let i = 0; i < node.keys.length; i++) {
      const name = node.keys[i]!;
      if (FIELD_QUERIES.has(name)) continue;
      if (name === 'terms') guardTerms(node.values[i]!, found);
      else guardMember(name, node.values[i]!, found);
    }
  }
}

/** Only `_none`, which switches the index's own off, is known not to call out. */
export function guardPipeline(node: JsonNode, found: Findings): void {
  if (node.kind === 'string' && node.value === '_none') return;
  found.refuse(leakBlocked('pipeline', 'Pipelines may call out of the region.'));
}

/** `access`: the script runs in a write. What it throws comes back to the caller, the document's content too. */
export function guardScript(node: JsonNode, found: Findings, access: boolean): void {
  if (access) found.access = true;
  if (node.kind !== 'object') return;
  for (let i = 0; i < node.keys.length; i++) {
    if (node.keys[i] !== 'params') guardMember(node.keys[i]!, node.values[i]!, found);
  }
}

function guardTree(node: JsonNode, found: Findings): void {
  if (node.kind === 'array') {
    for (const item of node.items) guardTree(item, found);
  } else if (node.kind === 'object') {
    for (let i = 0; i < node.keys.length; i++) guardMember(node.keys[i]!, node.values[i]!, found);
  }
}

function guardMember(key: string, value: JsonNode, found: Findings): void {
  if (INDEX_KEYS.has(key)) {
    if (value.kind === 'string' || value.kind === 'number') return found.expression(value, 'many');
    if (value.kind === 'array') {
      for (const item of value.items) {
        if (item.kind === 'string') found.expression(item, 'many');
        else guardTree(item, found);
      }
      return;
    }
  } else if (QUERY_PLACES.has(key)) {
    if (value.kind !== 'string') return guardQuery(value, found);
  } else if (key === 'script') {
    return guardScript(value, found, false);
  } else if (value.kind === 'object') {
    guardNamed(key, value, found);
  } else if (key === 'model_id' && value.kind === 'string') {
    return found.refuse(leakBlocked('ml_egress', 'Models may run outside the region.'));
  }
  guardTree(value, found);
}

/** Constructs that reach further than they show. */
function guardNamed(name: string, body: JsonObject, found: Findings): void {
  if (name === 'wrapper' && member(body, 'query')?.kind === 'string') {
    found.refuse(leakBlocked('wrapped_query', 'A wrapped query cannot be inspected.'));
  } else if (name === 'neural' || (name === 'neural_sparse' && asksModel(body))) {
    found.refuse(leakBlocked('ml_egress', 'Models may run outside the region.'));
  } else if (name === 'indexed_shape' && member(body, 'index') === null) {
    // Without an index OpenSearch takes one that is called `shapes`.
    found.malformed('An indexed shape names no index.');
  }
}

/** A sparse query that brings its own tokens asks no model. */
function asksModel(body: JsonObject): boolean {
  return body.values.some((field) => member(field, 'query_text') !== null);
}

function guardTerms(node: JsonNode, found: Findings): void {
  if (node.kind !== 'object') return;
  for (const value of node.values) if (value.kind === 'object') guardTree(value, found);
}

/** Keys are fields: `{"index": "asc"}` sorts by a field of that name. */
function guardSort(node: JsonNode, found: Findings): void {
  if (node.kind === 'array') {
    for (const item of node.items) guardSort(item, found);
  } else if (node.kind === 'object') {
    for (const value of node.values) guardTree(value, found);
  }
}

/** `[{"name*": 2}, …]`, or the older `{"name*": 2}`. */
function guardBoosts(node: JsonNode, text: string, found: Findings): void {
  for (const item of node.kind === 'array' ? node.items : [node]) {
    if (item.kind !== 'object') return found.malformed('indices_boost is not a list of names.');
    for (let i = 0; i < item.keys.length; i++) found.key(item, i, text, 'many');
  }
}

/** A point in time brings its own indices, instead of those of the path. */
function guardPit(node: JsonNode, indexed: boolean, found: Findings): void {
  const id = member(node, 'id');
  if (id?.kind !== 'string') return found.malformed('The point in time has no id.');
  if (indexed) return found.malformed('A search names an index or a point in time, not both.');
  found.pit(id);
}

function keys(words: string): ReadonlySet<string> {
  return new Set(words.split(' '));
}
