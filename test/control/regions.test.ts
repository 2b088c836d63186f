import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ControlRig } from './rig.ts';

let rig: ControlRig;
let token: string;
const BASE = '/api/v1/regions';

beforeAll(async () => {
  rig = await ControlRig.start();
  token = await rig.token('operator');
});
afterAll(() => rig.stop());

const post = (body: object) => rig.send('POST', BASE, { token, body });
const get = (name: string) => rig.send('GET', `${BASE}/${name}`, { token });
const put = (name: string, body: object, etag = '*') =>
  rig.send('PUT', `${BASE}/${name}`, { token, body, headers: { 'if-match': etag } });
const remove = (name: string, etag = '*') =>
  rig.send('DELETE', `${BASE}/${name}`, { token, headers: { 'if-match': etag } });
const act = (name: string, word: 'activate' | 'drain') => rig.send('POST', `${BASE}/${name}/${word}`, { token });

const ENDPOINTS = { storage: { url: 'https://s3.ap-southeast-2.amazonaws.com', signing: { credentials: 'aws' } } };
const statusInForce = (id: string) =>
  rig.context.registry.worldDocument().then(({ regions }) => regions.find((region) => region.id === id)?.status);

describe('regions of the catalogue', () => {
  it('are listed in its order, without what is secret', async () => {
    const { body, text } = await rig.send('GET', BASE, { token: await rig.token('viewer', 'acme') });
    expect(body.items.map(({ id }: { id: string }) => id)).toEqual(
      rig.context.registry.catalogue.regions.map(({ id }) => id),
    );
    expect(body.items[0]).toMatchObject({
      source: 'file',
      endpoints: null,
      services: expect.arrayContaining(['storage']),
    });
    expect(text).not.toContain('AKIDEXAMPLE');
    expect(text).not.toContain('not-so-secret');
  });

  it('are read by both of their names', async () => {
    const [id, cloud] = await Promise.all([get('eu-west'), get('eu-west-1')]);
    expect(id.body).toEqual(cloud.body);
    expect((await get('eu-west-9')).status).toBe(404);
  });

  it('change in their status alone', async () => {
    const read = await get('us-west');
    expect((await put('us-west', { ...read.body, data_center: 'Elsewhere' }, read.etag)).status).toBe(409);
    expect((await put('us-west', { endpoints: ENDPOINTS }, read.etag)).status).toBe(409);
    expect((await remove('us-west', read.etag)).status).toBe(409);
    const { status, body } = await put('us-west', { ...read.body, status: 'inactive' }, read.etag);
    expect(status).toBe(200);
    expect(body).toMatchObject({ id: 'us-west', status: 'inactive', source: 'file' });
    expect(await statusInForce('us-west')).toBe('inactive');
    expect((await put('us-west', { status: 'active' }, read.etag)).status, 'the first ETag is stale').toBe(412);
    expect((await put('us-west', { status: 'active' }, `"${body.revision}"`)).body.status).toBe('active');
  });

  it('are drained and activated, as often as one likes', async () => {
    const first = await act('eu-central-1', 'drain');
    expect(first.body).toMatchObject({ id: 'eu-central', status: 'draining' });
    const again = await act('eu-central', 'drain');
    expect(again.body.revision, 'nothing has changed').toBe(first.body.revision);
    expect(await statusInForce('eu-central')).toBe('draining');
    expect((await act('eu-central', 'activate')).body.status).toBe('active');
    expect((await act('nowhere', 'activate')).status).toBe(404);
  });
});

