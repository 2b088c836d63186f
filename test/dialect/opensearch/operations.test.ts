import { describe, expect, it } from 'vitest';
import { OPERATION_ROWS } from '../../../src/dialect/opensearch/operations.ts';
import { Refusal } from '../../../src/core/refusal.ts';
import { dialect, headOf, outcome, passed } from './journey.ts';

const BODIES: Readonly<Record<string, string>> = {
  bulk: '{"index":{"_index":"idx","_id":"1"}}\n{"a":1}\n',
  msearch: '{"index":"idx"}\n{}\n',
  mget: '{"docs":[{"_index":"idx","_id":"1"}]}',
  update: '{"doc":{"a":1}}',
  search: '{"query":{"match_all":{}}}',
  update_by_query: '{"query":{"match_all":{}},"script":{"source":"ctx._source.n++"}}',
  delete_by_query: '{"query":{"match_all":{}}}',
  'indices.create': '{"settings":{"index":{"number_of_shards":1}}}',
  'indices.put_mapping': '{"properties":{"a":{"type":"keyword"}}}',
  'indices.analyze': '{"text":"a b"}',
  index: '{"a":1}',
  create: '{"a":1}',
};

const naming = (method: string, target: string) => {
  const call = dialect.read(headOf(method, target));
  return call instanceof Refusal ? call.reason : call.naming;
};
const search = (headers: readonly string[]) => outcome('POST', '/idx/_search', { body: '{}', headers });

