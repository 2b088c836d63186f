import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../src/core/refusal.ts';
import { gzipped, journey, outcome, type Sent } from './journey.ts';

/** The rows of the protocol facts' leak table for OpenSearch: each refused by us, whatever the server would do. */
const json = (body: unknown): Sent => ({ body: JSON.stringify(body) });
const lines = (...values: readonly unknown[]): Sent => ({
  body: values.map((value) => `${JSON.stringify(value)}\n`).join(''),
});
const lookup = { terms: { f: { index: 'us:idx', id: '1', path: 'p' } } };

const ROWS: readonly (readonly [string, string, string, string, Sent?])[] = [
  ['cross-cluster search, in the path', 'GET', '/us:idx/_search', 'leak_blocked'],
  ['… percent-encoded', 'GET', '/us%3aidx/_search', 'leak_blocked'],
  ['… with a wildcard for the cluster', 'GET', '/*:idx/_search', 'leak_blocked'],
  ['… in a list with an encoded comma', 'GET', '/idx%2Cus%3Aidx/_count', 'leak_blocked'],
  ['… in an exclusion', 'GET', '/*,-us:*/_search', 'leak_blocked'],
  ['… opening a point in time', 'POST', '/us:idx/_search/point_in_time?keep_alive=1m', 'leak_blocked'],
  ['… opening a scroll', 'POST', '/us:idx/_search?scroll=1m', 'leak_blocked'],
  ['… in a query parameter', 'GET', '/_search?index=us:idx', 'leak_blocked'],
  ['… in an encoded query parameter', 'GET', '/_search?%69ndex=us%3Aidx', 'leak_blocked'],
  ['… in a query parameter after a semicolon', 'GET', '/_search?q=a:1;index=us:idx', 'request_malformed'],
  ['… by deletion', 'DELETE', '/us:idx', 'leak_blocked'],
  ['… by the header of an msearch', 'POST', '/_msearch', 'leak_blocked', lines({ index: 'us:idx' }, {})],
  ['… by its other spelling', 'POST', '/_msearch', 'leak_blocked', lines({ indices: ['us:idx'] }, {})],
  ['… over the index of the path', 'POST', '/idx/_msearch', 'leak_blocked', lines({ index: 'us:idx' }, {})],
  ['… by bulk', 'POST', '/idx/_bulk', 'leak_blocked', lines({ delete: { _index: 'us:idx', _id: '1' } })],
  ['… by mget', 'POST', '/_mget', 'leak_blocked', json({ docs: [{ _index: 'us:idx', _id: '1' }] })],
  ['… by terms lookup', 'POST', '/idx/_search', 'leak_blocked', json({ query: lookup })],
  ['… by terms lookup, compressed', 'POST', '/idx/_search', 'leak_blocked', gzipped(JSON.stringify({ query: lookup }))],
  ['… by terms lookup in an update by query', 'POST', '/idx/_update_by_query', 'leak_blocked', json({ query: lookup })],
  ['… by terms lookup in a validation', 'POST', '/idx/_validate/query', 'leak_blocked', json({ query: lookup })],
  ['… by terms lookup in an explanation', 'POST', '/idx/_explain/1', 'leak_blocked', json({ query: lookup })],
  [
    '… by more-like-this',
    'POST',
    '/idx/_search',
    'leak_blocked',
    json({ query: { more_like_this: { like: { _index: 'us:idx', _id: '1' } } } }),
  ],
  ['asynchronous search', 'POST', '/_plugins/_asynchronous_search?index=us:idx', 'operation_not_permitted'],
  ['PPL', 'POST', '/_plugins/_ppl', 'operation_not_permitted', json({ query: 'source = us:idx' })],
  ['SQL', 'POST', '/_plugins/_sql', 'operation_not_permitted', json({ query: 'select * from us:idx' })],
  [
    'reindex from remote',
    'POST',
    '/_reindex',
    'operation_not_permitted',
    json({ source: { remote: { host: 'http://us:9200' }, index: 'a' }, dest: { index: 'b' } }),
  ],
  [
    'remote seeds',
    'PUT',
    '/_cluster/settings',
    'operation_not_permitted',
    json({ persistent: { 'cluster.remote.us.seeds': ['us:9300'] } }),
  ],
  ['replication', 'PUT', '/_plugins/_replication/idx/_start', 'operation_not_permitted', json({ leader_alias: 'us' })],
  ['automatic following', 'POST', '/_plugins/_replication/_autofollow', 'operation_not_permitted', json({})],
  ['snapshots', 'PUT', '/_snapshot/us', 'operation_not_permitted', json({ type: 's3', settings: { bucket: 'us' } })],
  ['snapshot management', 'POST', '/_plugins/_sm/policies/p', 'operation_not_permitted', json({})],
  ['index state management', 'PUT', '/_plugins/_ism/policies/p', 'operation_not_permitted', json({})],
  ['ML connectors', 'POST', '/_plugins/_ml/connectors/_create', 'operation_not_permitted', json({})],
  ['ML prediction', 'POST', '/_plugins/_ml/models/m/_predict', 'operation_not_permitted', json({})],
  ['ML agents', 'POST', '/_plugins/_ml/agents/a/_execute', 'operation_not_permitted', json({})],
  ['an ingest pipeline', 'PUT', '/idx/_doc/1?pipeline=embed', 'leak_blocked', json({})],
  ['a search pipeline', 'GET', '/idx/_search?search_pipeline=rag', 'leak_blocked'],
  ['a default pipeline', 'PUT', '/idx', 'leak_blocked', json({ settings: { index: { default_pipeline: 'embed' } } })],
  ['data sources', 'POST', '/_plugins/_query/_datasources', 'operation_not_permitted', json({})],
  ['notifications', 'POST', '/_plugins/_notifications/configs', 'operation_not_permitted', json({})],
  ['alerting', 'POST', '/_plugins/_alerting/monitors', 'operation_not_permitted', json({})],
  ['flow framework', 'POST', '/_plugins/_flow_framework/workflow', 'operation_not_permitted', json({})],
  ['security API', 'GET', '/_plugins/_security/api/roles', 'operation_not_permitted'],
  ['Open Distro’s old paths', 'POST', '/_opendistro/_alerting/monitors', 'operation_not_permitted', json({})],
  ['field capabilities', 'GET', '/us:idx/_field_caps?fields=*', 'operation_not_permitted'],
  ['resolving', 'GET', '/_resolve/index/us:*', 'operation_not_permitted'],
  ['a search template', 'POST', '/us:idx/_search/template', 'operation_not_permitted', json({})],
  ['an msearch template', 'POST', '/_msearch/template', 'operation_not_permitted', lines({ index: 'us:idx' }, {})],
  [
    'a body that says gzip and is not',
    'POST',
    '/idx/_search',
    'request_malformed',
    { body: '{"query":{"match_none":{}}}', headers: ['content-encoding', 'gzip'] },
  ],
];

describe('every leak that is known of OpenSearch', () => {
  for (const [leak, method, target, reason, sent] of ROWS) {
    it(`${leak} is refused as ${reason}`, () => {
      expect(outcome(method, target, sent)).toBe(reason);
    });
  }

  it('is counted under a fixed word, and the message names neither region nor index', () => {
    for (const [, method, target, reason, sent] of ROWS) {
      const result = journey(method, target, sent);
      expect(result).toBeInstanceOf(Refusal);
      if (!(result instanceof Refusal)) return;
      if (reason === 'leak_blocked') expect(result.leak).toMatch(/^[a-z_]+$/);
      else expect(result.leak).toBeNull();
      expect(result.message).not.toMatch(/us:|idx/);
    }
  });
});
