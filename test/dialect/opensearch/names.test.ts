import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeExpression } from '../../../src/dialect/opensearch/expression.ts';
import { Refusal } from '../../../src/core/refusal.ts';
import { journey, outcome, passed } from './journey.ts';

const many = (text: string) => {
  const { refusal, resources } = judgeExpression(text, 'many');
  return refusal === null ? resources : refusal.reason;
};

describe('index expressions', () => {
  it('lists their elements, without exclusions', () => {
    expect(many('idx')).toEqual(['idx']);
    expect(many('a,b*')).toEqual(['a', 'b*']);
    expect(many('a*,-ab')).toEqual(['a*']);
    expect(many('_all')).toEqual(['_all']);
    expect(many('*')).toEqual(['*']);
    expect(many('UpperAlias')).toEqual(['UpperAlias']);
    expect(many('.ds-logs-000001')).toEqual(['.ds-logs-000001']);
  });

  it('stands for the wildcard of what date math can become', () => {
    expect(many('<logs-{now/d}>')).toEqual(['logs-*']);
    expect(many('<logs-{now/M-1M{yyyy.MM|Europe/Paris}}-x>')).toEqual(['logs-*-x']);
    expect(many('a*,-<logs-{now/d}>')).toEqual(['a*']);
  });

  it('refuses a colon anywhere as leak_blocked, an exclusion and date math included', () => {
    for (const text of [
      'us:idx',
      '*:idx',
      'a,us:idx',
      'a*,-us:a',
      ':a',
      'a:',
      '<us:a-{now}>',
      '<a-{now{yyyy|+01:00}}>',
    ]) {
      expect([text, many(text)]).toEqual([text, 'leak_blocked']);
    }
  });

  it('refuses what OpenSearch does not allow or could read in two ways as request_malformed', () => {
    for (const text of [
      '',
      ',',
      'a,',
      ',a',
      'a,,b',
      'a,_all',
      '-a',
      '_x',
      '+a',
      'a b',
      'a/b',
      'a\\b',
      'a?',
      'a"b',
      'a|b',
      'a#b',
      'a%3Ab',
      'a+b',
      'a\u0000',
      'a\u3000b',
      `${'x'.repeat(256)}`,
      '<a>',
      "<{now{'any'}}>",
      '<a*-{now}>',
      '<a-{now}',
    ]) {
      expect([text, many(text)]).toEqual([text, 'request_malformed']);
    }
  });

  it('refuses hidden and system indices as operation_not_permitted', () => {
    for (const text of ['.opendistro_security', '.plugins-ml-*', '.*', '.kibana', 'a,.tasks', 'a*,-.x', '<.x-{now}>']) {
      expect([text, many(text)]).toEqual([text, 'operation_not_permitted']);
    }
  });

  it('takes one plain name where a document or a new index is meant', () => {
    for (const text of ['a,b', 'a*', '_all', '*']) {
      expect([text, judgeExpression(text, 'one').refusal?.reason]).toEqual([text, 'request_malformed']);
    }
    expect(judgeExpression('<a-{now/d}>', 'one').resources).toEqual(['a-*']);
  });

  it('are decoded once: one encoding more is malformed', () => {
    expect(passed('GET', '/a%2Cb/_search').call.resources).toEqual(['a', 'b']);
    expect(outcome('GET', '/us%3Aidx/_search')).toBe('leak_blocked');
    expect(outcome('GET', '/%3Clogs-%7Bnow%2Fd%7D%3E/_search')).toBe('passed');
    expect(outcome('GET', '/us%253Aidx/_search')).toBe('request_malformed');
    expect(outcome('GET', '/%5Fall/_search', { template: '{tenant}-{index}' })).toBe('leak_blocked');
  });

  it('a leak in the head still says what it names, for the decision that comes first', () => {
    const result = journey('GET', '/a,us%3Ab/_search');
    expect(result).toBeInstanceOf(Refusal);
    expect(result).toMatchObject({ reason: 'leak_blocked', leak: 'remote_cluster' });
  });
});

