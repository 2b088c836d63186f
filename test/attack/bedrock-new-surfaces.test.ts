// PROTOCOLS, leak table "Bedrock": "New surfaces with the model in the body: bedrock-runtime…/anthropic, bedrock-mantle". The host
// that serves /model/… also serves other providers' protocols, where the model, a profile's prefix too, is a member of the
// body. They are no operations here, whoever asks and with whatever proof.
import { test } from 'vitest';
import { CLAUDE } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const AWS =
  'AWS4-HMAC-SHA256 Credential=AKIDCLIENT/20261121/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=00';
const world = await startInferenceWorld();
const body = { model: `global.${CLAUDE}`, anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: [] };

test.each([
  ['POST', '/anthropic/v1/messages'],
  ['POST', '/anthropic/v1/messages/count_tokens'],
  ['POST', '/openai/v1/chat/completions'],
  ['POST', '/openai/v1/responses'],
  ['GET', '/openai/v1/models'],
  ['POST', '/v1/projects/p/chat/completions'],
  ['POST', '/mantle/v1/responses'],
  ['GET', '/inference-profiles'],
  ['POST', '/model-invocation-job'],
  ['POST', '/provisioned-model-throughput'],
  ['PUT', '/logging/modelinvocations'],
])('%s %s is no operation', async (method, target) => {
  const attack = { method, target, ...(method === 'GET' ? {} : { body }) };
  await world.refuses({ ...attack, dialect: 'openai' }, { reason: 'operation_not_permitted' });
  const signed = { ...attack, headers: { authorization: AWS } };
  const dialect = target.startsWith('/v1/') ? 'openai' : 'bedrock';
  await world.refuses({ ...signed, dialect }, { reason: 'operation_not_permitted' });
  const anthropic = { ...attack, headers: { 'anthropic-version': '2023-06-01', authorization: AWS } };
  await world.refuses({ ...anthropic, dialect: 'anthropic' }, { reason: 'operation_not_permitted' });
});

test.each([
  ['POST', `/model/${encodeURIComponent(CLAUDE)}/invoke-with-bidirectional-stream`],
  ['POST', '/guardrail-checks/invoke'],
  ['PUT', `/model/${encodeURIComponent(CLAUDE)}/converse`],
  ['GET', `/model/${encodeURIComponent(CLAUDE)}`],
  ['DELETE', '/guardrail/gr1'],
])('%s %s of the runtime itself is none either', async (method, target) => {
  const attack = { dialect: 'bedrock', method, target, ...(method === 'POST' ? { body } : {}) } as const;
  await world.refuses(attack, { reason: 'operation_not_permitted' });
  await world.refuses(attack, { reason: 'operation_not_permitted' }, 2);
});
