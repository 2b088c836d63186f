import type { Verb } from '../../core/vocabulary.ts';
import type { Naming } from '../../policy/model.ts';

/** How a body is guarded. `none`: there must not be one. `document`: streamed, never looked into. */
export type BodyKind =
  | 'none'
  | 'document'
  | 'bulk'
  | 'msearch'
  | 'mget'
  | 'search'
  | 'query'
  | 'updateByQuery'
  | 'deleteByQuery'
  | 'update'
  | 'scroll'
  | 'pit'
  | 'createIndex'
  | 'mapping'
  | 'analyze';

export interface Operation {
  readonly name: string;
  readonly verb: Verb;
  /** What may stand for an index in its path: exactly one name, or an expression. */
  readonly takes: 'one' | 'many';
  /** What it is when the path names no index. */
  readonly unnamed: Naming;
  /** Its answer carries the document when a `_source` parameter asks for it, though its verb is `store`. */
  readonly returnsSource: boolean;
  readonly body: BodyKind;
  readonly parameters: ReadonlySet<string>;
}

const ANY = 'pretty human error_trace filter_path';
const INDICES = 'expand_wildcards ignore_unavailable allow_no_indices';
const MANAGER = 'cluster_manager_timeout master_timeout timeout';
const QUERY_STRING = 'q df analyzer analyze_wildcard default_operator lenient';
const SOURCE = '_source _source_includes _source_excludes';
const WRITE = 'refresh routing timeout wait_for_active_shards require_alias';
const VERSION = 'version version_type';
const MATCH = 'if_seq_no if_primary_term';
const INDEX_DOC = `${WRITE} ${VERSION} ${MATCH} op_type pipeline`;
const GET_DOC = `${SOURCE} ${VERSION} stored_fields preference realtime refresh routing`;
const TABLE_FORMAT = 'format h s v help bytes time';
const SEARCH =
  `${INDICES} ${QUERY_STRING} ${SOURCE} ignore_throttled allow_partial_search_results batched_reduce_size ` +
  'cancel_after_time_interval docvalue_fields explain from include_named_queries_score max_concurrent_shard_requests ' +
  'phase_took pre_filter_shard_size preference request_cache rest_total_hits_as_int routing scroll search_pipeline ' +
  'search_type seq_no_primary_term size sort stats stored_fields suggest_field suggest_mode suggest_size suggest_text ' +
  'terminate_after timeout track_scores track_total_hits typed_keys version';
const MSEARCH =
  'max_concurrent_searches max_concurrent_shard_requests pre_filter_shard_size rest_total_hits_as_int search_pipeline ' +
  'search_type typed_keys';
const COUNT = `${INDICES} ${QUERY_STRING} ignore_throttled min_score preference routing terminate_after`;
const BY_QUERY =
  `${INDICES} ${QUERY_STRING} conflicts from max_docs preference refresh request_cache requests_per_second routing ` +
  'scroll scroll_size search_timeout search_type size slices sort stats terminate_after timeout version ' +
  'wait_for_active_shards wait_for_completion';
const READ_MAPPING = `${INDICES} ${MANAGER} local include_defaults`;

/**
 * The operations that Domicile forwards; everything else is `operation_not_permitted`. A row: methods, path, name, verb,
 * what it is without an index in its path, body, query parameters beyond those of every operation. In a path `{index}`
 * is one index, `{indices}` an expression, `{id}` and the rest one opaque segment. Parameters left out on purpose:
 * `index` (a second place for names), `source` (a body outside the body), `ccs_minimize_roundtrips`, and on by-query
 * operations `_source`. Source: OpenSearch API specification, `api/_core`, `api/indices`, `api/cat`, `api/cluster`.
 */
