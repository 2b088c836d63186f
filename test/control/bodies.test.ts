import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlRig } from './rig.ts';

let rig: ControlRig;
let token: string;

beforeAll(async () => {
  rig = await ControlRig.start();
  token = await rig.token('operator', 'acme');
});
afterAll(() => rig.stop());

const POLICIES = '/api/v1/policies';
const post = (body: unknown) => rig.send('POST', POLICIES, { token, body });
const raw = (text: string | Buffer, headers = {}) => rig.send('POST', POLICIES, { token, raw: text, headers });

describe('the fields of a body', () => {
  it('that nobody knows are named, with what may have been meant', async () => {
    const { status, body } = await post({ primary_region: 'eu-west', alowed_regions: [] });
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      { path: '/alowed_regions', message: expect.stringMatching(/^unknown field \(did you mean allowed_regions\?\)/) },
    ]);
  });

  it('may be misspelt names of other systems too', async () => {
    const { body } = await post({ primary_region: 'eu-west', lerner_id: 'x' });
    expect(body.errors[0].message).toContain('(did you mean learner_id?)');
  });

  it('are all told at once, each by the name that was sent', async () => {
    const { status, body } = await rig.send('POST', '/api/v1/regions', {
      token: await rig.token('operator'),
      body: { aws_region: 7, country_code: 'ireland', data_center_location: false },
    });
    expect(status).toBe(400);
    expect(body.errors.map(({ path }: { path: string }) => path).sort()).toEqual([
      '/aws_region',
      '/country_code',
      '/data_center_location',
    ]);
  });

  it('cannot be sent by both of their names', async () => {
    const { status, body } = await post({ primary_region: 'eu-west', subject_id: 'a', learner_id: 'a' });
    expect(status).toBe(400);
    expect(body.errors).toEqual([{ path: '/learner_id', message: 'is the same as subject_id: send one of the two' }]);
  });

  it('are told by the hundred at most, so that a body never makes an answer many times its size', async () => {
    const unknown = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`f${i}`, 0]));
    const strange = Array.from({ length: 50_000 }, (_, i) => `nowhere-${i}`);
    for (const body of [
      { primary_region: 'eu-west', ...unknown },
      { primary_region: 'eu-west', allowed_regions: Array.from({ length: 200_000 }, () => 7) },
      { primary_region: 'eu-west', allowed_regions: strange },
      { primary_region: 'eu-west', classifications: strange },
      { primary_region: 'eu-west', resources: { storage: Array.from({ length: 200_000 }, () => '') } },
    ]) {
      const answer = await post(body);
      expect(answer.status).toBe(400);
      expect(answer.body.errors.length).toBeLessThanOrEqual(100);
      expect(answer.text.length).toBeLessThan(100_000);
    }
  });

  it('are named where a list is wrong beyond what is looked at', async () => {
    const regions: unknown[] = Array.from({ length: 1001 }, () => 'eu-central');
    regions.push(7);
    const { status, body } = await post({ primary_region: 'eu-west', allowed_regions: regions });
    expect(status).toBe(400);
    expect(body.errors).toEqual([{ path: '/allowed_regions', message: expect.stringContaining('too long') }]);
  });

  it('are lists of a thousand at most: everybody would wait while a longer one is looked at', async () => {
    const many = (item: unknown) => Array.from({ length: 1001 }, () => item);
    for (const [path, more] of [
      ['/allowed_regions', { allowed_regions: many('eu-central') }],
      ['/secondary_regions', { secondary_regions: many('eu-central') }],
      ['/prohibited_regions', { prohibited_regions: many('us-east') }],
      ['/classifications', { classifications: many('identity') }],
      ['/compliance_frameworks', { compliance_frameworks: many('gdpr') }],
      ['/transfer_evidence', { transfer_evidence: many({ regime: 'gdpr', mechanism: 'scc' }) }],
      ['/resources', { resources: { storage: many('docs') } }],
    ] as const) {
      const { status, body } = await post({ primary_region: 'eu-west', ...more });
      expect(status, path).toBe(400);
      expect(body.errors, path).toEqual([{ path, message: expect.stringContaining('too long') }]);
    }
  });

  it('are named where they hold too much, or a number without end', async () => {
    const alice = await rig.token('requester', 'acme');
    const ask = (raw: string) =>
      rig.send('POST', '/api/v1/access/request', {
        token: alice,
        raw: `{"to_region":"us-east","reason":"case 4711",${raw}}`,
      });
    const classes = await ask(`"classifications":${JSON.stringify(Array.from({ length: 65 }, () => 'identity'))}`);
    expect(classes.body.errors).toEqual([
      { path: '/classifications', message: 'has too many entries: give at most 64 entries' },
    ]);
    const minutes = await ask('"duration_minutes":1e999');
    expect(minutes.body.errors).toEqual([
      { path: '/duration_minutes', message: expect.stringContaining('out of range') },
    ]);
  });

  it('lie deeper, and are pointed at', async () => {
    const { body } = await post({
      primary_region: 'eu-west',
      resources: { storge: [] },
      transfer_evidence: [{ regime: 'gdpr' }],
    });
    const paths = body.errors.map(({ path }: { path: string }) => path);
    expect(paths).toContain('/resources/storge');
    expect(paths).toContain('/transfer_evidence/0/mechanism');
  });

  it('name regions and classes that there are', async () => {
    const { status, body } = await post({
      primary_region: 'eu-wset',
      prohibited_regions: ['us-east-1', 'mars'],
      data_classification: 'identty',
    });
    expect(status).toBe(400);
    expect(body.errors).toEqual([
      { path: '/primary_region', message: 'there is no region eu-wset (did you mean eu-west?)' },
      { path: '/prohibited_regions/1', message: 'there is no region mars' },
      { path: '/data_classification', message: expect.stringContaining('(did you mean identity?)') },
    ]);
  });
});

