import { Client, errors } from '@opensearch-project/opensearch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { available } from '../servers/servers.ts';
import { ask, FACTS, startCluster, type Cluster } from './clusters.ts';

const POLICY = { mode: 'client-owned', primary_region: 'eu-west' };
const PEOPLE = [
  { name: 'ada', born: 1815, city: 'london' },
  { name: 'grace', born: 1906, city: 'new york' },
  { name: 'alan', born: 1912, city: 'london' },
  { name: 'katherine', born: 1918, city: 'hampton' },
  { name: 'barbara', born: 1939, city: 'los angeles' },
];
const index = 'people';
const everyone = { match_all: {} };

describe.skipIf(available('opensearch'))('ordinary work with a real cluster through Domicile', () => {
  let cluster: Cluster;
  let search: Client;
  let compressed: Client;
  beforeAll(async () => {
    cluster = await startCluster([{ ...POLICY, id: 'acme-eu', tenant_id: 'acme' }]);
    search = new Client({ node: cluster.rig.search, headers: FACTS });
    compressed = new Client({
      node: cluster.rig.search,
      headers: FACTS,
      compression: 'gzip',
      suggestCompression: true,
    });
  }, 120_000);
  afterAll(async () => {
    await Promise.all([search.close(), compressed.close()]);
    await cluster.stop();
  });

  const names = (hits: readonly { _source?: unknown }[]) =>
    hits.map((hit) => (hit as { _source: { name: string } })['_source'].name);

  test('an index is made with settings, a mapping and aliases', async () => {
    const made = await search.indices.create({
      index,
      body: {
        settings: { index: { number_of_shards: 2, number_of_replicas: 0, refresh_interval: '1h' } },
        mappings: { properties: { name: { type: 'keyword' }, born: { type: 'integer' }, city: { type: 'text' } } },
        aliases: { everyone: { is_write_index: true }, londoners: { filter: { match: { city: 'london' } } } },
      },
    });
    expect([made.body.acknowledged, made.headers?.['x-residency-region']]).toEqual([true, 'eu-west']);
    expect((await search.indices.exists({ index: 'everyone' })).body).toBe(true);
    const settings = await search.indices.getSettings({ index });
    expect(settings.body[index]).toMatchObject({ settings: { index: { number_of_shards: '2' } } });
    await search.indices.putMapping({ index, body: { properties: { note: { type: 'text' } } } });
    const mapping = await search.indices.getMapping({ index });
    expect(mapping.body[index]?.mappings.properties).toMatchObject({
      note: { type: 'text' },
      born: { type: 'integer' },
    });
    await expect(search.indices.create({ index })).rejects.toMatchObject({
      statusCode: 400,
      body: { error: { type: 'resource_already_exists_exception' } },
    });
  });

  test('documents go in by bulk, plain and compressed, through an alias too', async () => {
    const lines = (from: number, to: number, into: string) =>
      PEOPLE.slice(from, to).flatMap((person, i) => [{ index: { _index: into, _id: String(from + i) } }, person]);
    const first = await search.bulk({ body: lines(0, 3, index), refresh: true });
    expect(first.body.errors).toBe(false);
    const second = await compressed.bulk({ body: lines(3, 5, 'everyone'), refresh: true });
    expect([second.body.errors, second.body.items[0]]).toMatchObject([false, { index: { _index: index } }]);
    const conflict = await search.bulk({ body: [{ create: { _index: index, _id: '0' } }, PEOPLE[0]!] });
    expect([conflict.body.errors, conflict.body.items[0]?.create?.status]).toEqual([true, 409]);
    expect((await search.count({ index })).body.count).toBe(5);
  });

  test('searches sort, aggregate, highlight and page, by alias and by wildcard', async () => {
    const found = await search.search({
      index: 'peo*',
      body: {
        query: { match: { city: 'london' } },
        sort: [{ born: 'desc' }],
        // The client's types have forgotten `field`.
        aggs: { names: { terms: { field: 'name' } as object } },
        highlight: { fields: { city: {} } },
        _source: ['name'],
      },
    });
    expect(names(found.body.hits.hits)).toEqual(['alan', 'ada']);
    expect(found.body.aggregations?.['names']).toMatchObject({ buckets: [{ key: 'ada' }, { key: 'alan' }] });
    expect(found.body.hits.hits[0]?.highlight).toEqual({ city: ['<em>london</em>'] });
    const aliased = await compressed.search({ index: 'londoners', body: { query: everyone, sort: ['born'] } });
    expect(names(aliased.body.hits.hits)).toEqual(['ada', 'alan']);
    const paged = await search.search({ index, from: 1, size: 2, body: { query: everyone, sort: ['born'] } });
    expect(names(paged.body.hits.hits)).toEqual(['grace', 'alan']);
    const by = await search.search({ index, q: 'name:grace' });
    expect(names(by.body.hits.hits)).toEqual(['grace']);
  });

  test('several searches, counts and documents are asked for at once', async () => {
    const several = await search.msearch({
      body: [{ index }, { query: { term: { name: 'ada' } } }, { index: 'londoners' }, { query: everyone }],
    });
    expect(several.body.responses.map((answer) => 'hits' in answer && answer.hits.hits.length)).toEqual([1, 2]);
    const got = await search.mget({ index, body: { ids: ['0', '4', 'none'] } });
    expect(got.body.docs.map((doc) => 'found' in doc && doc.found)).toEqual([true, true, false]);
    const explained = await search.explain({ index, id: '0', body: { query: { term: { name: 'ada' } } } });
    expect(explained.body.matched).toBe(true);
    const valid = await search.indices.validateQuery({ index, body: { query: { term: { name: 'ada' } } } });
    expect(valid.body.valid).toBe(true);
    const cut = await search.indices.analyze({ body: { analyzer: 'standard', text: 'New York' } });
    expect(cut.body.tokens?.map(({ token }) => token)).toEqual(['new', 'york']);
    const lookup = { terms: { city: { index, id: '0', path: 'city' } } };
    const alike = await search.search({ index, body: { query: lookup, sort: ['born'] } });
    expect(names(alike.body.hits.hits)).toEqual(['ada', 'alan']);
  });

  test('a scroll goes through everything and is cleared', async () => {
    const seen: string[] = [];
    let page = (await search.search({ index, scroll: '1m', size: 2, body: { query: everyone, sort: ['born'] } })).body;
    while (page.hits.hits.length > 0) {
      seen.push(...names(page.hits.hits));
      const scroll_id = page['_scroll_id']!;
      page = (await search.scroll({ body: { scroll: '1m', scroll_id } })).body as typeof page;
    }
    expect(seen).toEqual(['ada', 'grace', 'alan', 'katherine', 'barbara']);
    const cleared = await search.clearScroll({ body: { scroll_id: [page['_scroll_id']!] } });
    expect(cleared.body.succeeded).toBe(true);
    const helped: string[] = [];
    for await (const { body } of search.helpers.scrollSearch({ index, size: 2, body: { query: everyone } })) {
      helped.push(...names(body.hits.hits));
    }
    expect(helped.toSorted()).toEqual(seen.toSorted());
  });

  test('a point in time does not see what comes later', async () => {
    const pit = await search.createPit({ index: [index], keep_alive: '1m' });
    const id = pit.body.pit_id!;
    await search.index({ index, id: '9', body: { name: 'later', born: 2000 }, refresh: true });
    const asked = { query: everyone, pit: { id, keep_alive: '1m' }, sort: [{ born: 'asc' as const }], size: 3 };
    const first = await search.search({ body: asked });
    const next = await compressed.search({ body: { ...asked, search_after: first.body.hits.hits.at(-1)!.sort! } });
    expect([...names(first.body.hits.hits), ...names(next.body.hits.hits)]).toEqual(PEOPLE.map(({ name }) => name));
    const ended = await search.deletePit({ body: { pit_id: [id] } });
    expect(ended.body.pits?.[0]?.successful).toBe(true);
    await search.delete({ index, id: '9', refresh: true });
  });

  test('documents are updated and deleted, one by one and by query', async () => {
    const script = { lang: 'painless', source: 'ctx._source.born += params.by', params: { by: 1 } };
    const one = await search.update({ index, id: '0', body: { script }, refresh: true });
    expect(one.body.result).toBe('updated');
    const several = await search.updateByQuery({
      index,
      refresh: true,
      body: { query: { match: { city: 'london' } }, script },
    });
    expect(several.body).toMatchObject({ updated: 2, failures: [] });
    expect((await search.get({ index, id: '0' })).body).toMatchObject({ _source: { born: 1817 } });
    const upserted = await search.update({ index, id: '7', body: { doc: { born: 1 }, doc_as_upsert: true } });
    expect(upserted.body.result).toBe('created');
    await search.indices.refresh({ index });
    const gone = await search.deleteByQuery({ index, refresh: true, body: { query: { term: { born: 1 } } } });
    expect(gone.body).toMatchObject({ deleted: 1 });
    const stale = search.index({ index, id: '0', body: { name: 'x' }, if_seq_no: 0, if_primary_term: 1 });
    await expect(stale).rejects.toMatchObject({
      statusCode: 409,
      body: { error: { type: 'version_conflict_engine_exception' } },
    });
    expect((await search.exists({ index, id: '7' })).body).toBe(false);
    await expect(search.get({ index: 'nothing', id: '1' })).rejects.toBeInstanceOf(errors.ResponseError);
  });

  test('indices are listed, counted and deleted; the cluster says how it is', async () => {
    const listed = await search.cat.indices({ index, format: 'json' });
    expect(listed.body).toEqual([expect.objectContaining({ index, 'docs.count': '5' })]);
    expect((await search.cat.count({ index, format: 'json' })).body).toEqual([expect.objectContaining({ count: '5' })]);
    expect((await search.cluster.health()).body.cluster_name).toBe('eu');
    expect((await search.info()).body.version.number).toMatch(/^2\.19\./);
    const today = encodeURIComponent('<notes-{now/d}>');
    const stored = await ask(
      cluster.rig.search,
      { method: 'POST', target: `/${today}/_doc?refresh=true`, body: { a: 1 } },
      FACTS,
    );
    expect([stored.status, stored.text]).toEqual([201, expect.stringMatching(/"_index":"notes-\d{4}\.\d{2}\.\d{2}"/)]);
    expect((await search.indices.delete({ index: 'notes-*' })).body.acknowledged).toBe(true);
  });
});