const OPERATIONS: readonly (readonly [string, string, string, Verb, Naming, BodyKind, string])[] = [
  ['GET HEAD', '/', 'info', 'admin', 'exempt', 'none', ''],
  [
    'GET',
    '/_cluster/health /_cluster/health/{indices}',
    'cluster.health',
    'admin',
    'exempt',
    'none',
    `${MANAGER} expand_wildcards local level awareness_attribute wait_for_active_shards wait_for_events ` +
      'wait_for_no_initializing_shards wait_for_no_relocating_shards wait_for_nodes wait_for_status',
  ],
  ['GET', '/_cat/health', 'cat.health', 'admin', 'exempt', 'none', `${TABLE_FORMAT} ts`],
  [
    'GET',
    '/_cat/indices /_cat/indices/{indices}',
    'cat.indices',
    'access',
    'none',
    'none',
    `${TABLE_FORMAT} ${MANAGER} expand_wildcards local health include_unloaded_segments pri`,
  ],
  ['GET', '/_cat/count /_cat/count/{indices}', 'cat.count', 'access', 'none', 'none', TABLE_FORMAT],

  ['GET', '/{index}/_doc/{id}', 'get', 'access', 'named', 'none', GET_DOC],
  ['HEAD', '/{index}/_doc/{id}', 'exists', 'access', 'named', 'none', GET_DOC],
  ['GET', '/{index}/_source/{id}', 'get_source', 'access', 'named', 'none', GET_DOC],
  ['HEAD', '/{index}/_source/{id}', 'exists_source', 'access', 'named', 'none', GET_DOC],
  ['PUT POST', '/{index}/_doc/{id}', 'index', 'store', 'named', 'document', INDEX_DOC],
  ['POST', '/{index}/_doc', 'index', 'store', 'named', 'document', INDEX_DOC],
  ['PUT POST', '/{index}/_create/{id}', 'create', 'store', 'named', 'document', INDEX_DOC],
  ['DELETE', '/{index}/_doc/{id}', 'delete', 'delete', 'named', 'none', `${WRITE} ${VERSION} ${MATCH}`],
  [
    'POST',
    '/{index}/_update/{id}',
    'update',
    'store',
    'named',
    'update',
    `${WRITE} ${MATCH} ${SOURCE} retry_on_conflict lang`,
  ],
  ['PUT POST', '/_bulk /{index}/_bulk', 'bulk', 'store', 'body', 'bulk', `${WRITE} ${SOURCE} pipeline`],
  [
    'GET POST',
    '/_mget /{index}/_mget',
    'mget',
    'access',
    'body',
    'mget',
    `${SOURCE} stored_fields preference realtime refresh routing`,
  ],

  ['GET POST', '/_search /{indices}/_search', 'search', 'access', 'none', 'search', SEARCH],
  ['GET POST', '/_msearch /{indices}/_msearch', 'msearch', 'access', 'body', 'msearch', MSEARCH],
  ['GET POST', '/_count /{indices}/_count', 'count', 'access', 'none', 'query', COUNT],
  [
    'GET POST',
    '/{index}/_explain/{id}',
    'explain',
    'access',
    'named',
    'query',
    `${QUERY_STRING} ${SOURCE} stored_fields preference routing`,
  ],
  [
    'GET POST',
    '/_validate/query /{indices}/_validate/query',
    'validate_query',
    'access',
    'none',
    'query',
    `${INDICES} ${QUERY_STRING} all_shards explain rewrite`,
  ],
  [
    'GET POST',
    '/_search/scroll /_search/scroll/{scroll}',
    'scroll',
    'access',
    'none',
    'scroll',
    'scroll scroll_id rest_total_hits_as_int',
  ],
  ['DELETE', '/_search/scroll /_search/scroll/{scroll}', 'clear_scroll', 'access', 'none', 'scroll', 'scroll_id'],
  [
    'POST',
    '/{indices}/_search/point_in_time',
    'create_pit',
    'access',
    'named',
    'none',
    `${INDICES} ignore_throttled keep_alive allow_partial_pit_creation preference routing`,
  ],
  ['DELETE', '/_search/point_in_time', 'delete_pit', 'access', 'none', 'pit', ''],
  ['POST', '/{indices}/_update_by_query', 'update_by_query', 'store', 'named', 'updateByQuery', `${BY_QUERY} pipeline`],
  ['POST', '/{indices}/_delete_by_query', 'delete_by_query', 'delete', 'named', 'deleteByQuery', BY_QUERY],

  ['PUT', '/{index}', 'indices.create', 'store', 'named', 'createIndex', `${MANAGER} wait_for_active_shards`],
  ['DELETE', '/{indices}', 'indices.delete', 'delete', 'named', 'none', `${INDICES} ${MANAGER}`],
  [
    'HEAD',
    '/{indices}',
    'indices.exists',
    'access',
    'named',
    'none',
    `${INDICES} local flat_settings include_defaults`,
  ],
  ['GET POST', '/_refresh /{indices}/_refresh', 'indices.refresh', 'admin', 'none', 'none', INDICES],
  ['GET', '/_mapping /{indices}/_mapping', 'indices.get_mapping', 'access', 'none', 'none', READ_MAPPING],
  [
    'GET',
    '/_mapping/field/{fields} /{indices}/_mapping/field/{fields}',
    'indices.get_field_mapping',
    'access',
    'none',
    'none',
    READ_MAPPING,
  ],
  [
    'PUT POST',
    '/{indices}/_mapping',
    'indices.put_mapping',
    'store',
    'named',
    'mapping',
    `${INDICES} ${MANAGER} write_index_only`,
  ],
  [
    'GET',
    '/_settings /{indices}/_settings /_settings/{name} /{indices}/_settings/{name}',
    'indices.get_settings',
    'access',
    'none',
    'none',
    `${READ_MAPPING} flat_settings`,
  ],
  ['GET POST', '/_analyze /{index}/_analyze', 'indices.analyze', 'access', 'exempt', 'analyze', ''],
];

