import { Client, errors } from '@opensearch-project/opensearch';
import { afterAll, describe, expect, test } from 'vitest';
import { Trial } from './trial.ts';
import { FACTS, FOREIGN_FACTS, INSPECTED, refusedFacts, RESTRICTED_FACTS, startWorld } from './world.ts';

const world = await startWorld();
const { rig, home } = world;
afterAll(() => world.stop());
const trial = new Trial('@opensearch-project/opensearch', world);
const clients: Client[] = [];

function client(facts: Readonly<Record<string, string>>, more: ConstructorParameters<typeof Client>[0] = {}): Client {
  const made = new Client({ node: rig.search, headers: facts, ...more });
  clients.push(made);
  return made;
}

const search = client(FACTS);
const { ResponseError } = errors;
afterAll(() => Promise.all(clients.map((made) => made.close())));

const index = 'people';
const PEOPLE = [
  { id: '1', name: 'ada', born: 1815 },
  { id: '2', name: 'grace', born: 1906 },
  { id: '3', name: 'alan', born: 1912 },
];
const lines = (into: string) => PEOPLE.flatMap(({ id, ...person }) => [{ index: { _index: into, _id: id } }, person]);

/** By status: what the error is called, and how often the client asks. */
const TYPED = {
  400: { type: 'illegal_argument_exception', attempts: 1 },
  403: { type: 'security_exception', attempts: 1 },
  503: { type: 'unavailable_shards_exception', attempts: 4 },
};

