// PROTOCOLS, leak table "Other inference", row "OpenAI state": assistants and threads are absent from the table of what is kept in
// a region at all; files, batches and vector stores keep data, and answers are fetched later by an id that does not say where
// it is from. None of them is an operation, in no class, whatever the method and however it is written.
import { test } from 'vitest';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();

test.each([
  ['POST', '/v1/assistants'],
  ['POST', '/v1/threads'],
  ['POST', '/v1/threads/runs'],
  ['POST', '/v1/threads/thread_1/messages'],
  ['POST', '/v1/files'],
  ['GET', '/v1/files/file-1/content'],
  ['DELETE', '/v1/files/file-1'],
  ['POST', '/v1/uploads'],
  ['POST', '/v1/batches'],
  ['GET', '/v1/batches/batch_1'],
  ['POST', '/v1/vector_stores'],
  ['POST', '/v1/vector_stores/vs_1/search'],
  ['POST', '/v1/conversations'],
  ['GET', '/v1/conversations/conv_1/items'],
  ['GET', '/v1/responses/resp_1'],
  ['GET', '/v1/responses/resp_1/input_items'],
  ['DELETE', '/v1/responses/resp_1'],
  ['POST', '/v1/responses/resp_1/cancel'],
  ['GET', '/v1/chat/completions/chatcmpl_1'],
  ['POST', '/v1/containers'],
  ['POST', '/v1/fine_tuning/jobs'],
  ['POST', '/v1/evals'],
  ['POST', '/v1/videos'],
  ['POST', '/v1/realtime/client_secrets'],
  ['POST', '/v1/chatkit/sessions'],
  ['GET', '/v1/organization/projects'],
  ['DELETE', '/v1/models/ft:gpt-5:acme'],
])('%s %s is no operation', async (method, target) => {
  const more = method === 'POST' ? { body: { model: 'gpt-5' } } : {};
  for (const classification of ['identity', 'content'])
    await world.refuses(
      { dialect: 'openai', method, target, classification, ...more },
      { reason: 'operation_not_permitted' },
    );
});

test.each([
  '/v1/chat/completions/../../files',
  '/v1/./files',
  '/v1//files',
  '/v1/files/',
  '/v1/%66iles',
  '/v1%2Ffiles',
  '/V1/files',
  '/v1/chat/completions/',
  '/v1/chat/completions?api-version=1',
  '/v1/models/%2E%2E%2Ffiles',
  '/v1/responses%3Fx',
  '/v1/responses;v=2',
])('GET and POST %s get around nothing', async (target) => {
  await world.refuses({ dialect: 'openai', target, body: { model: 'gpt-5' } }, { reason: 'operation_not_permitted' });
  await world.refuses({ dialect: 'openai', method: 'GET', target }, { reason: 'operation_not_permitted' });
  await world.refuses({ dialect: 'openai', method: 'GET', target }, { reason: 'operation_not_permitted' }, 2);
});

test('a method that another header would make of it is refused', async () => {
  for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override'])
    await world.refuses(
      { dialect: 'openai', target: '/v1/chat/completions', headers: { [name]: 'DELETE' }, body: { model: 'gpt-5' } },
      { reason: 'request_malformed' },
    );
});
