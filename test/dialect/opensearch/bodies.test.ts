import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bodyOf, gzipped, outcome, passed } from './journey.ts';

const json = JSON.stringify;
const search = (body: unknown, target = '/idx/_search') => outcome('POST', target, { body: json(body) });
const TENANT = '{tenant}-{index}';
const bulk = (body: string, target = '/_bulk') => outcome('POST', target, { body });
const msearch = (body: string, target = '/_msearch') => outcome('POST', target, { body });
const mget = (body: unknown, target = '/_mget') => outcome('POST', target, { body: json(body) });
const create = (body: unknown) => outcome('PUT', '/idx', { body: json(body) });
const mapping = (body: unknown) => outcome('PUT', '/idx/_mapping', { body: json(body) });
const path = (target: string, template: string) => passed('GET', target, { template }).outgoing.path;
const alsoVerb = (target: string, body: string) => {
  const { call, inspection } = passed('POST', target, { body });
  return inspection?.alsoVerb ?? call.alsoVerb;
};

describe('bulk', () => {
  it('collects the index of every action, and lets documents be', () => {
    const body =
      '{"index":{"_index":"a","_id":"1"}}\n{"_index":"us:x","index":"us:y"}\n' +
      '{"create":{"_index":"b"}}\r\n{"n":1}\r\n{"delete":{"_index":"c","_id":"2"}}\n{"update":{"_index":"d","_id":"3"}}\n{"doc":{"index":"us:z"}}\n';
    const result = passed('POST', '/_bulk', { body });
    expect(result.inspection).toMatchObject({ resources: ['a', 'b', 'c', 'd'], changed: false, alsoVerb: 'delete' });
    expect(result.inspection?.body.toString()).toBe(body);
  });

  it('takes the index of the path where an action has none, and neither is malformed', () => {
    expect(passed('POST', '/idx/_bulk', { body: '{"index":{}}\n{}\n' }).resources).toEqual(['idx']);
    expect(bulk('{"index":{}}\n{}\n')).toBe('request_malformed');
  });

  it('refuses lines that OpenSearch could read in another way', () => {
    for (const body of [
      '{"index":{"_index":"a"}}\n{"a":1}',
      '{"index":{"_index":"a"}}',
      '{"index":{"_index":"a"}}\n',
      '{"index":{"_index":"a"},"create":{"_index":"b"}}\n{}\n',
      '{"index":{"_index":"a"}} {"x":1}\n{}\n',
      '{"index":{"_index":"a","_index":"us:b"}}\n{}\n',
      '{"index":{"_index":["a"]}}\n{}\n',
      '{"index":{"_index":null}}\n{}\n',
      '{"index":null}\n{}\n',
      '{"index":"a"}\n{}\n',
      '{}\n{}\n',
      '[]\n{}\n',
      '\ufeff{"index":{"_index":"a"}}\n{}\n',
      '{"update":{"_index":"a","_id":"1"}}\nnot json\n',
      ' \n',
      '/* {"index":{"_index":"a"}} */\n{}\n',
    ]) {
      expect([body, bulk(body)]).toEqual([body, 'request_malformed']);
    }
    expect(bulk('{"index":{"_index":"a"}}\n{}\n\n')).toBe('passed');
  });

  it('refuses actions and keys that it does not know, and pipelines', () => {
    expect(bulk('{"move":{"_index":"a"}}\n{}\n')).toBe('operation_not_permitted');
    expect(bulk('{"index":{"_index":"a","_type":"t"}}\n{}\n')).toBe('operation_not_permitted');
    expect(bulk('{"index":{"_index":"a","pipeline":"p"}}\n{}\n')).toBe('leak_blocked');
    expect(bulk('{"index":{"_index":"a","pipeline":"_none"}}\n{}\n')).toBe('passed');
  });

  it('is also an access when an update answers with the document', () => {
    const update = '{"update":{"_index":"a","_id":"1"}}\n';
    expect(alsoVerb('/_bulk', `${update}{"doc":{}}\n`)).toBeNull();
    expect(alsoVerb('/_bulk', `${update}{"doc":{},"_source":true}\n`)).toBe('access');
    expect(alsoVerb('/_bulk', `${update}{"doc":{},"_source":false}\n`)).toBeNull();
    expect(alsoVerb('/_bulk', `${update}{"script":"throw new Exception(ctx._source.a)"}\n`)).toBe('access');
    expect(alsoVerb('/_bulk', '{"update":{"_index":"a","_id":"1","_source":["x"]}}\n{"doc":{}}\n')).toBe('access');
    expect(alsoVerb('/_bulk?_source=true', `${update}{"doc":{}}\n`)).toBe('access');
    expect(alsoVerb('/_bulk?_source_includes=a', `${update}{"doc":{}}\n`)).toBe('access');
    expect(alsoVerb('/_bulk?_source=false', `${update}{"doc":{}}\n`)).toBeNull();
    const both = `${update}{"doc":{},"_source":true}\n{"delete":{"_index":"a","_id":"2"}}\n`;
    expect(bulk(both)).toBe('operation_not_permitted');
    expect(bulk('{"delete":{"_index":"a","_id":"2"}}\n', '/_bulk?_source=true')).toBe('operation_not_permitted');
  });

  it('splits at newlines only, whatever the documents hold, and keeps every other byte', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9]{0,8}$/);
    const document = fc.json({ maxDepth: 1 });
    const line = fc.tuple(name, document, fc.constantFrom('\n', '\r\n'), fc.constantFrom('', ' ', '\t'));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
        const make = (prefix: string) =>
          lines
            .map(([n, doc, end, space]) => `${space}{"index": {"_index" :"${prefix}${n}"}}${end}${doc}${end}`)
            .join('');
        const plain = passed('POST', '/_bulk', { body: make('') });
        expect(plain.inspection?.resources).toEqual(lines.map(([n]) => n));
        expect(plain.inspection?.changed).toBe(false);
        expect(bodyOf('POST', '/_bulk', make(''), TENANT)).toBe(make('acme-'));
      }),
      { numRuns: 200 },
    );
  });

  it('keeps bytes of documents that are not UTF-8', () => {
    const body = Buffer.concat([Buffer.from('{"index":{"_index":"a"}}\n{"x":"'), Buffer.of(0xff), Buffer.from('"}\n')]);
    const { inspection } = passed('POST', '/_bulk', { body, template: TENANT });
    expect(inspection?.body.includes(0xff)).toBe(true);
    expect(inspection?.body.toString('latin1')).toContain('"_index":"acme-a"');
  });
});