describe('what the client stores and finds in residency', () => {
  test('the cluster says who it is and how it is, with the decision in the headers', async () => {
    const { body, headers } = await trial.allows('info', () => search.info());
    expect(body.cluster_name).toBe('eu-west');
    expect(headers).toMatchObject({
      'x-residency-decision': 'allow',
      'x-residency-reason': 'in_residency',
      'x-residency-region': 'eu-west',
      'x-residency-policy': expect.stringMatching(/^acme-home@\d+$/),
    });
    expect(home.search.lastRequest?.headers).not.toHaveProperty('x-tenant-id');
    expect((await trial.allows('info', () => search.ping())).body).toBe(true);
    expect((await trial.allows('cluster.health', () => search.cluster.health())).body.status).toBe('green');
  });

  test('an index is made, is there, and has its mapping', async () => {
    const mappings = { properties: { name: { type: 'keyword' as const } } };
    const made = await trial.allows('indices.create', () => search.indices.create({ index, body: { mappings } }));
    expect(made.body).toMatchObject({ acknowledged: true, index });
    expect((await trial.allows('indices.exists', () => search.indices.exists({ index }))).body).toBe(true);
    const read = await trial.allows('indices.get_mapping', () => search.indices.getMapping({ index }));
    expect(read.body[index]?.mappings).toMatchObject(mappings);
    expect((await trial.allows('indices.exists', () => search.indices.exists({ index: 'other' }))).body).toBe(false);
    expect(home.search.indices()).toEqual([index]);
  });

  test('a document is stored, read, updated and deleted', async () => {
    const at = { index, id: '9' };
    const stored = await trial.allows('index', () => search.index({ ...at, body: { name: 'linus' }, refresh: true }));
    expect([stored.statusCode, stored.body.result]).toEqual([201, 'created']);
    expect((await trial.allows('get', () => search.get(at))).body).toMatchObject({ _source: { name: 'linus' } });
    expect((await trial.allows('exists', () => search.exists(at))).body).toBe(true);
    const updated = await trial.allows('update', () => search.update({ ...at, body: { doc: { born: 1969 } } }));
    expect(updated.body.result).toBe('updated');
    expect((await trial.allows('get', () => search.get(at))).body).toMatchObject({
      _source: { name: 'linus', born: 1969 },
    });
    expect(home.search.document(index, '9')).not.toBeNull();
    expect((await trial.allows('delete', () => search.delete(at))).body.result).toBe('deleted');
    expect(home.search.document(index, '9')).toBeNull();
    const created = await trial.allows('create', () => search.create({ ...at, body: { name: 'margaret' } }));
    expect(created.body.result).toBe('created');
    const missing = await trial.allows('get', () => search.get({ index, id: 'none' }).catch((error: unknown) => error));
    expect(missing).toBeInstanceOf(ResponseError);
    expect(missing).toMatchObject({ statusCode: 404 });
  });

  test('many documents are stored at once and found again', async () => {
    const bulk = await trial.allows('bulk', () => search.bulk({ body: lines(index), refresh: true }));
    expect([bulk.body.errors, bulk.body.items.length]).toEqual([false, 3]);
    const query = { match: { name: 'grace' } };
    const found = await trial.allows('search', () => search.search({ index, body: { query } }));
    expect(found.body.hits.hits.map(({ _id }) => _id)).toEqual(['2']);
    const counted = await trial.allows('count', () => search.count({ index, body: { query } }));
    expect(counted.body.count).toBe(1);
    const got = await trial.allows('mget', () =>
      search.mget({
        body: {
          docs: [
            { _index: index, _id: '1' },
            { _index: index, _id: '3' },
          ],
        },
      }),
    );
    expect(got.body.docs).toEqual([
      expect.objectContaining({ _source: { name: 'ada', born: 1815 } }),
      expect.objectContaining({ _source: { name: 'alan', born: 1912 } }),
    ]);
    const several = await trial.allows('msearch', () =>
      search.msearch({ body: [{ index }, { query }, { index }, { query: { match_all: {} } }] }),
    );
    const sizes = several.body.responses.map((answer) => 'hits' in answer && answer.hits.hits.length);
    expect(sizes).toEqual([1, 4]);
  });

  test('compressed bodies are inflated to be judged, and arrive as they were meant', async () => {
    const compressed = client(FACTS, { compression: 'gzip' });
    const into = 'compressed';
    const bulk = await trial.allows('bulk', () => compressed.bulk({ body: lines(into), refresh: true }));
    expect(bulk.body.errors).toBe(false);
    expect(home.search.lastRequest?.headers['content-encoding']).toBe('gzip');
    const query = { match: { name: 'ada' } };
    const found = await trial.allows('search', () => compressed.search({ index: into, body: { query } }));
    expect(found.body.hits.hits).toEqual([expect.objectContaining({ _source: { name: 'ada', born: 1815 } })]);
  });

  test('an index is refreshed, listed and removed', async () => {
    await trial.allows('indices.refresh', () => search.indices.refresh({ index }));
    const listed = await trial.allows('cat.indices', () => search.cat.indices({ index: 'p*', format: 'json' }));
    expect(listed.body).toEqual([expect.objectContaining({ index })]);
    await trial.allows('indices.delete', () => search.indices.delete({ index: 'compressed' }));
    expect(home.search.indices()).toEqual([index]);
  });

  test('a client that says who it is in the path of its node works as well', async () => {
    const prefixed = client({}, { node: `${rig.search}/t/acme/identity` });
    const found = await trial.allows('search', () => prefixed.search({ index, body: { query: { match_all: {} } } }));
    expect(found.body.hits.hits.length).toBe(4);
  });
});

