import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { statusOf, type Reason } from '../../src/core/reasons.ts';
import { available } from '../servers/servers.ts';
import { ask, bytesOf, Clusters, FACTS, SECRET, type Ask } from './clusters.ts';

/** A request that reads the other cluster when it is sent to a cluster itself. */
interface Crossing {
  readonly title: string;
  readonly ask: Ask;
  readonly reason: Reason;
  /** What the cluster's own answer has when it has crossed. Default: the secret itself. */
  readonly shows?: RegExp;
}

const all = { query: { match_all: {} } };
const compressed = (body: NonNullable<Ask['body']>) => ({
  body: gzipSync(bytesOf(body)),
  headers: { 'content-encoding': 'gzip', 'content-type': 'application/x-ndjson' },
});

const SEARCHES: readonly Crossing[] = [
  ...[
    `us:${SECRET}`,
    `us%3A${SECRET}`,
    `us%3a${SECRET}`,
    `%75s:${SECRET}`,
    `*:${SECRET}`,
    `u*:only-*`,
    `us:*`,
    `us:_all`,
    `people,us:${SECRET}`,
    `people%2Cus%3A${SECRET}`,
    `us:${SECRET},us:people`,
  ].map((expression) => ({
    title: `/${expression}/_search`,
    ask: { method: 'GET' as const, target: `/${expression}/_search` },
    reason: 'leak_blocked' as const,
  })),
  {
    title: 'a search with a body',
    ask: { method: 'POST', target: `/us:${SECRET}/_search`, body: all },
    reason: 'leak_blocked',
  },
  {
    title: 'a count',
    ask: { method: 'GET', target: `/us:${SECRET}/_count` },
    reason: 'leak_blocked',
    shows: /"count":1/,
  },
  {
    title: 'a count by wildcard',
    ask: { method: 'POST', target: `/*:${SECRET}/_count`, body: all },
    reason: 'leak_blocked',
    shows: /"count":1/,
  },
  {
    title: 'a table of counts',
    ask: { method: 'GET', target: `/_cat/count/us:${SECRET}` },
    reason: 'leak_blocked',
    shows: / 1\n$/,
  },
  {
    title: 'a scroll',
    ask: { method: 'POST', target: `/us:${SECRET}/_search?scroll=1m`, body: all },
    reason: 'leak_blocked',
  },
  {
    title: 'a point in time',
    ask: { method: 'POST', target: `/us:${SECRET}/_search/point_in_time?keep_alive=1m` },
    reason: 'leak_blocked',
    shows: /"pit_id":"[^"]+".*"successful":1,/,
  },
  {
    title: 'an index in the query',
    ask: { method: 'GET', target: `/_search?index=us:${SECRET}` },
    reason: 'leak_blocked',
  },
  {
    title: 'an index in the query, encoded',
    ask: { method: 'GET', target: `/_search?%69ndex=us%3A${SECRET}` },
    reason: 'leak_blocked',
  },
  {
    title: 'an index in the query, behind a semicolon',
    ask: { method: 'GET', target: `/_search?size=9;index=us:${SECRET}` },
    reason: 'request_malformed',
  },
  {
    title: 'an index in the header of a multi-search',
    ask: { method: 'POST', target: '/_msearch', body: [{ index: `us:${SECRET}` }, all] },
    reason: 'leak_blocked',
  },
  {
    title: 'a list in the header of a multi-search, against the index of the path',
    ask: { method: 'POST', target: '/people/_msearch', body: [{}, all, { index: ['people', `us:${SECRET}`] }, all] },
    reason: 'leak_blocked',
  },
  {
    title: 'an index in the header of a multi-search, escaped',
    ask: {
      method: 'POST',
      target: '/_msearch',
      body: Buffer.from(`{"\\u0069ndex":"us\\u003a${SECRET}"}\n{"query":{"match_all":{}}}\n`),
      headers: { 'content-type': 'application/x-ndjson' },
    },
    reason: 'leak_blocked',
  },
  {
    title: 'an index in the header of a compressed multi-search',
    ask: { method: 'POST', target: '/_msearch', ...compressed([{ index: `*:${SECRET}` }, all]) },
    reason: 'leak_blocked',
  },
  {
    title: 'a search template',
    ask: { method: 'POST', target: `/us:${SECRET}/_search/template`, body: { source: all } },
    reason: 'operation_not_permitted',
  },
  {
    title: 'a multi-search template',
    ask: { method: 'POST', target: '/_msearch/template', body: [{ index: `us:${SECRET}` }, { source: all }] },
    reason: 'operation_not_permitted',
  },
  {
    title: 'field capabilities',
    ask: { method: 'GET', target: `/us:${SECRET}/_field_caps?fields=*` },
    reason: 'operation_not_permitted',
    shows: new RegExp(`"${SECRET}":\\{"text"`),
  },
  {
    title: 'the names of indices',
    ask: { method: 'GET', target: '/_resolve/index/us:*' },
    reason: 'operation_not_permitted',
    shows: new RegExp(`"us:${SECRET}"`),
  },
];

