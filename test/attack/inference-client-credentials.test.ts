// PROTOCOLS, row "Presigned URL" ("give apps dummy credentials, or they can mint URLs that bypass the proxy") and section D, for
// inference: a client's own key works on every host of its provider, so one that is handed on may be answered for another
// account in another place; a second one beside ours is taken by whichever the server looks at first. None travels on.
import { expect, test } from 'vitest';
import { ENV } from '../rig/regions.ts';
import { ask } from './inference-asks.ts';
import { DIALECTS, startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const AWS =
  'AWS4-HMAC-SHA256 Credential=AKIDCLIENT/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=client';
const CREDENTIALS = {
  'x-api-key': 'client-key',
  'api-key': 'client-key',
  'x-goog-api-key': 'client-key',
  'ocp-apim-subscription-key': 'client-key',
  'proxy-authorization': 'Basic client',
  cookie: 'session=client',
  'x-amz-date': '20200101T000000Z',
  'x-amz-security-token': 'client-token',
  'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
  'x-amzn-bedrock-trace': 'DISABLED',
  'openai-organization': 'org-client',
  'openai-project': 'proj-client',
  'openai-beta': 'assistants=client',
  'x-forwarded-for': '10.0.0.1',
  'x-amzn-trace-id': 'Root=client',
};

test.each(
  DIALECTS.flatMap((dialect) => ['Bearer client-key', 'Basic client', AWS].map((proof) => [dialect, proof] as const)),
)(
  '%s: what proves the client (%s) stays behind, what proves us is put in, and it is accepted',
  async (dialect, authorization) => {
    for (const wire of [1, 2] as const) {
      const { received } = await world.forwards(ask(dialect, { headers: { ...CREDENTIALS, authorization } }), wire);
      expect(JSON.stringify(received)).not.toMatch(/client|AKIDCLIENT|UNSIGNED|20200101|10\.0\.0\.1/i);
      const ours = {
        bedrock: expect.stringMatching(
          /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-west-1\/bedrock\//,
        ) as unknown,
        openai: `Bearer ${ENV.OPENAI_KEY}`,
        anthropic: undefined,
      };
      expect(received.headers.authorization).toEqual(ours[dialect]);
      expect(received.headers['x-api-key']).toBe(dialect === 'anthropic' ? ENV.ANTHROPIC_KEY : undefined);
    }
  },
);

test('identity, and every header that names a region or a policy, stays behind too', async () => {
  const headers = {
    'x-subject-id': 'pupil-4711',
    'x-user-id': 'teacher-1',
    'x-requested-region': 'eu-west',
    'x-region': 'us-east',
    'x-residency-region': 'us-east',
    'x-residency-policy': 'x',
  };
  for (const dialect of DIALECTS) {
    const { received } = await world.forwards(ask(dialect, { headers }));
    expect(
      Object.keys(received.headers).filter((name) => /tenant|classif|subject|user-id|region|residency/.test(name)),
    ).toEqual([]);
    expect(JSON.stringify(received)).not.toMatch(/pupil|teacher|acme/);
  }
});

test('a form keeps its own headers and no others', async () => {
  const body = '--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n--x--\r\n';
  const form = { target: '/v1/audio/transcriptions', type: 'multipart/form-data; boundary=x', body };
  const { received, body: sent } = await world.forwards(
    ask('openai', { ...form, headers: { ...CREDENTIALS, authorization: 'Bearer client-key' } }),
  );
  expect(sent).toBe(body);
  expect(JSON.stringify(received)).not.toMatch(/client/i);
});

test('a key in the query is refused, since it would be in every log on the way', async () => {
  for (const query of ['key=client', 'api-version=1&api-key=client', 'X-Amz-Signature=client'])
    for (const dialect of DIALECTS)
      await world.refuses(ask(dialect, { target: `${ask(dialect).target}?${query}` }), {
        reason: 'operation_not_permitted',
      });
});
