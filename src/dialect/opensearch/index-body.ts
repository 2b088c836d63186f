import { leakBlocked } from '../../core/refusal.ts';
import { member, type JsonNode, type JsonObject } from '../json.ts';
import type { Findings } from './findings.ts';
import { guardPipeline, guardQuery } from './search-body.ts';

/**
 * What an index may be made with, without the leading `index.`. What is left out has power: pipelines, remote stores,
 * replication, searchable snapshots. Source: docs.opensearch.org, "Index settings".
 */
const SETTINGS: readonly string[] = [
  'number_of_shards',
  'number_of_replicas',
  'number_of_routing_shards',
  'auto_expand_replicas',
  'refresh_interval',
  'routing_partition_size',
  'codec',
  'hidden',
  'knn',
  'priority',
  'analysis',
  'similarity',
  'mapping',
  'sort',
  'query',
  'highlight',
  'blocks',
  'merge',
  'translog',
  'requests',
  'routing.allocation',
  'routing.rebalance',
  'search.idle',
  'search.slowlog',
  'indexing.slowlog',
  'shard.check_on_startup',
  'unassigned.node_left.delayed_timeout',
  'gc_deletes',
  'write.wait_for_active_shards',
  'soft_deletes',
  'load_fixed_bitset_filters_eagerly',
  'max_result_window',
  'max_inner_result_window',
  'max_rescore_window',
  'max_docvalue_fields_search',
  'max_script_fields',
  'max_ngram_diff',
  'max_shingle_diff',
  'max_refresh_listeners',
  'max_terms_count',
  'max_regex_length',
  'max_slices_per_scroll',
  'max_slices_per_pit',
  'max_adjacency_matrix_filters',
  'analyze.max_token_count',
];
const PIPELINE_SETTINGS = new Set(['default_pipeline', 'final_pipeline', 'search.default_pipeline']);

const ANALYZE_KEYS = new Set(
  'analyzer attributes char_filter explain field filter normalizer text tokenizer'.split(' '),
);

/** `{settings, mappings, aliases}`; an alias is a name like an index's, and could be one that others use. */
export function guardCreateIndex(root: JsonNode, text: string, found: Findings): void {
  if (root.kind !== 'object') return found.malformed('The body is not a JSON object.');
  for (let i = 0; i < root.keys.length; i++) {
    const value = root.values[i]!;
    switch (root.keys[i]) {
      case 'settings':
        if (value.kind !== 'object') found.malformed('The settings are not a JSON object.');
        else guardSettings(value, '', found);
        break;
      case 'mappings':
        guardMapping(value, found);
        break;
      case 'aliases':
        guardAliases(value, text, found);
        break;
      default:
        found.unknown(root.keys[i]!, 'body');
    }
  }
}

/** A field that a model fills in when a document is stored would send the document to the model. */
export function guardMapping(root: JsonNode, found: Findings): void {
  if (root.kind !== 'object') return found.malformed('The mapping is not a JSON object.');
  for (let i = 0; i < root.keys.length; i++) if (root.keys[i] !== '_meta') guardFields(root.values[i]!, found);
}

/** Text to be cut into tokens names nothing. */
export function guardAnalyze(root: JsonNode, found: Findings): void {
  if (root.kind !== 'object') return found.malformed('The body is not a JSON object.');
  for (const key of root.keys) if (!ANALYZE_KEYS.has(key)) found.unknown(key, 'body');
}

function guardFields(node: JsonNode, found: Findings): void {
  if (node.kind === 'array') {
    for (const item of node.items) guardFields(item, found);
  } else if (node.kind === 'object') {
    const type = member(node, 'type');
    if ((type?.kind === 'string' && type.value === 'semantic') || member(node, 'model_id')?.kind === 'string') {
      found.refuse(leakBlocked('ml_egress', 'Models may run outside the region.'));
    }
    for (const value of node.values) guardFields(value, found);
  }
}

/** Settings are one tree however they are written: `{"index": {"a": {"b": 1}}}`, `{"index.a.b": 1}`, `{"a.b": 1}`. */
function guardSettings(node: JsonObject, path: string, found: Findings): void {
  for (let i = 0; i < node.keys.length; i++) {
    const value = node.values[i]!;
    const full = path === '' ? node.keys[i]! : `${path}.${node.keys[i]!}`;
    if (value.kind === 'object') {
      guardSettings(value, full, found);
      continue;
    }
    const name = full.startsWith('index.') ? full.slice(6) : full;
    if (PIPELINE_SETTINGS.has(name)) guardPipeline(value, found);
    else if (!SETTINGS.some((known) => name === known || name.startsWith(`${known}.`))) found.unknown(name, 'settings');
  }
}

function guardAliases(node: JsonNode, text: string, found: Findings): void {
  if (node.kind !== 'object') return found.malformed('The aliases are not a JSON object.');
  for (let i = 0; i < node.keys.length; i++) {
    found.key(node, i, text, 'one');
    const filter = member(node.values[i]!, 'filter');
    if (filter !== null) guardQuery(filter, found);
  }
}