/** What the server itself refuses, or answers with nothing: that it does is no merit of ours, so ours is looked at. */
const REFUSED: readonly { readonly title: string; readonly ask: Ask; readonly reason?: Reason }[] = [
  { title: 'a document', ask: { method: 'GET', target: `/us:${SECRET}/_doc/1` } },
  { title: 'the head of a document', ask: { method: 'HEAD', target: `/us:${SECRET}/_doc/1` } },
  { title: 'the source of a document', ask: { method: 'GET', target: `/us%3A${SECRET}/_source/1` } },
  { title: 'a document stored', ask: { method: 'PUT', target: '/us:new/_doc/1', body: { a: 1 } } },
  { title: 'a document deleted', ask: { method: 'DELETE', target: `/us:${SECRET}/_doc/1` } },
  { title: 'an update', ask: { method: 'POST', target: `/us:${SECRET}/_update/1`, body: { doc: { a: 1 } } } },
  {
    title: 'documents by id',
    ask: { method: 'POST', target: '/_mget', body: { docs: [{ _index: `us:${SECRET}`, _id: '1' }] } },
  },
  {
    title: 'documents by id, against the path',
    ask: { method: 'POST', target: '/people/_mget', body: { docs: [{ _index: `us:${SECRET}`, _id: '1' }] } },
  },
  {
    title: 'a bulk',
    ask: { method: 'POST', target: '/_bulk', body: [{ index: { _index: 'us:new', _id: '1' } }, { a: 1 }] },
  },
  {
    title: 'a compressed bulk',
    ask: { method: 'POST', target: '/people/_bulk', ...compressed([{ delete: { _index: `us:${SECRET}`, _id: '1' } }]) },
  },
  ...[
    ['a terms lookup', { terms: { name: { index: `us:${SECRET}`, id: '1', path: SECRET } } }],
    ['more like this', { more_like_this: { fields: ['name'], like: [{ _index: `us:${SECRET}`, _id: '1' }] } }],
    ['a shape by reference', { geo_shape: { at: { indexed_shape: { index: `us:${SECRET}`, id: '1' } } } }],
    ['a percolation by reference', { percolate: { field: 'q', index: `us:${SECRET}`, id: '1' } }],
  ].map(([title, query]) => ({
    title: title as string,
    ask: { method: 'POST' as const, target: '/people/_search', body: { query } },
  })),
  { title: 'an index made', ask: { method: 'PUT', target: '/us:new' } },
  { title: 'an index deleted', ask: { method: 'DELETE', target: `/us:${SECRET}` } },
  { title: 'an index asked for', ask: { method: 'HEAD', target: `/us:${SECRET}` } },
  { title: 'a mapping', ask: { method: 'GET', target: `/us:${SECRET}/_mapping` } },
  { title: 'settings', ask: { method: 'GET', target: `/us:${SECRET}/_settings` } },
  { title: 'a refresh', ask: { method: 'POST', target: `/us:${SECRET}/_refresh` } },
  { title: 'a table of indices', ask: { method: 'GET', target: '/_cat/indices/us:*' } },
  { title: 'an explanation', ask: { method: 'POST', target: `/us:${SECRET}/_explain/1`, body: all } },
  { title: 'a validation', ask: { method: 'POST', target: `/us:${SECRET}/_validate/query`, body: all } },
  { title: 'an update by query', ask: { method: 'POST', target: `/us:${SECRET}/_update_by_query` } },
  { title: 'a deletion by query', ask: { method: 'POST', target: `/us:${SECRET}/_delete_by_query`, body: all } },
  {
    title: 'a reindex from another cluster by its name',
    ask: { method: 'POST', target: '/_reindex', body: { source: { index: `us:${SECRET}` }, dest: { index: 'x' } } },
    reason: 'operation_not_permitted',
  },
];