describe('msearch', () => {
  it('collects the indices of every header, written either way', () => {
    const body = '{"index":"a,b*"}\n{}\n{"indices":["c"],"preference":"x"}\n{"size":1}\n';
    expect(passed('GET', '/_msearch', { body }).resources).toEqual(['a', 'b*', 'c']);
    expect(passed('GET', '/d/_msearch', { body: '{}\n{}\n' }).resources).toEqual(['d']);
  });

  it('counts a search without any index as one over all', () => {
    expect(passed('GET', '/_msearch', { body: '{}\n{}\n' }).resources).toEqual(['_all']);
    expect(outcome('GET', '/_msearch', { body: '{}\n{}\n', template: TENANT })).toBe('leak_blocked');
  });

  it('refuses blank headers, missing bodies and headers that name nothing', () => {
    for (const body of [
      '\n{}\n',
      '{"index":"a"}\n',
      '{"index":"a"}\n{}',
      '{"index":[]}\n{}\n',
      '{"index":null}\n{}\n',
      '1\n{}\n',
    ]) {
      expect([body, msearch(body)]).toEqual([body, 'request_malformed']);
    }
    expect(msearch('{"index":"a","ccs_minimize_roundtrips":true}\n{}\n')).toBe('operation_not_permitted');
    expect(msearch('{"index":"a","expand_wildcards":["open","hidden"]}\n{}\n')).toBe('operation_not_permitted');
    expect(msearch('{"index":"a","expand_wildcards":"open"}\n{}\n')).toBe('passed');
    expect(msearch('{"index":"a"}\n{"search_pipeline":"p"}\n')).toBe('leak_blocked');
  });

  it('puts the template into headers and bodies', () => {
    const body = '{"index": ["a","b*"]}\r\n{"query":{"terms":{"f":{"index":"c","id":"1","path":"p"}}}}\n';
    expect(bodyOf('POST', '/_msearch', body, TENANT)).toBe(
      '{"index": ["acme-a","acme-b*"]}\r\n{"query":{"terms":{"f":{"index":"acme-c","id":"1","path":"p"}}}}\n',
    );
  });
});

