// PROTOCOLS, leak table "Other inference", row "Anthropic": a batch holds many requests, each with a geography of its own or with
// none, and its answers are kept to be fetched. It is no operation; neither is anything else that is not one message.
import { test } from 'vitest';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const params = { model: 'claude-opus-4-6', max_tokens: 9, messages: [], inference_geo: 'global' };

test.each([
  ['POST', '/v1/messages/batches'],
  ['GET', '/v1/messages/batches'],
  ['GET', '/v1/messages/batches/msgbatch_1/results'],
  ['POST', '/v1/messages/batches/msgbatch_1/cancel'],
  ['POST', '/v1/messages/batches?beta=true'],
  ['POST', '/v1/messages%2Fbatches'],
  ['POST', '/v1/messages/./batches'],
  ['POST', '/v1/messages/count_tokens/../batches'],
  ['POST', '/v1/messages//batches'],
  ['POST', '/v1/messages/'],
  ['POST', '/v1/messages?workspace_id=wrkspc_1'],
  ['POST', '/v1/complete'],
  ['POST', '/v1/files'],
  ['GET', '/v1/files/file_1/content'],
  ['POST', '/v1/skills'],
  ['POST', '/v1/agents'],
  ['POST', '/v1/sessions'],
  ['GET', '/v1/organizations/workspaces'],
  ['GET', '/v1/models?workspace_id=wrkspc_1'],
])('%s %s is no operation, in no class', async (method, target) => {
  const body = method === 'POST' ? { body: { requests: [{ custom_id: 'a', params }] } } : {};
  const attack = {
    dialect: 'anthropic',
    method,
    target,
    headers: { 'anthropic-version': '2023-06-01' },
    ...body,
  } as const;
  for (const classification of ['identity', 'content'])
    await world.refuses({ ...attack, classification }, { reason: 'operation_not_permitted' });
});