describe.skipIf(available('opensearch'))('tenants that share a real cluster', () => {
  let cluster: Cluster;
  const clients: Client[] = [];
  const of = (tenant: string) => {
    const headers = { 'x-tenant-id': tenant, 'x-data-classification': 'identity' };
    const client = new Client({ node: cluster.rig.search, headers });
    clients.push(client);
    return client;
  };
  let acme: Client;
  let globex: Client;
  let listed: Client;
  beforeAll(async () => {
    const policies = [
      { ...POLICY, id: 'acme-eu', tenant_id: 'acme' },
      { ...POLICY, id: 'globex-eu', tenant_id: 'globex' },
      { ...POLICY, id: 'listed-eu', tenant_id: 'listed', resources: { search: ['own-*'] } },
    ];
    cluster = await startCluster(policies, { index: '{tenant}--{index}' });
    [acme, globex, listed] = [of('acme'), of('globex'), of('listed')];
  }, 120_000);
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await cluster.stop();
  });

  test('each finds its own index under the same name, in path and body', async () => {
    for (const [tenant, client] of Object.entries({ acme, globex })) {
      await client.bulk({ body: [{ index: { _index: index, _id: '1' } }, { of: tenant }], refresh: true });
      const { body } = await client.search({ index: 'p*', body: { query: everyone } });
      expect(body.hits.hits).toEqual([expect.objectContaining({ _source: { of: tenant } })]);
      const several = await client.msearch({ body: [{ index }, { query: everyone }] });
      expect(several.body.responses).toEqual([
        expect.objectContaining({ hits: expect.objectContaining({ total: { value: 1, relation: 'eq' } }) }),
      ]);
    }
    const { text } = await ask(cluster.server.url, {
      method: 'GET',
      target: '/_cat/indices/*--people?h=index&s=index',
    });
    expect(text).toBe('acme--people\nglobex--people\n');
  });

  test("no wildcard, list or physical name reaches another tenant's", async () => {
    for (const expression of ['*', '*people', 'globex--people', '*--people', 'people,globex--people', 'glo*']) {
      const { body } = await acme.search({ index: expression, ignore_unavailable: true, body: { query: everyone } });
      for (const hit of body.hits.hits) expect(hit).toMatchObject({ _source: { of: 'acme' } });
    }
    for (const expression of ['_all', undefined]) {
      const asked = expression === undefined ? {} : { index: expression };
      await expect(acme.search({ ...asked, body: { query: everyone } })).rejects.toMatchObject({ statusCode: 403 });
      await expect(acme.count(asked)).rejects.toMatchObject({ statusCode: 403 });
    }
    const list = acme.cat.indices({ format: 'json' });
    await expect(list).rejects.toMatchObject({ statusCode: 403 });
  });

  test('a policy that lists resources opens nothing else, wherever it is named', async () => {
    await listed.index({ index: 'own-1', id: '1', body: { of: 'listed' }, refresh: true });
    const ours = await listed.search({ index: 'own-*', body: { query: everyone } });
    expect(ours.body.hits.hits).toEqual([expect.objectContaining({ _source: { of: 'listed' } })]);
    for (const act of [
      () => listed.search({ index: 'people' }),
      () => listed.search({ index: 'own-*,people' }),
      () => listed.search({ index: '*' }),
      () => listed.mget({ body: { docs: [{ _index: 'people', _id: '1' }] } }),
      () => listed.bulk({ body: [{ index: { _index: 'people', _id: '1' } }, { a: 1 }] }),
      () =>
        listed.msearch({ body: [{ index: 'own-1' }, { query: everyone }, { index: 'people' }, { query: everyone }] }),
      () =>
        listed.search({
          index: 'own-1',
          body: { query: { terms: { of: { index: 'people', id: '1', path: 'of' } } } },
        }),
    ]) {
      await expect(act()).rejects.toMatchObject({
        statusCode: 403,
        headers: { 'x-residency-reason': 'resource_not_permitted' },
        body: { error: { type: 'security_exception' } },
      });
    }
  });
});