/** One segment of the tree of paths. */
export interface PathNode {
  readonly literals: Map<string, PathNode>;
  parameter: { readonly kind: 'index' | 'scroll' | 'opaque'; readonly node: PathNode } | null;
  readonly methods: Map<string, Operation>;
}

const KINDS: Readonly<Record<string, 'index' | 'scroll'>> = {
  '{index}': 'index',
  '{indices}': 'index',
  '{scroll}': 'scroll',
};

/** Segments are looked up as sent, the literal before the parameter, as OpenSearch's own path trie does. */
export const PATHS: PathNode = emptyNode();

for (const [methods, paths, name, verb, unnamed, body, parameters] of OPERATIONS) {
  const operation: Operation = {
    name,
    verb,
    takes: paths.includes('{indices}') ? 'many' : 'one',
    unnamed,
    returnsSource: verb === 'store' && parameters.includes('_source'),
    body,
    parameters: new Set(`${ANY} ${parameters}`.trim().split(' ')),
  };
  for (const path of paths.split(' ')) {
    const node = nodeOf(path);
    for (const method of methods.split(' ')) node.methods.set(method, operation);
  }
}

function nodeOf(path: string): PathNode {
  let node = PATHS;
  for (const segment of path.split('/').filter((part) => part !== '')) {
    if (segment.startsWith('{')) {
      node.parameter ??= { kind: KINDS[segment] ?? 'opaque', node: emptyNode() };
      node = node.parameter.node;
    } else {
      const child = node.literals.get(segment) ?? emptyNode();
      node.literals.set(segment, child);
      node = child;
    }
  }
  return node;
}

function emptyNode(): PathNode {
  return { literals: new Map(), parameter: null, methods: new Map() };
}

/** Every row as (method, path, name, verb), for documentation and tests. */
export const OPERATION_ROWS: readonly (readonly [string, string, string, Verb])[] = OPERATIONS.flatMap((row) =>
  row[0].split(' ').flatMap((method) => row[1].split(' ').map((path) => [method, path, row[2], row[3]] as const)),
);
