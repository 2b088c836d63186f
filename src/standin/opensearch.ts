import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gunzipSync } from 'node:zlib';
import { pathOf, queryOf } from '../core/http.ts';
import {
  matches,
  objectOf,
  OpenSearchError,
  OpenSearchStore,
  type StoredDocument,
  type StoredIndex,
} from './opensearch-store.ts';
import { startStandIn, type StandIn } from './standin.ts';

export interface OpenSearchStandInOptions {
  /** Name of the cluster, told by `GET /`. */
  readonly cluster: string;
  /** Default: 0, a free one. */
  readonly port?: number;
  /** Default: 100000. */
  readonly maxDocuments?: number;
}

export interface OpenSearchStandIn extends StandIn {
  /** A document as it lies in this cluster, or null. Physical names. */
  document(index: string, id: string): StoredDocument | null;
  /** Physical names of all indices. */
  indices(): readonly string[];
}

const MAX_BODY = 16 * 1024 * 1024;
const VERSION = '2.19.0';

/**
 * An OpenSearch cluster in memory, on loopback: info, cluster health, index create, exists, delete, refresh and mapping,
 * document CRUD, update by partial document, bulk, mget, search, msearch, count, cat indices. What is written is seen at
 * once. What it does not know is 400 "no handler found", as from the server.
 */
export async function startOpenSearchStandIn(options: OpenSearchStandInOptions): Promise<OpenSearchStandIn> {
  const store = new OpenSearchStore(options.maxDocuments ?? 100_000);
  const standIn = await startStandIn(
    (request, response) => serve(request, response, options, store),
    options.port ?? 0,
  );
  return Object.assign(standIn, {
    document(index: string, id: string): StoredDocument | null {
      return store.indices.get(index)?.documents.get(id) ?? null;
    },
    indices(): readonly string[] {
      return [...store.indices.keys()];
    },
  });
}