describe('mget', () => {
  it('collects the index of every document', () => {
    const body = json({
      docs: [
        { _index: 'a', _id: '1', _source: ['x'] },
        { _index: 'b', _id: '2' },
      ],
    });
    expect(passed('POST', '/_mget', { body }).resources).toEqual(['a', 'b']);
    expect(passed('POST', '/idx/_mget', { body: json({ ids: ['1'] }) }).resources).toEqual(['idx']);
    expect(bodyOf('POST', '/_mget', body, TENANT)).toBe(body.replace('"a"', '"acme-a"').replace('"b"', '"acme-b"'));
  });

  it('refuses documents without an index, lists of indices and unknown keys', () => {
    expect(mget({ ids: ['1'] })).toBe('request_malformed');
    expect(mget({ docs: [{ _id: '1' }] })).toBe('request_malformed');
    expect(mget({ docs: [{ _index: 'a,b', _id: '1' }] })).toBe('request_malformed');
    expect(mget({ docs: [{ _index: 'a*', _id: '1' }] })).toBe('request_malformed');
    expect(mget({ docs: ['1'] })).toBe('request_malformed');
    expect(mget({ docs: [{ _index: 'a', index: 'b', _id: '1' }] })).toBe('operation_not_permitted');
    expect(mget([])).toBe('request_malformed');
  });
});

describe('search bodies', () => {
  it('names nothing in an ordinary search', () => {
    const body = json({
      query: {
        bool: {
          must: [{ term: { index: 'us:a' } }, { match: { _index: { query: 'x:y' } } }, { terms: { index: ['us:a'] } }],
          filter: { range: { indices: { gte: 1 } } },
        },
      },
      sort: [{ index: 'asc' }, '_score'],
      aggs: { index: { terms: { field: 'index' } } },
      script_fields: { x: { script: { source: 'params.index', params: { index: 'us:a', model_id: 'm' } } } },
      _source: ['index'],
      highlight: { fields: { index: {} } },
      search_after: ['us:a'],
    });
    expect(passed('POST', '/idx/_search', { body }).resources).toEqual(['idx']);
  });

  it('lists names that the path did not, to be decided with it', () => {
    const body = json({
      query: { terms: { user: { index: 'users', id: '2', path: 'followers' } } },
      indices_boost: [{ 'idx*': 2 }, { other: 1 }],
    });
    expect(passed('POST', '/idx/_search', { body }).resources).toEqual(['idx', 'users', 'idx*', 'other']);
    expect(bodyOf('POST', '/idx/_search', body, TENANT)).toBe(
      body.replace('"users"', '"acme-users"').replace('"idx*"', '"acme-idx*"').replace('"other"', '"acme-other"'),
    );
  });

  it('refuses what hides a query or calls a model', () => {
    const wrapped = Buffer.from('{"terms":{"f":{"index":"other","id":"1","path":"p"}}}').toString('base64');
    expect(search({ query: { wrapper: { query: wrapped } } })).toBe('leak_blocked');
    expect(
      search({ query: { bool: { must: { nested: { path: 'a', query: { wrapper: { query: wrapped } } } } } } }),
    ).toBe('leak_blocked');
    expect(search({ query: { neural: { v: { query_text: 'x', model_id: 'm', k: 1 } } } })).toBe('leak_blocked');
    expect(search({ query: { neural: { v: { query_text: 'x' } } } })).toBe('leak_blocked');
    expect(search({ query: { neural_sparse: { v: { query_text: 'x' } } } })).toBe('leak_blocked');
    expect(search({ query: { neural_sparse: { v: { query_tokens: { a: 1 } } } } })).toBe('passed');
    expect(search({ query: { knn: { v: { vector: [1], k: 1 } } } })).toBe('passed');
    expect(search({ ext: { generative_qa_parameters: { llm_model: 'm' } } })).toBe('leak_blocked');
    expect(search({ search_pipeline: 'p' })).toBe('leak_blocked');
    expect(search({ search_pipeline: { request_processors: [] } })).toBe('leak_blocked');
    expect(search({ search_pipeline: '_none' })).toBe('passed');
    expect(outcome('GET', '/idx/_search?search_pipeline=p')).toBe('leak_blocked');
    expect(outcome('GET', '/idx/_search?search_pipeline=_none')).toBe('passed');
    expect(outcome('PUT', '/idx/_doc/1?pipeline=p', { body: '{}' })).toBe('leak_blocked');
  });

  it('refuses an indexed shape without an index, which would be one called shapes', () => {
    expect(search({ query: { geo_shape: { f: { indexed_shape: { id: '1' } } } } })).toBe('request_malformed');
  });

  it('refuses top-level keys that an operation does not take', () => {
    expect(search({ unknown: 1 })).toBe('operation_not_permitted');
    expect(search({ size: 1 }, '/idx/_count')).toBe('operation_not_permitted');
    expect(search({ query: {}, script: 'x' }, '/idx/_delete_by_query')).toBe('operation_not_permitted');
  });

  it('refuses JSON that two parsers could read in two ways', () => {
    const deep = `${'{"a":'.repeat(80)}1${'}'.repeat(80)}`;
    for (const body of [
      '{"query":{},"query":{}}',
      '{"query":{}} {}',
      '\ufeff{}',
      '{"__proto__":{}}',
      '{"query":"\\ud800"}',
      '{/* */}',
      "{'query':{}}",
      '{query:{}}',
      '{"size":NaN}',
      `{"query":${deep}}`,
      '[]',
      '1',
      '',
    ]) {
      const expected = body === '' ? 'passed' : 'request_malformed';
      expect([body.slice(0, 40), outcome('POST', '/idx/_search', { body })]).toEqual([body.slice(0, 40), expected]);
    }
    const utf16 = Buffer.from('{"size":1}', 'utf16le');
    expect(outcome('POST', '/idx/_search', { body: utf16 })).toBe('request_malformed');
  });

  it('reads what is compressed, and sends it as it came when nothing changes', () => {
    expect(outcome('POST', '/idx/_search', gzipped(json({ query: { terms: { f: { index: 'us:a' } } } })))).toBe(
      'leak_blocked',
    );
    const sent = gzipped(json({ query: { terms: { f: { index: 'a', id: '1', path: 'p' } } } }));
    const kept = passed('POST', '/idx/_search', sent);
    expect(kept.inspection?.body).toEqual(sent.body);
    expect(kept.outgoing.headers).toContain('gzip');
    const changed = passed('POST', '/idx/_search', { ...sent, template: TENANT });
    expect(changed.inspection?.body.toString()).toContain('"acme-a"');
    expect(changed.outgoing.headers).not.toContain('content-encoding');
    const length = changed.outgoing.headers.indexOf('content-length');
    expect(changed.outgoing.headers[length + 1]).toBe(String(changed.inspection?.body.length));
  });

  it('refuses a body marked gzip that is not, which OpenSearch would take as empty', () => {
    const headers = ['content-encoding', 'gzip'];
    expect(outcome('POST', '/idx/_search', { body: '{"query":{"match_none":{}}}', headers })).toBe('request_malformed');
    expect(outcome('POST', '/idx/_search', gzipped(''))).toBe('request_malformed');
    for (const encoding of ['gzip, gzip', 'deflate', 'br', 'zstd', 'x-gzip']) {
      expect(outcome('POST', '/idx/_search', { body: '{}', headers: ['content-encoding', encoding] })).toBe(
        'request_malformed',
      );
    }
    expect(outcome('POST', '/idx/_search', { body: '{}', headers: [...headers, ...headers] })).toBe(
      'request_malformed',
    );
  });

  it('refuses a body over the limit, before and after inflation', () => {
    const body = json({ query: { match: { a: 'x'.repeat(2000) } } });
    expect(outcome('POST', '/idx/_search', { body, limit: 1000 })).toBe('body_too_large_to_inspect');
    expect(outcome('POST', '/idx/_search', { ...gzipped(body), limit: 1000 })).toBe('body_too_large_to_inspect');
  });
});