describe('no colon passes in a name, wherever names stand', () => {
  const word = fc.stringMatching(/^[a-z*][a-z0-9*.-]{0,6}$/);
  const remote = fc
    .tuple(
      fc.array(word, { maxLength: 2 }),
      fc.constantFrom('', '-', '<'),
      fc.string({ maxLength: 4 }),
      fc.string({ maxLength: 4 }),
    )
    .map(([before, prefix, alias, index]) => [...before, `${prefix}${alias}:${index}`].join(','));
  const targets = fc.constantFrom(
    '/X/_search',
    '/X/_doc/1',
    '/X/_count',
    '/X',
    '/X/_bulk',
    '/_cat/indices/X',
    '/X/_mapping',
  );

  it('in a path', () => {
    fc.assert(
      fc.property(remote, targets, fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD'), (name, target, method) => {
        expect(outcome(method, target.replace('X', encodeURIComponent(name)))).not.toBe('passed');
      }),
      { numRuns: 1500 },
    );
  });

  it('in a body', () => {
    const bodies: readonly ((name: unknown) => [string, string])[] = [
      (name) => ['/_search', JSON.stringify({ query: { terms: { f: { index: name, id: '1', path: 'p' } } } })],
      (name) => [
        '/idx/_search',
        JSON.stringify({ query: { bool: { must: [{ terms: { term: { index: name, id: '1', path: 'p' } } }] } } }),
      ],
      (name) => ['/idx/_search', JSON.stringify({ query: { terms: { filter: { index: name, id: '1', path: 'p' } } } })],
      (name) => ['/idx/_search', JSON.stringify({ query: { more_like_this: { like: [{ _index: name, _id: '1' }] } } })],
      (name) => [
        '/idx/_search',
        JSON.stringify({ query: { more_like_this: { like: 'x', unlike: { _index: name } } } }),
      ],
      (name) => ['/idx/_search', JSON.stringify({ query: { percolate: { field: 'q', index: name, id: '1' } } })],
      (name) => [
        '/idx/_search',
        JSON.stringify({ query: { geo_shape: { f: { indexed_shape: { index: name, id: '1' } } } } }),
      ],
      (name) => [
        '/idx/_search',
        JSON.stringify({ aggs: { a: { filter: { terms: { f: { index: name, id: 1, path: 'p' } } } } } }),
      ],
      (name) => [
        '/idx/_search',
        JSON.stringify({ rescore: { query: { rescore_query: { terms: { f: { index: name } } } } } }),
      ],
      (name) => [
        '/idx/_search',
        JSON.stringify({ sort: [{ a: { nested: { path: 'a', filter: { terms: { f: { index: name } } } } } }] }),
      ],
      (name) => ['/idx/_search', JSON.stringify({ indices_boost: [{ [String(name)]: 2 }] })],
      (name) => [
        '/idx/_count',
        JSON.stringify({ query: { script_score: { query: { terms: { f: { index: name } } } } } }),
      ],
      (name) => ['/idx/_delete_by_query', JSON.stringify({ query: { terms: { f: { index: name } } } })],
      (name) => ['/_mget', JSON.stringify({ docs: [{ _index: name, _id: '1' }] })],
      (name) => ['/_msearch', `${JSON.stringify({ index: name })}\n{}\n`],
      (name) => ['/_msearch', `${JSON.stringify({ indices: ['a', name] })}\n{}\n`],
      (name) => ['/idx/_msearch', `{}\n{}\n{}\n${JSON.stringify({ query: { terms: { f: { index: name } } } })}\n`],
      (name) => ['/_bulk', `${JSON.stringify({ index: { _index: name, _id: '1' } })}\n{}\n`],
      (name) => ['/idx/_bulk', `{"index":{}}\n{}\n${JSON.stringify({ delete: { _index: name, _id: '1' } })}\n`],
    ];
    fc.assert(
      fc.property(remote, fc.constantFrom(...bodies), (name, make) => {
        const [target, body] = make(name);
        expect(outcome('POST', target, { body })).not.toBe('passed');
      }),
      { numRuns: 1500 },
    );
    for (const make of bodies) {
      const [target, body] = make('us:idx');
      expect([body, outcome('POST', target, { body })]).toEqual([body, 'leak_blocked']);
      const [, allowed] = make('other');
      expect(passed('POST', target, { body: allowed }).resources).toContain('other');
    }
  });
});