interface Ask {
  readonly method: string;
  /** Segments of the path, decoded. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
  readonly body: string;
  readonly cluster: string;
}

interface Reply {
  readonly status: number;
  /** A string is sent as text, anything else as JSON. */
  readonly body: unknown;
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: OpenSearchStandInOptions,
  store: OpenSearchStore,
): Promise<void> {
  if (request.headers.expect !== undefined) response.writeContinue();
  const target = request.url ?? '/';
  let reply: Reply;
  try {
    reply = answer(store, {
      method: request.method ?? '',
      path: pathOf(target).split('/').filter(Boolean).map(decodeURIComponent),
      query: new URLSearchParams(queryOf(target)),
      body: await readText(request),
      cluster: options.cluster,
    });
  } catch (error) {
    reply = failure(error);
  }
  const text = typeof reply.body === 'string';
  const bytes = Buffer.from(text ? (reply.body as string) : JSON.stringify(reply.body));
  response.writeHead(reply.status, {
    'content-type': text ? 'text/plain; charset=UTF-8' : 'application/json; charset=UTF-8',
    'content-length': bytes.length,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY) throw new OpenSearchError(413, 'content_too_long_exception', 'the body is too long');
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  const zipped = request.headers['content-encoding'] === 'gzip' && length > 0;
  return (zipped ? gunzipSync(body, { maxOutputLength: MAX_BODY }) : body).toString('utf8');
}

function failure(error: unknown): Reply {
  if (error instanceof SyntaxError || error instanceof URIError) {
    return failure(new OpenSearchError(400, 'parse_exception', error.message));
  }
  if (!(error instanceof OpenSearchError)) throw error;
  const cause = { type: error.type, reason: error.message };
  return { status: error.status, body: { error: { root_cause: [cause], ...cause }, status: error.status } };
}

function answer(store: OpenSearchStore, ask: Ask): Reply {
  const [first, second, third] = ask.path;
  if (first === undefined) return info(ask);
  if (first.startsWith('_') && first !== '_all') {
    const indices = third ?? null;
    switch (first === '_cat' || first === '_cluster' ? `${first}/${second}` : first) {
      case '_cat/indices':
        return catIndices(store, ask, indices);
      case '_cluster/health':
        return ok({ cluster_name: ask.cluster, status: 'green', timed_out: false, number_of_nodes: 1 });
      default:
        return second === undefined ? onMany(store, ask, first, null) : noHandler(ask);
    }
  }
  if (second === undefined) return onIndex(store, ask, first);
  if (third === undefined && second !== '_doc') return onMany(store, ask, second, first);
  return onDocument(store, ask, first, second, third ?? randomUUID());
}

/** What takes an index expression, or none. */
function onMany(store: OpenSearchStore, ask: Ask, api: string, indices: string | null): Reply {
  switch (api) {
    case '_search':
      return ok(search(store, indices, jsonOf(ask.body), ask.query));
    case '_msearch':
      return ok({ took: 1, responses: msearch(store, indices, ask.body) });
    case '_count':
      return ok({ count: found(store, indices, jsonOf(ask.body)['query']).length, _shards: SHARDS });
    case '_refresh':
      store.resolve(indices);
      return ok({ _shards: SHARDS });
    case '_bulk':
      return ok(bulk(store, indices, ask.body));
    case '_mget':
      return ok({ docs: mget(store, indices, jsonOf(ask.body)) });
    case '_mapping':
      return ok(
        Object.fromEntries(store.resolve(indices).map((i) => [i.name, { mappings: i.body['mappings'] ?? {} }])),
      );
    default:
      return noHandler(ask);
  }
}

function onIndex(store: OpenSearchStore, ask: Ask, indices: string): Reply {
  switch (ask.method) {
    case 'PUT':
      store.create(indices, jsonOf(ask.body));
      return ok({ acknowledged: true, shards_acknowledged: true, index: indices });
    case 'HEAD':
      store.resolve(indices);
      return ok({});
    case 'DELETE':
      for (const index of store.resolve(indices)) store.drop(index);
      return ok({ acknowledged: true });
    default:
      return noHandler(ask);
  }
}

function onDocument(store: OpenSearchStore, ask: Ask, index: string, api: string, id: string): Reply {
  const write = ask.method === 'PUT' || ask.method === 'POST';
  if (write && (api === '_doc' || api === '_create')) {
    const createOnly = api === '_create' || ask.query.get('op_type') === 'create';
    const document = store.put(index, id, jsonOf(ask.body), createOnly);
    return { status: document.version === 1 ? 201 : 200, body: written(index, document, resultOf(document)) };
  }
  if (ask.method === 'POST' && api === '_update') return ok(update(store, index, id, jsonOf(ask.body)));
  if (ask.method === 'DELETE' && api === '_doc') {
    const document = store.remove(index, id);
    return document === null ? missing(index, id) : ok(written(index, document, 'deleted'));
  }
  if (write || ask.method === 'DELETE' || (api !== '_doc' && api !== '_source')) return noHandler(ask);
  const document = store.only(index).documents.get(id);
  if (document === undefined) return missing(index, id);
  return ok(api === '_source' ? document.source : got(index, document));
}

function update(store: OpenSearchStore, index: string, id: string, body: Json): unknown {
  const before = store.indices.get(index)?.documents.get(id);
  if (body['doc'] === undefined) throw new OpenSearchError(400, 'illegal_argument_exception', 'only `doc` is known');
  if (before === undefined && body['doc_as_upsert'] !== true && body['upsert'] === undefined) {
    throw new OpenSearchError(404, 'document_missing_exception', `[${id}]: document missing`);
  }
  const source =
    before === undefined
      ? objectOf(body['upsert'] ?? body['doc'])
      : Object.assign({}, before.source, objectOf(body['doc']));
  const document = store.put(index, id, source, false);
  return written(index, document, before === undefined ? 'created' : 'updated');
}

function bulk(store: OpenSearchStore, indices: string | null, body: string): unknown {
  const lines = body.split('\n').filter((line) => line.trim() !== '');
  const items: unknown[] = [];
  let errors = false;
  for (let i = 0; i < lines.length; i++) {
    const [action, meta] = Object.entries(jsonOf(lines[i]!))[0] as [string, Json];
    const index = String(meta['_index'] ?? indices);
    const id = String(meta['_id'] ?? randomUUID());
    let item: Reply;
    try {
      const path = [index, action === 'update' ? '_update' : action === 'create' ? '_create' : '_doc', id];
      const method = action === 'delete' ? 'DELETE' : 'POST';
      const source = action === 'delete' ? '' : lines[++i]!;
      item = onDocument(store, { ...NO_ASK, method, path, body: source }, index, path[1]!, id);
    } catch (error) {
      item = failure(error);
    }
    errors ||= item.status >= 400 && item.status !== 404;
    items.push({ [action]: { _index: index, _id: id, status: item.status, ...objectOf(item.body) } });
  }
  return { took: 1, errors, items };
}

function mget(store: OpenSearchStore, indices: string | null, body: Json): unknown[] {
  const docs = (body['docs'] ?? ((body['ids'] ?? []) as unknown[]).map((_id) => ({ _id }))) as Json[];
  return docs.map((doc) => {
    const index = String(doc['_index'] ?? indices);
    const document = store.indices.get(index)?.documents.get(String(doc['_id']));
    return document === undefined ? { _index: index, _id: doc['_id'], found: false } : got(index, document);
  });
}

function msearch(store: OpenSearchStore, indices: string | null, body: string): unknown[] {
  const lines = body.split('\n');
  const responses: unknown[] = [];
  for (let i = 0; i + 1 < lines.length; i += 2) {
    try {
      const named = jsonOf(lines[i]!)['index'];
      const index = named === undefined ? indices : [named].flat().join(',');
      responses.push({ ...search(store, index, jsonOf(lines[i + 1]!), NO_ASK.query), status: 200 });
    } catch (error) {
      responses.push(failure(error).body);
    }
  }
  return responses;
}

function search(store: OpenSearchStore, indices: string | null, body: Json, query: URLSearchParams): Json {
  const hits = found(store, indices, body['query']);
  const from = Number(query.get('from') ?? body['from'] ?? 0);
  const size = Number(query.get('size') ?? body['size'] ?? 10);
  return {
    took: 1,
    timed_out: false,
    _shards: SHARDS,
    hits: {
      total: { value: hits.length, relation: 'eq' },
      max_score: hits.length === 0 ? null : 1,
      hits: hits.slice(from, from + size),
    },
  };
}

function found(store: OpenSearchStore, indices: string | null, query: unknown): unknown[] {
  const hits: unknown[] = [];
  for (const index of store.resolve(indices)) {
    for (const document of index.documents.values()) {
      if (matches(query, document)) {
        hits.push({ _index: index.name, _id: document.id, _score: 1, _source: document.source });
      }
    }
  }
  return hits;
}

function catIndices(store: OpenSearchStore, ask: Ask, indices: string | null): Reply {
  const rows = store.resolve(indices).map((index: StoredIndex) => ({
    health: 'green',
    status: 'open',
    index: index.name,
    'docs.count': String(index.documents.size),
  }));
  if (ask.query.get('format') === 'json') return ok(rows);
  return ok(rows.map((row) => `${row.health} ${row.status} ${row.index} ${row['docs.count']}\n`).join(''));
}

function info(ask: Ask): Reply {
  if (ask.method !== 'GET' && ask.method !== 'HEAD') return noHandler(ask);
  return ok({
    name: `${ask.cluster}-1`,
    cluster_name: ask.cluster,
    version: { distribution: 'opensearch', number: VERSION },
    tagline: 'The OpenSearch Project: https://opensearch.org/',
  });
}

type Json = Readonly<Record<string, unknown>>;

const SHARDS = { total: 1, successful: 1, skipped: 0, failed: 0 };
const NO_ASK: Ask = { method: '', path: [], query: new URLSearchParams(), body: '', cluster: '' };

function jsonOf(text: string): Json {
  return text.trim() === '' ? {} : objectOf(JSON.parse(text));
}

function ok(body: unknown): Reply {
  return { status: 200, body };
}

function resultOf(document: StoredDocument): string {
  return document.version === 1 ? 'created' : 'updated';
}

function written(index: string, document: StoredDocument, result: string): unknown {
  return {
    _index: index,
    _id: document.id,
    _version: document.version,
    result,
    _shards: { total: 1, successful: 1, failed: 0 },
    _seq_no: document.sequence,
    _primary_term: 1,
  };
}

function got(index: string, document: StoredDocument): unknown {
  return { _index: index, _id: document.id, _version: document.version, found: true, _source: document.source };
}

function missing(index: string, id: string): Reply {
  return { status: 404, body: { _index: index, _id: id, found: false, result: 'not_found' } };
}

function noHandler(ask: Ask): Reply {
  return {
    status: 400,
    body: { error: `no handler found for uri [/${ask.path.join('/')}] and method [${ask.method}]` },
  };
}
