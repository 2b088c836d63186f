// PROTOCOLS, "Five findings", 1, and "Denials at 403": the JavaScript SDK speaks HTTP/2 to Bedrock, with prior knowledge, so a
// refusal must be one there too: with its status, `x-amzn-errortype` and the message, which the SDK turns into its own typed
// error and does not try again. What cannot be told from a broken connection is retried, and with luck elsewhere.
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from '@aws-sdk/client-bedrock-runtime';
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget } from './inference-asks.ts';
import { startInferenceWorld, type InferenceAttack, type Refused } from './inference-world.ts';

const world = await startInferenceWorld({
  settings: { limits: { inspect_body_bytes: 1024 } },
  policies: [
    { id: 'acme', tenant_id: 'acme', mode: 'client-owned', primary_region: 'eu-west', prohibited_regions: ['us-east'] },
    {
      id: 'listed',
      tenant_id: 'listed',
      mode: 'client-owned',
      primary_region: 'eu-west',
      resources: { inference: ['amazon.*'] },
    },
  ],
});
const large = { messages: [{ role: 'user', content: [{ text: 'x'.repeat(2000) }] }] };

test.each<[string, InferenceAttack, Refused]>([
  ['no tenant', ask('bedrock', { tenant: null }), { reason: 'tenant_missing', status: 400 }],
  ['no class', ask('bedrock', { classification: 'secret' }), { reason: 'classification_invalid', status: 400 }],
  ['an unknown tenant', ask('bedrock', { tenant: 'nobody' }), { reason: 'no_policy', status: 403 }],
  ['an unlisted model', ask('bedrock', { tenant: 'listed' }), { reason: 'resource_not_permitted', status: 403 }],
  [
    'a prohibited region',
    ask('bedrock', { headers: { 'x-requested-region': 'us-east-1' } }),
    { reason: 'region_prohibited', status: 403 },
  ],
  [
    'an unknown region',
    ask('bedrock', { headers: { 'x-requested-region': 'mars' } }),
    { reason: 'region_unknown', status: 400 },
  ],
  ['no operation', ask('bedrock', { target: '/model/x/y' }), { reason: 'operation_not_permitted', status: 403 }],
  [
    'a query',
    ask('bedrock', { target: `${modelTarget(CLAUDE, 'converse')}?x=1` }),
    { reason: 'operation_not_permitted', status: 403 },
  ],
  [
    'a global profile',
    ask('bedrock', { target: modelTarget(`global.${CLAUDE}`, 'converse') }),
    { reason: 'leak_blocked', status: 403, leak: 'global_profile' },
  ],
  [
    'a body that says a thing twice',
    ask('bedrock', { body: '{"messages":[],"messages":[]}' }),
    { reason: 'request_malformed', status: 400 },
  ],
  ['a body that is too long', ask('bedrock', { body: large }), { reason: 'body_too_large_to_inspect', status: 413 }],
  ['a HEAD', ask('bedrock', { method: 'HEAD', body: undefined }), { reason: 'operation_not_permitted', status: 403 }],
])('%s is refused with its status and type', async (_, attack, refused) => {
  await world.refuses(attack, refused, 2);
});

test('the SDK raises AccessDeniedException after one attempt, for a call and for a stream', async () => {
  const client = new BedrockRuntimeClient({
    endpoint: world.rig.inference,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDCLIENT', secretAccessKey: 'client' },
  });
  client.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: object }).headers, {
        'x-tenant-id': 'acme',
        'x-data-classification': 'identity',
      });
      return next(args);
    },
    { step: 'build', name: 'residency' },
  );
  const messages = [{ role: 'user' as const, content: [{ text: 'How is pupil 4711?' }] }];
  const refused = { reason: 'leak_blocked', leak: 'global_profile' } as const;
  for (const command of [ConverseCommand, ConverseStreamCommand]) {
    const error = await world.silently(refused, 'bedrock', () =>
      client.send(new command({ modelId: `global.${CLAUDE}`, messages }) as ConverseCommand).catch((e: unknown) => e),
    );
    expect(error).toMatchObject({
      name: 'AccessDeniedException',
      message: 'This model is not permitted.',
      $metadata: { httpStatusCode: 403, attempts: 1 },
    });
  }
  const { output } = await client.send(new ConverseCommand({ modelId: CLAUDE, messages }));
  expect(output?.message?.content?.[0]?.text).toContain('eu-west-1');
  client.destroy();
});