describe('a region that is made', () => {
  it('is named after its cloud region, lies where its country does, and serves nothing yet', async () => {
    const body = {
      name: 'APAC (Sydney)',
      aws_region: 'ap-southeast-2',
      country_code: 'AU',
      data_center_location: 'Sydney',
    };
    const made = await post(body);
    expect(made.status).toBe(201);
    expect(made.headers['location']).toBe(`${BASE}/ap-southeast`);
    expect(made.body).toMatchObject({
      id: 'ap-southeast',
      cloud_region: 'ap-southeast-2',
      geography: 'APAC',
      data_center: 'Sydney',
      status: 'inactive',
      source: 'api',
      services: [],
    });
    const again = await post(body);
    expect(again.status, 'the same again is there already').toBe(200);
    expect(again.body).toEqual(made.body);
    const nulls = await post({ ...body, id: null, geography: null });
    expect(nulls.status, 'null is as good as left out').toBe(200);
  });

  it('takes no name that is taken, with other content', async () => {
    expect((await post({ cloud_region: 'ap-southeast-2', country: 'AU', sovereign: true })).status).toBe(409);
    expect((await post({ id: 'other', cloud_region: 'ap-southeast-2', country: 'AU' })).status).toBe(409);
    expect((await post({ id: 'ap-southeast', cloud_region: 'ap-southeast-3', country: 'ID' })).status).toBe(409);
    expect((await post({ id: 'eu-west-1', cloud_region: 'x-1', country: 'IE' })).status, 'of a file too').toBe(409);
    expect((await post({ cloud_region: 'eu-west-1', country: 'DE' })).status).toBe(409);
  });

  it('needs a geography where its country does not say', async () => {
    const { status, body } = await post({ cloud_region: 'eu-west-2', country: 'GB' });
    expect(status).toBe(400);
    expect(body.errors).toEqual([{ path: '/geography', message: expect.stringContaining('not known for GB') }]);
    expect((await post({ id: 'eu-london', cloud_region: 'eu-west-2', country: 'GB', geography: 'UK' })).status).toBe(
      201,
    );
  });

  it('is activated once it has an endpoint', async () => {
    const refused = await act('ap-southeast', 'activate');
    expect(refused.status).toBe(409);
    expect(refused.body.detail).toContain('has no endpoint');
    expect((await act('ap-southeast', 'drain')).status, 'there is nothing to drain').toBe(409);
    const read = await get('ap-southeast');
    expect((await put('ap-southeast', { status: 'active' }, read.etag)).status).toBe(409);
    const served = await put('ap-southeast', { ...read.body, endpoints: ENDPOINTS }, read.etag);
    expect(served.status).toBe(200);
    expect(served.body).toMatchObject({ status: 'inactive', services: ['storage'] });
    expect(served.body.endpoints.storage).toMatchObject({
      url: ENDPOINTS.storage.url,
      signing: { credentials: 'aws' },
    });
    expect((await act('ap-southeast', 'activate')).body.status).toBe('active');
    expect(rig.context.registry.catalogue.find('ap-southeast-2')?.endpoints.s3?.authentication.kind).toBeDefined();
    expect(await statusInForce('ap-southeast')).toBe('active');
    const bare = await put('ap-southeast', { endpoints: {} });
    expect(bare.status, 'an active region keeps an endpoint').toBe(409);
  });

  it('keeps what a change leaves out: above all what its endpoints must resolve into', async () => {
    const narrow = { networks: ['10.0.0.0/8'], certifications: ['soc-2'], sovereign: true };
    const made = await post({ id: 'perth', cloud_region: 'au-perth-1', country: 'AU', ...narrow });
    expect(made.status).toBe(201);
    const { status, body } = await put('perth', { name: 'Perth' }, made.etag);
    expect(status).toBe(200);
    expect(body).toMatchObject({ ...made.body, name: 'Perth', revision: expect.any(Number) });
    const emptied = await put('perth', { networks: [], name: null });
    expect(emptied.body, 'what is sent changes').toMatchObject({ networks: [], name: 'Perth', sovereign: true });
  });

  it('has endpoints that make sense', async () => {
    const storage = (url: string, credentials = 'aws') => ({
      endpoints: { storage: { url, signing: { credentials } } },
    });
    const unknown = await put('ap-southeast', storage('https://s3.ap-southeast-2.amazonaws.com', 'asw'));
    expect(unknown.status).toBe(400);
    expect(unknown.body.errors).toEqual([
      { path: '/endpoints/storage/signing/credentials', message: expect.stringContaining('did you mean aws?') },
    ]);
    const abroad = await put('ap-southeast', storage('https://s3.eu-west-1.amazonaws.com'));
    expect(abroad.status).toBe(400);
    expect(abroad.body.errors[0].path).toBe('/endpoints/storage/url');
    const secret = await put('ap-southeast', storage('https://user:password@s3.example'));
    expect(secret.status).toBe(400);
  });

  it('stays while something names it', async () => {
    const policies = '/api/v1/policies';
    const all = await rig.token('operator');
    const body = { id: 'sydney', tenant_id: 'acme', primary_region: 'ap-southeast-2' };
    const policy = await rig.send('POST', policies, { token: all, body });
    expect(policy.status).toBe(201);
    const named = await remove('ap-southeast');
    expect(named.status).toBe(409);
    expect(named.body.detail).toContain('policy sydney');
    await rig.send('DELETE', `${policies}/sydney`, { token: all, headers: { 'if-match': policy.etag } });
    const { etag } = await get('ap-southeast');
    expect((await remove('ap-southeast', '"1"')).status).toBe(412);
    expect((await remove('ap-southeast', etag)).status).toBe(204);
    expect((await get('ap-southeast')).status).toBe(404);
    expect(await statusInForce('ap-southeast')).toBeUndefined();
  });
});

it('regions are paged, and a cursor of one that is gone is told', async () => {
  const first = await rig.send('GET', `${BASE}?limit=3`, { token });
  const second = await rig.send('GET', `${BASE}?limit=200&cursor=${first.body.next_cursor}`, { token });
  const ids = [...first.body.items, ...second.body.items].map(({ id }: { id: string }) => id);
  expect(ids).toEqual(rig.context.registry.catalogue.regions.map(({ id }) => id));
  expect(second.body.next_cursor).toBeNull();
  const gone = Buffer.from('gone').toString('base64url');
  expect((await rig.send('GET', `${BASE}?cursor=${gone}`, { token })).status).toBe(400);
});