describe('what the client is refused', () => {
  for (const { title, facts, reason, status } of refusedFacts(world.abroadId)) {
    const { type, attempts } = TYPED[status];
    test(`${title}: ResponseError ${status}, ${attempts === 1 ? 'once' : `${attempts} times`}`, async () => {
      const refused = client(facts);
      for (const [operation, act] of [
        ['bulk', () => refused.bulk({ body: lines(index) })],
        ['search', () => refused.search({ index, body: { query: { match_all: {} } } })],
        ['get', () => refused.get({ index, id: '1' })],
      ] as const) {
        const error = await trial.denies(operation, { reason, attempts }, act);
        expect(error).toBeInstanceOf(ResponseError);
        expect(error).toMatchObject({
          statusCode: status,
          body: { status, error: { type, reason: expect.stringContaining(`[${reason}, request `) } },
          headers: { 'x-residency-decision': 'deny', 'x-residency-reason': reason },
        });
        expect((error as Error).message).toContain(type);
      }
    });
  }

  test('data that must not come back over the border is ResponseError 403, once', async () => {
    const restricted = client(RESTRICTED_FACTS);
    for (const [operation, act] of [
      ['search', () => restricted.search({ index })],
      ['get', () => restricted.get({ index, id: '1' })],
    ] as const) {
      const error = await trial.denies(operation, { reason: 'cross_border_restricted' }, act);
      expect(error).toMatchObject({ statusCode: 403, body: { error: { type: 'security_exception' } } });
    }
  });

  test('an index of another cluster is ResponseError 403 wherever it stands, once', async () => {
    const remote = 'us:people';
    const terms = { name: { index: remote, id: '1', path: 'name' } };
    for (const asked of [search, client(FACTS, { compression: 'gzip' })]) {
      for (const [operation, act] of [
        ['search', () => asked.search({ index: remote })],
        ['search', () => asked.search({ index: `${index},*:people` })],
        ['search', () => asked.search({ index, body: { query: { terms } } })],
        ['count', () => asked.count({ index: remote })],
        ['msearch', () => asked.msearch({ body: [{ index: remote }, { query: { match_all: {} } }] })],
        ['mget', () => asked.mget({ body: { docs: [{ _index: remote, _id: '1' }] } })],
        ['bulk', () => asked.bulk({ body: [{ index: { _index: remote, _id: '1' } }, { name: 'x' }] })],
        ['create_pit', () => asked.createPit({ index: [remote], keep_alive: '1m' })],
      ] as const) {
        const error = await trial.denies(operation, { reason: 'leak_blocked' }, act);
        expect(error).toBeInstanceOf(ResponseError);
        expect(error).toMatchObject({ statusCode: 403, body: { error: { type: 'security_exception' } } });
      }
    }
  });

  test('an answer to HEAD has no body to say why: the status and the headers do', async () => {
    const error = await trial.denies('indices.exists', { reason: 'leak_blocked' }, () =>
      search.indices.exists({ index: 'us:people' }),
    );
    expect(error).toBeInstanceOf(ResponseError);
    expect(error).toMatchObject({ statusCode: 403, headers: { 'x-residency-reason': 'leak_blocked' } });
  });

  test('operations that are not served are ResponseError 403, once', async () => {
    const repository = { type: 's3', settings: { bucket: 'elsewhere', region: 'us-east-1' } };
    const persistent = { 'cluster.remote.us.seeds': ['10.0.0.1:9300'] };
    for (const [operation, act] of [
      ['reindex', () => search.reindex({ body: { source: { index }, dest: { index: 'copy' } } })],
      ['cluster.put_settings', () => search.cluster.putSettings({ body: { persistent } })],
      [
        'snapshot.create_repository',
        () => search.snapshot.createRepository({ repository: 'r', body: repository as never }),
      ],
      ['search_template', () => search.searchTemplate({ index, body: { id: 'stored' } })],
      ['cluster.state', () => search.cluster.state()],
    ] as const) {
      const error = await trial.denies(operation, { reason: 'operation_not_permitted' }, act);
      expect(error).toBeInstanceOf(ResponseError);
      expect(error).toMatchObject({ statusCode: 403, body: { error: { type: 'security_exception' } } });
    }
  });

  test('a body that is too large to be looked into is ResponseError 413, once', async () => {
    const body = [{ index: { _index: index } }, { name: 'x'.repeat(INSPECTED) }];
    for (const asked of [search, client(FACTS, { compression: 'gzip' })]) {
      const error = await trial.denies('bulk', { reason: 'body_too_large_to_inspect' }, () => asked.bulk({ body }));
      expect(error).toBeInstanceOf(ResponseError);
      expect(error).toMatchObject({ statusCode: 413, body: { error: { type: 'content_too_long_exception' } } });
    }
  });
});

test('a tenant of the other region is served from there, and the matrix of this client is told', async () => {
  const abroad = client(FOREIGN_FACTS);
  await trial.crosses('index', () => abroad.index({ index: 'films', id: '1', body: { title: 'Metropolis' } }));
  expect(world.abroad.search.document('films', '1')).not.toBeNull();
  console.log(trial.summary());
});