describe.skipIf(available('opensearch'))('two real clusters, joined for cross-cluster search', () => {
  let clusters: Clusters;
  /** Those that the other cluster had received when it was last asked: whatever has come since, came uncalled. */
  let messages = 0;
  beforeAll(async () => {
    clusters = await Clusters.start();
    messages = await clusters.messages();
  }, 120_000);
  afterAll(() => clusters.stop());

  /** Refused by us, in OpenSearch's own words, and no message passes from the one cluster to the other. */
  async function refuses(asked: Ask, reason: Reason): Promise<void> {
    const lines = clusters.rig.log.length;
    const answer = await ask(clusters.rig.search, asked, FACTS);
    expect(answer).toMatchObject({ status: statusOf(reason), headers: { 'x-residency-reason': reason } });
    expect(answer.text).not.toContain(SECRET);
    if (asked.method !== 'HEAD') {
      const type = reason === 'request_malformed' ? 'illegal_argument_exception' : 'security_exception';
      expect(JSON.parse(answer.text)).toMatchObject({ error: { type, reason: expect.stringContaining(reason) } });
    }
    expect(await clusters.messages(), 'messages to the other cluster').toBe(messages);
    expect(clusters.rig.log.slice(lines)).toEqual([
      expect.objectContaining({ message: 'refused', reason, region: null }),
    ]);
  }

  /** Sent to the European cluster itself, it does cross. */
  async function crosses(asked: Ask, shows: RegExp): Promise<string> {
    const { status, text } = await ask(clusters.eu.url, asked);
    expect([status, text]).toEqual([200, expect.stringMatching(shows)]);
    const before = messages;
    messages = await clusters.messages();
    expect(messages, 'messages to the other cluster').toBeGreaterThan(before);
    return text;
  }

  describe('what crosses between the clusters themselves', () => {
    for (const { title, ask: asked, reason, shows = new RegExp(`"${SECRET}":"${SECRET}"`) } of SEARCHES) {
      test(`${title} is ${reason} through Domicile`, async () => {
        await refuses(asked, reason);
        await crosses(asked, shows);
      });
    }

    test('a reindex from a remote host is operation_not_permitted through Domicile', async () => {
      const remote = { host: clusters.us.url };
      const body = { source: { remote, index: SECRET }, dest: { index: 'stolen' } };
      const asked = { method: 'POST' as const, target: '/_reindex?refresh=true', body };
      await refuses(asked, 'operation_not_permitted');
      expect((await ask(clusters.eu.url, { method: 'HEAD', target: '/stolen' })).status).toBe(404);
      // It comes in by HTTP, not between nodes.
      const direct = await ask(clusters.eu.url, asked);
      expect([direct.status, direct.text]).toEqual([200, expect.stringContaining('"created":1')]);
      expect((await ask(clusters.eu.url, { method: 'DELETE', target: '/stolen' })).status).toBe(200);
    });

    test('another cluster cannot be joined, nor are those that are told', async () => {
      const persistent = { 'cluster.remote.us2.seeds': [clusters.us.fields['transport']] };
      await refuses({ method: 'PUT', target: '/_cluster/settings', body: { persistent } }, 'operation_not_permitted');
      await refuses({ method: 'GET', target: '/_remote/info' }, 'operation_not_permitted');
      const { text } = await ask(clusters.eu.url, { method: 'GET', target: '/_remote/info' });
      expect(JSON.parse(text)).toEqual({ us: expect.objectContaining({ connected: true }) });
    });
  });

  describe('ids that the cluster itself gave for a search of both', () => {
    const both = `people,us:${SECRET}`;
    async function given(target: string, name: string): Promise<string> {
      const { text } = await ask(clusters.eu.url, { method: 'POST', target });
      messages = await clusters.messages();
      return (JSON.parse(text) as Record<string, string>)[name]!;
    }
    const scrollId = (expression: string) => given(`/${expression}/_search?scroll=1m&size=1`, '_scroll_id');
    const pitId = (expression: string) => given(`/${expression}/_search/point_in_time?keep_alive=1m`, 'pit_id');

    test.each([`us:${SECRET}`, both])(
      'a scroll over %s is leak_blocked in every place of its id',
      async (expression) => {
        const scroll_id = await scrollId(expression);
        const encoded = encodeURIComponent(scroll_id);
        const asked = { method: 'POST' as const, target: '/_search/scroll', body: { scroll: '1m', scroll_id } };
        await refuses(asked, 'leak_blocked');
        await refuses({ ...asked, body: { scroll: '1m', scroll_id: [scroll_id] } }, 'leak_blocked');
        await refuses({ ...asked, ...compressed(asked.body), headers: GZIP_JSON }, 'leak_blocked');
        await refuses({ method: 'GET', target: `/_search/scroll?scroll=1m&scroll_id=${encoded}` }, 'leak_blocked');
        await refuses({ method: 'GET', target: `/_search/scroll/${encoded}` }, 'leak_blocked');
        await refuses(
          { method: 'DELETE', target: '/_search/scroll', body: { scroll_id: [scroll_id] } },
          'leak_blocked',
        );
        await refuses({ method: 'DELETE', target: `/_search/scroll/${encoded}` }, 'leak_blocked');
        await crosses(asked, /"hits":\{"total"/);
      },
    );

    test.each([`us:${SECRET}`, both])('a point in time over %s is leak_blocked', async (expression) => {
      const id = await pitId(expression);
      const asked = { method: 'POST' as const, target: '/_search', body: { ...all, pit: { id, keep_alive: '1m' } } };
      await refuses(asked, 'leak_blocked');
      await refuses({ ...asked, ...compressed(asked.body), headers: GZIP_JSON }, 'leak_blocked');
      await refuses({ method: 'DELETE', target: '/_search/point_in_time', body: { pit_id: [id] } }, 'leak_blocked');
      await crosses(asked, new RegExp(`"${SECRET}":"${SECRET}"`));
    });

    test('those over its own indices go on through Domicile', async () => {
      const body = { scroll: '1m', scroll_id: await scrollId('people') };
      const scrolled = await ask(clusters.rig.search, { method: 'POST', target: '/_search/scroll', body }, FACTS);
      expect(scrolled).toMatchObject({ status: 200, headers: { 'x-residency-reason': 'in_residency' } });
      const pit = { id: await pitId('people'), keep_alive: '1m' };
      const found = await ask(
        clusters.rig.search,
        { method: 'POST', target: '/_search', body: { ...all, pit } },
        FACTS,
      );
      expect([found.status, found.text]).toEqual([200, expect.stringContaining('"name":"ada"')]);
    });
  });

  test('a body that only says that it is compressed is request_malformed: cut short, the cluster takes it as empty', async () => {
    const none = { query: { match_none: {} } };
    const asked = { method: 'POST' as const, target: '/people/_search', body: none, headers: GZIP_JSON };
    const cut = { ...asked, body: gzipSync(bytesOf(none)).subarray(0, 8) };
    const direct = await ask(clusters.eu.url, cut);
    expect([direct.status, direct.text]).toEqual([200, expect.stringContaining('"name":"ada"')]);
    await refuses(cut, 'request_malformed');
    await refuses({ ...cut, target: '/people/_count' }, 'request_malformed');
    await refuses({ ...asked, body: gzipSync(bytesOf(none)).subarray(0, -4) }, 'request_malformed');
    await refuses(asked, 'request_malformed');
    const twice = { ...GZIP_JSON, 'content-encoding': 'gzip, gzip' };
    await refuses({ ...asked, body: gzipSync(gzipSync(bytesOf(none))), headers: twice }, 'request_malformed');
  });

  describe('what does not cross, whoever is asked, is refused by us already', () => {
    for (const { title, ask: asked, reason = 'leak_blocked' } of REFUSED) {
      test(`${title} of the other cluster is ${reason}`, () => refuses(asked, reason));
    }
  });

  test("the other region's tenant is served from there, with an answer from there", async () => {
    const facts = { 'x-tenant-id': 'globex', 'x-data-classification': 'content' };
    const answer = await ask(clusters.rig.search, { method: 'GET', target: `/${SECRET}/_search` }, facts);
    expect(answer).toMatchObject({ status: 200, headers: { 'x-residency-region': 'us-east' } });
    expect(answer.text).toContain(SECRET);
    const ours = await ask(clusters.rig.search, { method: 'GET', target: `/${SECRET}/_search` }, FACTS);
    expect(ours).toMatchObject({ status: 404, headers: { 'x-residency-region': 'eu-west' } });
  });
});

const GZIP_JSON = { 'content-encoding': 'gzip', 'content-type': 'application/json' };