describe('a body', () => {
  it.each([
    ['a field twice', '{"primary_region":"eu-west","primary_region":"us-east"}', '/primary_region', 'twice'],
    ['a field twice, once escaped', '{"name":"a","n\\u0061me":"b"}', '/name', 'twice'],
    ['a field twice, deeper', '{"resources":{"storage":[],"storage":[]}}', '/storage', 'twice'],
    ['__proto__', '{"__proto__":{"enabled":false}}', '/__proto__', 'cannot be the name'],
    [
      'constructor',
      '{"constructor":{"prototype":{"x":1}},"primary_region":"eu-west"}',
      '/constructor',
      'unknown field',
    ],
    ['a comma too many', '{"name":"a",}', '', 'not JSON'],
    ['two values', '{} {}', '', 'not JSON'],
    ['nothing', '', '', 'not JSON'],
    ['a list', '[]', '', 'must be a JSON object'],
    ['a text', '"x"', '', 'must be a JSON object'],
    ['U+0000', '{"name":"a\\u0000b"}', '/name', 'U+0000'],
    ['U+0000, deeper', '{"resources":{"storage":["a","\\u0000"]}}', '/resources/storage/1', 'U+0000'],
    ['a lone surrogate', '{"name":"\\ud800"}', '', 'not JSON'],
  ])('with %s is refused', async (_, text, path, why) => {
    const { status, body } = await raw(text);
    expect(status).toBe(400);
    expect(body.errors[0].path).toBe(path);
    expect(body.errors[0].message).toContain(why);
    expect(({} as { enabled?: boolean }).enabled, 'nothing is polluted').toBeUndefined();
  });

  it('that is not UTF-8 is refused', async () => {
    const { status } = await raw(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]));
    expect(status).toBe(400);
  });

  it('nested too deep is refused', async () => {
    expect((await raw(`{"resources":${'['.repeat(10_000)}${']'.repeat(10_000)}}`)).status).toBe(400);
  });

  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/xml',
    'multipart/form-data',
    'application/jsonx',
  ])('of type %s is refused', async (type) => {
    const { status, body, headers } = await raw('{}', { 'content-type': type });
    expect(status).toBe(415);
    expect(headers['content-type']).toContain('application/problem+json');
    expect(body.detail).toContain('application/json');
  });

  it('that is compressed is refused', async () => {
    expect((await raw('{}', { 'content-encoding': 'gzip' })).status).toBe(415);
  });

  it('over 1 MiB is refused', async () => {
    expect((await raw(`{"name":"${'x'.repeat(1_048_576)}"}`)).status).toBe(413);
  });

  it('is refused where a path takes none, unless it is empty', async () => {
    const all = await rig.token('operator');
    const path = '/api/v1/regions/eu-west/drain';
    expect((await rig.send('POST', path, { token: all, body: { force: true } })).status).toBe(400);
    expect((await rig.send('POST', path, { token: all, body: {} })).status).toBe(200);
    expect((await rig.send('POST', path, { token: all, headers: { 'content-type': 'application/json' } })).status).toBe(
      200,
    );
  });
});

describe('a query', () => {
  const get = (query: string) => rig.send('GET', `${POLICIES}${query}`, { token });

  it.each([
    ['?limit=0', '/limit'],
    ['?limit=201', '/limit'],
    ['?limit=1e2', '/limit'],
    ['?limit=', '/limit'],
    ['?limit=1&limit=1', '/limit'],
    ['?cursor=%00', '/cursor'],
    ['?cursor=AA', '/cursor'],
    ['?cursor=YR', '/cursor'],
    ['?tenant_id=a%00', '/tenant_id'],
    ['?cursor=YQ%3D%3D', '/cursor'],
    ['?lmit=1', '/lmit'],
    ['?tenant_id=a/b', '/tenant_id'],
    ['?__proto__=1', '/__proto__'],
  ])('%s is refused', async (query, path) => {
    const { status, body } = await get(query);
    expect(status).toBe(400);
    expect(body.errors[0].path).toBe(path);
  });

  it('is refused where a path takes none', async () => {
    const { status, body } = await rig.send('GET', '/health?verbose=1');
    expect(status).toBe(400);
    expect(body.errors).toEqual([{ path: '/verbose', message: 'is in the query, and this path takes none' }]);
  });
});
