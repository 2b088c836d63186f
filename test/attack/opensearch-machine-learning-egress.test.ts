// PROTOCOLS, leak table "OpenSearch", row "ML egress": a connector posts to any URL that it was made with. Models, agents and
// pipelines use it, and a search or a write uses those by mere name.
import { test } from 'vitest';
import { startWorld, type Attack } from './world.ts';

const world = await startWorld();
const json = (method: string, target: string, body: unknown): Attack => ({
  service: 'search',
  method,
  target,
  headers: { 'Content-Type': 'application/json' },
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const connector = { protocol: 'http', actions: [{ url: `${world.search('us-east').url}/v1/embeddings` }] };

test.each([
  ['POST', '/_plugins/_ml/connectors/_create'],
  ['PUT', '/_plugins/_ml/connectors/1'],
  ['POST', '/_plugins/_ml/models/_register'],
  ['POST', '/_plugins/_ml/models/1/_predict'],
  ['POST', '/_plugins/_ml/_predict/text_embedding/1'],
  ['POST', '/_plugins/_ml/agents/1/_execute'],
  ['POST', '/_plugins/_ml/tools/_execute/ConnectorTool'],
  ['PUT', '/_plugins/_ml/controllers/1'],
])('%s %s is refused', async (method, target) => {
  await world.refuses(json(method, target, connector), { reason: 'operation_not_permitted' });
});

test('making a pipeline is refused', async () => {
  const processors = [{ ml_inference: { model_id: '1' } }];
  await world.refuses(json('PUT', '/_ingest/pipeline/p', { processors }), { reason: 'operation_not_permitted' });
  await world.refuses(json('PUT', '/_search/pipeline/p', { processors }), { reason: 'operation_not_permitted' });
  await world.refuses(json('POST', '/_ingest/pipeline/p/_simulate', {}), { reason: 'operation_not_permitted' });
});

test.each([
  ['a write', json('PUT', '/notes/_doc/1?pipeline=p', {})],
  ['a bulk', json('POST', '/notes/_bulk?pipeline=p', '{"index":{}}\n{}\n')],
  ['an action of a bulk', json('POST', '/notes/_bulk', '{"index":{"pipeline":"p"}}\n{}\n')],
  ['an update by query', json('POST', '/notes/_update_by_query?pipeline=p', {})],
  ['a search', json('POST', '/notes/_search?search_pipeline=p', {})],
  ['the body of a search', json('POST', '/notes/_search', { search_pipeline: 'p' })],
  [
    'the body of a search, defined in place',
    json('POST', '/notes/_search', { search_pipeline: { request_processors: [] } }),
  ],
  ['a multi-search', json('POST', '/notes/_msearch?search_pipeline=p', '{}\n{}\n')],
  ['an index that is made with it', json('PUT', '/notes', { settings: { index: { default_pipeline: 'p' } } })],
  ['an index, by its other setting', json('PUT', '/notes', { settings: { 'index.final_pipeline': 'p' } })],
  ['an index, for its searches', json('PUT', '/notes', { settings: { index: { search: { default_pipeline: 'p' } } } })],
])('%s through a pipeline is refused', async (_, attack) => {
  await world.refuses(attack, { reason: 'leak_blocked', leak: 'pipeline' });
});

test.each([
  ['a neural query', { query: { neural: { text: { query_text: 'x', model_id: '1' } } } }],
  [
    'a neural query deep inside',
    {
      query: {
        bool: { should: [{ nested: { path: 'p', query: { neural: { t: { query_text: 'x', model_id: '1' } } } } }] },
      },
    },
  ],
  ['a sparse neural query', { query: { neural_sparse: { text: { query_text: 'x', model_id: '1' } } } }],
  ['a sparse neural query with the default model', { query: { neural_sparse: { text: { query_text: 'x' } } } }],
  ['an extension', { ext: { generative_qa_parameters: { llm_question: 'x' } } }],
])('a search with %s is refused', async (_, body) => {
  await world.refuses(json('POST', '/notes/_search', body), { reason: 'leak_blocked', leak: 'ml_egress' });
});

test('a field that a model fills in is refused', async () => {
  const semantic = { properties: { text: { type: 'semantic', model_id: '1' } } };
  await world.refuses(json('PUT', '/notes/_mapping', semantic), { reason: 'leak_blocked', leak: 'ml_egress' });
  await world.refuses(json('PUT', '/notes', { mappings: semantic }), { reason: 'leak_blocked', leak: 'ml_egress' });
});

test('a write that switches the pipeline off goes through', async () => {
  await world.forwards(json('PUT', '/notes/_doc/1?pipeline=_none', { model_id: '1', neural: 'x' }), {
    region: 'eu-west',
    reason: 'in_residency',
  });
});