describe('updates', () => {
  it('are also an access when the answer carries the document, or could by what a script throws', () => {
    expect(alsoVerb('/idx/_update/1', json({ doc: { _source: true, index: 'us:x' } }))).toBeNull();
    expect(alsoVerb('/idx/_update/1', json({ doc: {}, _source: true }))).toBe('access');
    expect(alsoVerb('/idx/_update/1', json({ doc: {}, _source: { includes: ['a'] } }))).toBe('access');
    expect(alsoVerb('/idx/_update/1?_source=true', json({ doc: {} }))).toBe('access');
    expect(alsoVerb('/idx/_update/1?_source_excludes=a', json({ doc: {} }))).toBe('access');
    expect(alsoVerb('/idx/_update/1', json({ script: { source: 'throw new Exception(ctx._source.a)' } }))).toBe(
      'access',
    );
    expect(alsoVerb('/idx/_update_by_query', json({ query: {} }))).toBeNull();
    expect(alsoVerb('/idx/_update_by_query', json({ query: {}, script: 'ctx._source.a = 1' }))).toBe('access');
  });

  it('refuse keys that they do not know', () => {
    expect(outcome('POST', '/idx/_update/1', { body: '{"fields":["_source"]}' })).toBe('operation_not_permitted');
    expect(outcome('POST', '/idx/_update_by_query?pipeline=p', { body: '{}' })).toBe('leak_blocked');
  });
});

