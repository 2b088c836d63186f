import { afterEach, describe, expect, it, vi } from 'vitest';
import { Catalogue } from '../../src/region/catalogue.ts';
import { StoredUses } from '../../src/store/uses.ts';
import { ACME, People, REQUEST, type PeopleOptions, type Send } from './people.ts';

let people: People;
afterEach(() => people.close());

async function viewer(options: PeopleOptions = {}): Promise<Send> {
  people = await People.open(options);
  return people.someone('viewer', 'vera');
}

const READ = { operation_type: 'read', resource_id: 'docs/1', data_classification: 'identity' };

describe('resolve', () => {
  it('answers the decision and what there is in its region', async () => {
    const vera = await viewer();
    const { status, body } = await vera('POST', '/access/resolve', READ);
    expect(status).toBe(200);
    expect(body).toEqual({
      allowed: true,
      effect: 'allow',
      reason: 'in_residency',
      target_region: 'eu-west',
      policy: 'acme-eu',
      policy_revision: expect.any(Number),
      classification: 'identity',
      grant: null,
      override: null,
      infrastructure: {
        storage: { endpoint: 'http://127.0.0.1:9', bucket: '{bucket}-eu-west-1', provider: 's3', region: 'eu-west' },
        search: { endpoint: 'http://127.0.0.1:9', index: 'acme--{index}', provider: 'opensearch', region: 'eu-west' },
        inference: { endpoint: 'http://127.0.0.1:9', provider: 'bedrock', region: 'eu-west' },
      },
    });
  });

  it('is asked in the words of systems in use', async () => {
    const policy = {
      ...ACME,
      subject_id: 'student-123',
      primary_region: 'us-east',
      allowed_regions: ['us-west'],
      prohibited_regions: [],
    };
    const vera = await viewer({
      policies: [{ ...policy, classifications: ['identity'] }],
      settings: { defaultClassification: 'identity' },
    });
    const sent = {
      tenant_id: 'acme',
      learner_id: 'student-123',
      operation_type: 'read',
      resource_type: 'document',
      resource_id: 'assignment-456',
      requested_region: 'us-west',
    };
    const at = { 'x-user-id': 'teacher-1', 'x-region': 'us-east-1', 'x-request-id': 'req-1' };
    const { body, headers } = await vera('POST', '/access/resolve', sent, at);
    expect(body).toMatchObject({ allowed: true, reason: 'in_residency', target_region: 'us-west', policy: 'acme-eu' });
    expect(headers['x-request-id']).toBe('req-1');
    expect((await vera('POST', '/access/resolve', { ...sent, learner_id: 'other' }, at)).body.reason).toBe('no_policy');
  });

  it.each<[string, object, Record<string, string>, string]>([
    ['a region that is not allowed', { requested_region: 'us-east' }, {}, 'region_not_allowed'],
    ['a region that is prohibited', { requested_region: 'us-west-2' }, {}, 'region_prohibited'],
    ['a caller from abroad', {}, { 'x-region': 'us-east-1' }, 'cross_border_restricted'],
    ['a caller from a prohibited region', {}, { 'x-region': 'us-west' }, 'region_prohibited'],
    ['no class', { data_classification: null }, {}, 'classification_missing'],
    ['a tenant without a policy', { tenant_id: 'nobody' }, {}, 'no_policy'],
  ])('answers a refusal with 200: %s', async (_, more, headers, reason) => {
    await viewer();
    const root = await people.someone('viewer', 'root', null);
    const { status, body } = await root('POST', '/access/resolve', { tenant_id: 'acme', ...READ, ...more }, headers);
    expect(status).toBe(200);
    expect(body).toMatchObject({ allowed: false, effect: 'deny', reason, target_region: null });
    expect(body.infrastructure).toEqual({ storage: null, search: null, inference: null });
  });

  it.each<[string, object, Record<string, string>, string]>([
    ['a region that there is not', { requested_region: 'mars' }, {}, '/requested_region'],
    ['a class that there is not', { data_classification: 'secret' }, {}, '/data_classification'],
    ['an operation that there is not', { operation_type: 'peek' }, {}, '/operation_type'],
    ['a field that there is not', { tenant: 'acme' }, {}, '/tenant'],
  ])('refuses with 400 %s', async (_, more, headers, path) => {
    const vera = await viewer();
    const answer = await vera('POST', '/access/resolve', { ...READ, ...more }, headers);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ path }] } });
  });

  it('refuses a header that means nothing', async () => {
    const vera = await viewer();
    const nowhere = await vera('POST', '/access/resolve', READ, { 'x-region': 'mars' });
    expect(nowhere).toMatchObject({ status: 400, body: { reason: 'region_unknown' } });
    const nobody = await vera('POST', '/access/resolve', READ, { 'x-user-id': 'a b' });
    expect(nobody).toMatchObject({ status: 400, body: { reason: 'request_malformed' } });
  });

  it('narrows to one service, and decides for it', async () => {
    const vera = await viewer({ policies: [{ ...ACME, resources: { storage: ['docs'], search: ['logs-*'] } }] });
    const at = async (service: string, resource: string) =>
      (await vera('POST', `/access/resolve?service=${service}`, { ...READ, resource_id: resource })).body;
    const search = await at('search', 'logs-1,logs-2,-logs-3');
    expect(search).toMatchObject({ allowed: true, infrastructure: { search: { index: 'acme--{index}' } } });
    expect(Object.keys(search.infrastructure)).toEqual(['search']);
    expect(await at('search', 'logs-1,other')).toMatchObject({ allowed: false, reason: 'resource_not_permitted' });
    expect(await at('storage', 'docs/1')).toMatchObject({ allowed: true });
    expect(await at('storage', 'other/1')).toMatchObject({ allowed: false, reason: 'resource_not_permitted' });
  });

  it('decides inference for a region that processes', async () => {
    const vera = await viewer({ policies: [{ ...ACME, primary_region: 'keyless', allowed_regions: ['eu-west'] }] });
    const ask = { operation_type: 'inference', resource_id: 'model-1', data_classification: 'content' };
    expect((await vera('POST', '/access/resolve', ask)).body).toMatchObject({
      allowed: false,
      reason: 'no_compliant_region',
    });
    const there = await vera('POST', '/access/resolve', { ...ask, requested_region: 'eu-west' });
    expect(there.body).toMatchObject({ allowed: true, infrastructure: { inference: { provider: 'bedrock' } } });
  });

  it('takes the class on record, and a higher one over what is claimed', async () => {
    const vera = await viewer();
    const root = await people.someone('operator', 'olga');
    await root('POST', '/data/classify', { data_id: 'docs/1', classification_level: 'identity' });
    const abroad = { 'x-region': 'us-east' };
    for (const data_classification of [null, 'content']) {
      const { body } = await vera('POST', '/access/resolve', { ...READ, data_classification }, abroad);
      expect(body).toMatchObject({ classification: 'identity', reason: 'cross_border_restricted' });
    }
    const other = await vera(
      'POST',
      '/access/resolve',
      { ...READ, resource_id: 'docs/2', data_classification: 'content' },
      abroad,
    );
    expect(other.body).toMatchObject({ classification: 'content', reason: 'cross_border_class' });
  });

  it('takes an index expression by its elements, also where nobody says that it is one', async () => {
    const vera = await viewer({ policies: [{ ...ACME, resources: { storage: ['docs'], search: ['logs-*'] } }] });
    const at = async (resource_id: string) => (await vera('POST', '/access/resolve', { ...READ, resource_id })).body;
    expect(await at('logs-1,logs-2')).toMatchObject({ allowed: true });
    expect(await at('logs-1,secret'), 'as the data plane would').toMatchObject({
      allowed: false,
      reason: 'resource_not_permitted',
    });
  });

  it('takes no lower class than is on record of anything that an expression means', async () => {
    const vera = await viewer({ settings: { defaultClassification: 'content' } });
    const root = await people.someone('operator', 'olga');
    await root('POST', '/data/classify', { data_id: 'logs-1', classification_level: 'identity' });
    await root('POST', '/data/classify', { data_id: 'logs-2', classification_level: 'analytical' });
    const ask = async (resource_id: string | null, service = 'search') =>
      (await vera('POST', `/access/resolve?service=${service}`, { resource_id })).body.classification;
    expect(await ask('logs-*')).toBe('identity');
    expect(await ask(null), 'a search of everything').toBe('identity');
    expect(await ask(null, 'storage')).toBe('content');
    expect(await ask('logs-2')).toBe('analytical');
    expect(await ask('logs-2,logs-3'), 'of the one there is no record').toBe('content');
  });

  it('is of one catalogue, also where another comes in force meanwhile', async () => {
    const vera = await viewer();
    const { registry } = people.rig.context;
    const { files } = registry;
    const turned = files.catalogue.regions.toReversed().map((region, index) => ({ ...region, index }));
    const read = registry.tenantDocument.bind(registry);
    vi.spyOn(registry, 'tenantDocument').mockImplementation(async (tenant) => {
      const document = await read(tenant);
      await registry.reload({ ...files, catalogue: new Catalogue(turned) });
      return document;
    });
    // Second of the one, second but last of the other: there the second is sovereign.
    const { body } = await vera('POST', '/access/resolve', READ, { 'x-region': 'us-west' });
    expect(body).toMatchObject({ allowed: false, reason: 'region_prohibited' });
    expect(registry.catalogue.regions[0]?.id).toBe('keyless');
  });

  it('uses up no grant, and knows when one is used up', async () => {
    const vera = await viewer();
    const alice = await people.someone('requester', 'alice');
    const bob = await people.someone('approver', 'bob');
    const asked = await alice('POST', '/access/request', { ...REQUEST, max_uses: 1 });
    const { grant_id: id } = (
      await bob('POST', '/access/approve', { request_id: asked.body.request_id, approved: true })
    ).body;
    const ask = async () =>
      (
        await vera(
          'POST',
          '/access/resolve',
          { ...READ, resource_id: 'invoices/1', requested_region: 'us-east' },
          { 'x-user-id': 'alice' },
        )
      ).body.reason;
    expect(await ask()).toBe('grant');
    expect(await ask()).toBe('grant');
    expect((await alice('GET', `/access/grants/${id}`)).body.uses_left).toBe(1);
    await new StoredUses(people.store).take([{ id, maxUses: 1, notBefore: 0, notAfter: Infinity }]);
    expect(await ask()).toBe('region_not_allowed');
    expect((await alice('GET', `/access/grants/${id}`)).body).toMatchObject({ status: 'exhausted', uses_left: 0 });
  });

  it('of another tenant is refused as if it were not there', async () => {
    const vera = await viewer();
    expect((await vera('POST', '/access/resolve', { ...READ, tenant_id: 'globex' })).status).toBe(404);
    const root = await people.someone('viewer', 'root', null);
    expect((await root('POST', '/access/resolve', READ)).status).toBe(400);
  });
});