describe('the table of operations', () => {
  for (const [method, path, name, verb] of OPERATION_ROWS) {
    it(`lets ${method} ${path} pass as ${name}, a ${verb}`, () => {
      const target = path
        .replace(/\{indices\}|\{index\}/, 'idx')
        .replace('{scroll}', SCROLL_ID)
        .replace(/\{\w+\}/, 'x1');
      const body = BODIES[name];
      const { call, outgoing, resources } = passed(method, target, body === undefined ? {} : { body });
      expect([call.operation, call.verb]).toEqual([name, verb]);
      expect([outgoing.method, outgoing.path, outgoing.query]).toEqual([method, target, '']);
      if (/\{ind/.test(path)) {
        expect(call.naming).toBe('named');
        expect(call.resources).toEqual(['idx']);
      }
      expect(new Set(resources).size).toBeLessThanOrEqual(1);
    });
  }

  it('has every operation of the contract', () => {
    expect(new Set(OPERATION_ROWS.map((row) => row[2])).size).toBe(35);
  });

  it.each([
    ['GET', '/_reindex'],
    ['POST', '/_reindex'],
    ['POST', '/_sql'],
    ['POST', '/_plugins/_ppl'],
    ['POST', '/_plugins/_sql'],
    ['PUT', '/_snapshot/repo'],
    ['GET', '/_snapshot'],
    ['PUT', '/_cluster/settings'],
    ['GET', '/_cluster/settings'],
    ['GET', '/_cluster/state'],
    ['PUT', '/_plugins/_replication/idx/_start'],
    ['POST', '/_plugins/_replication/_autofollow'],
    ['POST', '/_plugins/_ml/models/m/_predict'],
    ['POST', '/_plugins/_ml/connectors/_create'],
    ['POST', '/_plugins/_query/_datasources'],
    ['POST', '/_plugins/_notifications/configs'],
    ['POST', '/_plugins/_alerting/monitors'],
    ['POST', '/_plugins/_flow_framework/workflow'],
    ['GET', '/_plugins/_security/api/internalusers'],
    ['POST', '/_plugins/_asynchronous_search'],
    ['POST', '/_opendistro/_sql'],
    ['PUT', '/_ingest/pipeline/p'],
    ['PUT', '/_search/pipeline/p'],
    ['GET', '/_tasks'],
    ['POST', '/idx/_async_search'],
    ['GET', '/idx/_field_caps'],
    ['GET', '/us:idx/_field_caps'],
    ['GET', '/_resolve/index/us:idx'],
    ['GET', '/_search/template'],
    ['POST', '/us:idx/_search/template'],
    ['POST', '/_msearch/template'],
    ['POST', '/_render/template'],
    ['PUT', '/_scripts/s'],
    ['PUT', '/_index_template/t'],
    ['PUT', '/_template/t'],
    ['POST', '/_aliases'],
    ['PUT', '/idx/_alias/a'],
    ['PUT', '/idx/_settings'],
    ['GET', '/idx'],
    ['POST', '/idx/_close'],
    ['POST', '/idx/_clone/other'],
    ['POST', '/idx/_rollover'],
    ['POST', '/idx/_forcemerge'],
    ['GET', '/idx/_termvectors/1'],
    ['GET', '/idx/_rank_eval'],
    ['GET', '/_remote/info'],
    ['GET', '/_nodes'],
    ['GET', '/_cat/nodes'],
    ['GET', '/_cat/aliases'],
    ['GET', '/_search/point_in_time/_all'],
    ['DELETE', '/_search/point_in_time/_all'],
    ['DELETE', '/_search/scroll/_all'],
    ['POST', '/_all/_search/scroll'],
    ['OPTIONS', '/'],
    ['POST', '/'],
    ['GET', '/idx/_doc'],
    ['POST', '/idx/type/1'],
    ['GET', '/idx/%5Fsearch'],
    ['DELETE', '/idx/_mapping'],
  ])('refuses %s %s as operation_not_permitted', (method, target) => {
    expect(outcome(method, target)).toBe('operation_not_permitted');
  });

  it('tells what a request names when its path names no index', () => {
    expect(naming('GET', '/')).toBe('exempt');
    expect(naming('HEAD', '/')).toBe('exempt');
    expect(naming('GET', '/_cluster/health')).toBe('exempt');
    expect(naming('GET', '/_cluster/health?level=cluster')).toBe('exempt');
    expect(naming('GET', '/_cluster/health?level=indices')).toBe('none');
    expect(naming('GET', '/_cat/health')).toBe('exempt');
    expect(naming('GET', '/_cat/indices')).toBe('none');
    expect(naming('GET', '/_cat/count')).toBe('none');
    expect(naming('POST', '/_search')).toBe('none');
    expect(naming('POST', '/_search/scroll')).toBe('none');
    expect(naming('DELETE', '/_search/point_in_time')).toBe('none');
    expect(naming('POST', '/_refresh')).toBe('none');
    expect(naming('POST', '/_bulk')).toBe('body');
    expect(naming('POST', '/_msearch')).toBe('body');
    expect(naming('POST', '/_mget')).toBe('body');
  });

  it('refuses query parameters that are not on the operation’s list', () => {
    expect(outcome('GET', '/idx/_search?q=a:1&size=3&pretty')).toBe('passed');
    expect(outcome('GET', '/idx/_search?unknown=1')).toBe('operation_not_permitted');
    expect(outcome('GET', '/idx/_search?ccs_minimize_roundtrips=true')).toBe('operation_not_permitted');
    expect(outcome('GET', '/idx/_search?source=%7B%7D&source_content_type=application/json')).toBe(
      'operation_not_permitted',
    );
    expect(outcome('GET', '/idx/_search?index=other')).toBe('operation_not_permitted');
    expect(outcome('GET', '/idx/_doc/1?q=a')).toBe('operation_not_permitted');
    expect(outcome('POST', '/idx/_update_by_query?_source=true')).toBe('operation_not_permitted');
    expect(outcome('GET', '/*/_search?expand_wildcards=all')).toBe('operation_not_permitted');
    expect(outcome('GET', '/*/_search?expand_wildcards=open%2Chidden')).toBe('operation_not_permitted');
    expect(outcome('GET', '/*/_search?expand_wildcards=open,closed')).toBe('passed');
  });

  it('refuses targets that two parsers could read in two ways', () => {
    for (const target of [
      '//idx/_search',
      '/idx//_search',
      '/idx/../_search',
      '/idx/%2e%2e/_search',
      '/idx/_doc/%zz',
      '/idx/_doc/%ff',
      '/idx/_search?a=%zz',
      '/idx/_search?size=1&size=2',
      '/idx/_search?size=1&%73ize=2',
      '/idx/_search?q=a;b',
      '/idx/_search?&q=a',
      '/idx/_search#x',
      '/id x/_search',
      '/idé/_search',
    ]) {
      expect([target, outcome('GET', target)]).toEqual([target, 'request_malformed']);
    }
    expect(outcome('GET', '/idx/_search/')).toBe('passed');
    expect(outcome('GET', '/idx/_doc/a%2Fb%3Ac')).toBe('passed');
  });

  it('refuses bodies that are not said to be JSON, and bodies where none belongs', () => {
    expect(search(['content-type', 'application/json; charset=utf-8'])).toBe('passed');
    expect(search(['content-type', 'application/yaml'])).toBe('request_malformed');
    expect(search(['content-type', 'application/smile'])).toBe('request_malformed');
    expect(search(['content-type', 'application/cbor'])).toBe('request_malformed');
    expect(search(['content-type', 'application/json; charset=utf-16'])).toBe('request_malformed');
    expect(search(['content-type', 'application/x-ndjson'])).toBe('request_malformed');
    expect(search(['content-type', 'application/json', 'content-type', 'application/yaml'])).toBe('request_malformed');
    expect(outcome('PUT', '/idx/_doc/1', { body: 'a: 1', headers: ['content-type', 'application/yaml'] })).toBe(
      'request_malformed',
    );
    expect(outcome('DELETE', '/idx', { body: '{}' })).toBe('request_malformed');
    expect(outcome('GET', '/idx/_doc/1', { headers: ['transfer-encoding', 'chunked'] })).toBe('request_malformed');
    expect(dialect.read({ method: 'POST', target: '/idx/_search', headers: ['content-length', '2'] })).toMatchObject({
      reason: 'request_malformed',
    });
  });

  it('streams documents and inspects everything else that has a body', () => {
    expect(passed('PUT', '/idx/_doc/1', { body: '{"index":"us:x"}' }).call.body).toBe('stream');
    expect(passed('POST', '/idx/_search').call.body).toBe('inspect');
  });

  it('forwards only headers that it knows', () => {
    const { outgoing } = passed('GET', '/idx/_doc/1', {
      headers: [
        'authorization',
        'Basic x',
        'x-proxy-user',
        'admin',
        'securitytenant',
        'x',
        'accept',
        'application/json',
      ],
    });
    expect(outgoing.headers).toEqual(['accept', 'application/json']);
    expect(outgoing.payloadHash).toBeNull();
    expect(outgoing.filter).toBeNull();
  });
});

/** Of a scroll over one index with two shards, OpenSearch 2.19.6. */
const SCROLL_ID =
  'FGluY2x1ZGVfY29udGV4dF91dWlkDnF1ZXJ5VGhlbkZldGNoAhZHbFM5Y0hMdFFzT1lGXy14SHBrM3F3AAAAAAAAAAIWRllTbS1CLWZTSUtVZXZJczZLbXk3ZxZHbFM5Y0hMdFFzT1lGXy14SHBrM3F3AAAAAAAAAAEWRllTbS1CLWZTSUtVZXZJczZLbXk3Zw==';