describe('new indices and mappings', () => {
  it('take ordinary settings, however they are nested', () => {
    expect(
      create({
        settings: {
          index: { number_of_shards: 1, 'search.slowlog': { threshold: { query: { warn: '1s' } } } },
          number_of_replicas: 0,
          'index.refresh_interval': '1s',
          analysis: { analyzer: { a: { type: 'custom', tokenizer: 'standard' } } },
        },
        mappings: {
          properties: {
            index: { type: 'keyword', index: false },
            model_id: { type: 'keyword' },
            type: { type: 'text' },
          },
        },
      }),
    ).toBe('passed');
    expect(outcome('PUT', '/idx')).toBe('passed');
  });

  it('refuse pipelines, however they are nested, and settings with power', () => {
    expect(create({ settings: { index: { default_pipeline: 'p' } } })).toBe('leak_blocked');
    expect(create({ settings: { 'index.final_pipeline': 'p' } })).toBe('leak_blocked');
    expect(create({ settings: { index: { search: { default_pipeline: 'p' } } } })).toBe('leak_blocked');
    expect(create({ settings: { default_pipeline: '_none' } })).toBe('passed');
    expect(create({ settings: { 'index.remote_store.enabled': true } })).toBe('operation_not_permitted');
    expect(create({ settings: { index: { store: { type: 'remote_snapshot' } } } })).toBe('operation_not_permitted');
    expect(create({ settings: { plugins: { replication: {} } }, number_of_shards: 1 })).toBe('operation_not_permitted');
  });

  it('name their aliases, which others may go by, and what the filters of these look up', () => {
    const body = json({ aliases: { other: { filter: { terms: { f: { index: 'third', id: '1', path: 'p' } } } } } });
    expect(passed('PUT', '/idx', { body }).resources).toEqual(['idx', 'other', 'third']);
    expect(bodyOf('PUT', '/idx', body, TENANT)).toBe(
      body.replace('"other"', '"acme-other"').replace('"third"', '"acme-third"'),
    );
    expect(create({ aliases: { 'us:x': {} } })).toBe('leak_blocked');
  });

  it('refuse fields that a model fills in', () => {
    expect(mapping({ properties: { a: { type: 'keyword' } }, _meta: { model_id: 'm' } })).toBe('passed');
    expect(mapping({ properties: { a: { type: 'semantic', model_id: 'm' } } })).toBe('leak_blocked');
    expect(mapping({ properties: { o: { properties: { a: { type: 'semantic' } } } } })).toBe('leak_blocked');
    expect(create({ mappings: { properties: { a: { type: 'semantic' } } } })).toBe('leak_blocked');
  });
});

describe('an index template', () => {
  it('is put into the path, and nothing else of it', () => {
    expect(path('/idx/_doc/a%2Fb', TENANT)).toBe('/acme-idx/_doc/a%2Fb');
    expect(path('/a%2Cb*,-bc*/_search', TENANT)).toBe('/acme-a%2Cacme-b*%2C-acme-bc*/_search');
    expect(path('/*/_search', TENANT)).toBe('/acme-*/_search');
    expect(path('/%3Ca-%7Bnow%2Fd%7D%3E/_search', '{tenant}-{index}-{cloud_region}')).toBe(
      '/%3Cacme-a-%7Bnow%2Fd%7D-eu-west-1%3E/_search',
    );
    expect(path('/_cat/indices/idx', '{classification}.{index}')).toBe('/_cat/indices/content.idx');
    expect(path('/a%2Cb/_search', '{index}')).toBe('/a%2Cb/_search');
  });

  it('leaves resources logical', () => {
    expect(passed('GET', '/idx/_doc/1', { template: TENANT }).resources).toEqual(['idx']);
  });

  it('refuses requests that would reach beyond it', () => {
    for (const target of [
      '/_search',
      '/_all/_search',
      '/_cat/indices',
      '/_mapping',
      '/_settings',
      '/_count',
      '/_cluster/health?level=shards',
    ]) {
      expect([target, outcome('GET', target, { template: TENANT })]).toEqual([target, 'leak_blocked']);
      expect([target, outcome('GET', target)]).toEqual([target, 'passed']);
    }
    expect(outcome('POST', '/_refresh', { template: TENANT })).toBe('leak_blocked');
    expect(outcome('GET', '/_cluster/health', { template: TENANT })).toBe('passed');
    expect(outcome('GET', '/', { template: TENANT })).toBe('passed');
    expect(outcome('POST', '/_msearch', { body: '{"index":"_all"}\n{}\n', template: TENANT })).toBe('leak_blocked');
  });
});
