// PROTOCOLS, leak table "Other inference", row "OpenAI hosts": a key of a Global project works on the global, the American and the
// European host alike, and of the eleven regional hosts most store where they say but process elsewhere. So the host is the
// region's endpoint, whatever the request says, and an endpoint that does not process serves no inference.
import { expect, test } from 'vitest';
import { ask } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld({
  policies: [
    { id: 'acme', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west' },
    {
      id: 'listed',
      tenant_id: 'listed',
      mode: 'client-owned',
      primary_region: 'eu-west',
      resources: { inference: ['gpt-5'] },
    },
  ],
});
const storing = await startInferenceWorld({ endpoints: { openai: { storage: true, processing: false } } });
const home = new URL(world.home.url).host;
const abroad = 'us.api.openai.com';

test.each([
  ['Host', { host: abroad }],
  ['X-Forwarded-Host', { headers: { 'x-forwarded-host': abroad, 'x-forwarded-proto': 'https' } }],
  ['Forwarded', { headers: { forwarded: `host=${abroad};proto=https` } }],
  ['X-Original-URL', { headers: { 'x-original-url': '/v1/files', 'x-rewrite-url': '/v1/files' } }],
])('the host named by %s is not where it goes', async (_, more) => {
  for (const wire of [1, 2] as const) {
    const { received } = await world.forwards(ask('openai', more), wire);
    expect(received.headers.host).toBe(home);
    expect(JSON.stringify(received)).not.toMatch(/us\.api\.openai|original-url|rewrite-url|forwarded/);
  }
});

test('a target that names another host is refused', async () => {
  const target = `https://${abroad}/v1/responses`;
  await world.refuses(ask('openai', { target }), { reason: 'request_malformed' });
});

test('a target that names another host than Host is refused, and one that agrees stays at home', async () => {
  await world.refuses(ask('openai', { target: `http://${abroad}/v1/responses`, host: 'eu.api.openai.com' }), {
    reason: 'request_malformed',
  });
  const { received } = await world.forwards(ask('openai', { target: `http://${abroad}/v1/responses`, host: abroad }));
  expect(received).toMatchObject({ target: '/v1/responses', headers: { host: home } });
});

test('another region is not to be had by asking', async () => {
  const headers = { 'x-requested-region': 'us-east' };
  await world.refuses(ask('openai', { headers }), { reason: 'region_not_allowed' });
  await world.refuses(ask('openai', { headers: { 'x-requested-region': 'us.api.openai.com' } }), {
    reason: 'region_unknown',
  });
});

test('a host that stores in the region but processes elsewhere serves no inference', async () => {
  for (const classification of ['identity', 'operational', 'content'])
    await storing.refuses(ask('openai', { classification }), { reason: 'no_compliant_region' });
  const list = { method: 'GET', target: '/v1/models', body: undefined };
  await storing.refuses(ask('openai', list), { reason: 'no_compliant_region' });
});

test('a model that the policy does not list is refused, also where it cannot be seen', async () => {
  const body = { model: 'gpt-4o', input: 'x' };
  await world.refuses(ask('openai', { tenant: 'listed', body }), { reason: 'resource_not_permitted' });
  await world.refuses(ask('openai', { tenant: 'listed', body: { input: 'x' } }), { reason: 'resource_not_permitted' });
  const form = { target: '/v1/audio/transcriptions', type: 'multipart/form-data; boundary=x', body: '--x--\r\n' };
  await world.refuses(ask('openai', { ...form, tenant: 'listed' }), { reason: 'resource_not_permitted' });
  const twice = '{"model":"gpt-5","input":"x","\\u006dodel":"gpt-4o"}';
  await world.refuses(ask('openai', { tenant: 'listed', body: twice }), { reason: 'request_malformed' });
  await world.refuses(ask('openai', { tenant: 'listed', body: { model: 'gpt-5', input: 'x', Model: 'gpt-4o' } }), {
    reason: 'leak_blocked',
    leak: 'key_case',
  });
  await world.forwards(ask('openai', { tenant: 'listed' }));
});
