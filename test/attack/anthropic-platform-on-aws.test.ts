// PROTOCOLS, leak table "Other inference", row "Claude Platform on AWS": aws-external-anthropic.{region}.api.aws carries a region in
// its name, and still infers globally by default. It is the same protocol, signed by AWS's way: the same rules hold, and
// neither the host that a client names nor the region in its signature says anything.
import { expect, test } from 'vitest';
import { ask, saying } from './inference-asks.ts';
import { EU_WEST, startInferenceWorld, US_EAST } from './inference-world.ts';

const host = 'aws-external-anthropic.us-east-1.api.aws';
const headers = {
  authorization:
    'AWS4-HMAC-SHA256 Credential=AKIDCLIENT/20261121/us-east-1/aws-external-anthropic/aws4_request, SignedHeaders=host, Signature=00',
  'anthropic-version': '2023-06-01',
};
const unstated = await startInferenceWorld({ endpoints: { anthropic: { processing: null } } });
const world = await startInferenceWorld({
  regions: [US_EAST, EU_WEST],
  endpoints: { anthropic: { inference_geo: 'us', processing: null } },
});

test('an endpoint that has but a region in its name does not process there', async () => {
  await unstated.refuses(ask('anthropic', { host, headers }), { reason: 'no_compliant_region' });
});

test('a workspace named by header, and a geography of the client’s, are refused', async () => {
  const named = { ...headers, 'anthropic-workspace-id': 'wrkspc_1' };
  await world.refuses(ask('anthropic', { host, headers: named }), { reason: 'leak_blocked', leak: 'workspace' });
  await world.refuses(
    { ...saying('anthropic', { inference_geo: 'global' }), host, headers },
    {
      reason: 'leak_blocked',
      leak: 'inference_geo',
    },
  );
});

test('where the geography is stated it is pinned, and the client’s signature stays behind', async () => {
  const { body, received } = await world.forwards(ask('anthropic', { host, headers }));
  expect(JSON.parse(body)).toMatchObject({ inference_geo: 'us' });
  expect(JSON.stringify(received)).not.toMatch(/AWS4|AKIDCLIENT|aws-external/);
});
