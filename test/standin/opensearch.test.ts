import { gzipSync } from 'node:zlib';
import { Client, errors } from '@opensearch-project/opensearch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startOpenSearchStandIn, type OpenSearchStandIn } from '../../src/standin/opensearch.ts';

describe('the OpenSearch stand-in, by the official client', () => {
  let standIn: OpenSearchStandIn;
  let client: Client;

  beforeAll(async () => {
    standIn = await startOpenSearchStandIn({ cluster: 'eu-west', maxDocuments: 20 });
    client = new Client({ node: standIn.url });
  });

  afterAll(async () => {
    await client.close();
    await standIn.close();
  });

  it('says which cluster it is', async () => {
    expect((await client.info()).body.cluster_name).toBe('eu-west');
    expect((await client.ping()).statusCode).toBe(200);
    expect((await client.cluster.health()).body.status).toBe('green');
  });

  it('makes, finds and deletes indices', async () => {
    expect((await client.indices.exists({ index: 'made' })).statusCode).toBe(404);
    await client.indices.create({ index: 'made', body: { mappings: { properties: { a: { type: 'keyword' } } } } });
    expect((await client.indices.exists({ index: 'made' })).statusCode).toBe(200);
    await expect(client.indices.create({ index: 'made' })).rejects.toThrow('resource_already_exists_exception');
    const mapping = await client.indices.getMapping({ index: 'made' });
    expect(mapping.body['made']?.mappings.properties).toEqual({ a: { type: 'keyword' } });
    await client.indices.refresh({ index: 'made' });
    await client.indices.delete({ index: 'made' });
    await expect(client.search({ index: 'made' })).rejects.toThrow('index_not_found_exception');
  });

  it('stores, reads, updates and deletes documents', async () => {
    const stored = await client.index({ index: 'docs', id: '1', body: { name: 'Ada' } });
    expect([stored.statusCode, stored.body.result]).toEqual([201, 'created']);
    await expect(client.create({ index: 'docs', id: '1', body: {} })).rejects.toThrow('version_conflict');
    await client.update({ index: 'docs', id: '1', body: { doc: { age: 36 } } });
    expect((await client.get({ index: 'docs', id: '1' })).body['_source']).toEqual({ name: 'Ada', age: 36 });
    expect((await client.getSource({ index: 'docs', id: '1' })).body).toEqual({ name: 'Ada', age: 36 });
    expect(standIn.document('docs', '1')?.version).toBe(2);
    expect((await client.delete({ index: 'docs', id: '1' })).body.result).toBe('deleted');
    expect((await client.exists({ index: 'docs', id: '1' })).statusCode).toBe(404);
    expect(standIn.document('docs', '1')).toBeNull();
  });

  it('takes bulks, and finds what they stored', async () => {
    const bulk = await client.bulk({
      index: 'people',
      body: [
        { index: { _id: '1' } },
        { name: 'Ada Lovelace', born: 1815 },
        { index: { _id: '2', _index: 'others' } },
        { name: 'Alan Turing', born: 1912 },
        { update: { _id: '1' } },
        { doc: { field: 'engines' } },
        { delete: { _id: 'gone' } },
      ],
    });
    expect(bulk.body.errors).toBe(false);
    const names = async (query: object) => {
      const { body } = await client.search({ index: 'people,others', body: { query: query as never } });
      return body.hits.hits.map(({ _source: source }) => (source as { name: string }).name);
    };
    expect(await names({ match_all: {} })).toEqual(['Ada Lovelace', 'Alan Turing']);
    expect(await names({ match: { name: 'ada' } })).toEqual(['Ada Lovelace']);
    expect(await names({ term: { born: 1912 } })).toEqual(['Alan Turing']);
    expect(
      await names({ bool: { must_not: [{ ids: { values: ['1'] } }], filter: { exists: { field: 'born' } } } }),
    ).toEqual(['Alan Turing']);
    expect((await client.count({ index: 'p*' })).body.count).toBe(1);
    const many = await client.mget({ index: 'people', body: { docs: [{ _id: '1' }, { _index: 'others', _id: '2' }] } });
    expect(many.body.docs.map((doc) => 'found' in doc && doc.found)).toEqual([true, true]);
    const both = await client.msearch({ body: [{ index: 'people' }, {}, { index: 'nowhere' }, {}] });
    expect(both.body.responses.map((response) => 'hits' in response)).toEqual([true, false]);
    const table = await client.cat.indices({ format: 'json' });
    expect(table.body.map((row) => row.index)).toEqual(expect.arrayContaining(['people', 'others']));
    expect(standIn.indices()).toContain('people');
  });

  it('refuses queries and paths that it does not know, and what would make it grow without bound', async () => {
    await expect(client.search({ index: 'people', body: { query: { fuzzy: {} } as never } })).rejects.toBeInstanceOf(
      errors.ResponseError,
    );
    await expect(client.cat.nodes()).rejects.toMatchObject({
      body: { error: expect.stringContaining('no handler found') },
    });
    const body = Array.from({ length: 30 }, (_, i) => [{ index: { _index: 'full', _id: String(i) } }, {}]).flat();
    expect((await client.bulk({ body })).body.errors).toBe(true);
  });

  it('reads compressed bodies, and counts requests and bytes', async () => {
    const before = standIn.bytes;
    const requests = standIn.requests;
    const response = await fetch(`${standIn.url}/people/_count`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-encoding': 'gzip' },
      body: gzipSync('{"query":{"match":{"name":"nobody"}}}'),
    });
    expect(await response.json()).toMatchObject({ count: 0 });
    expect(standIn.requests).toBe(requests + 1);
    expect(standIn.bytes).toBeGreaterThan(before + 100);
    expect(standIn.lastRequest).toMatchObject({ method: 'POST', target: '/people/_count' });
  });
});
