// PROTOCOLS, leak table "Other inference", row "Azure OpenAI": whether a deployment stays in its region, its data zone or anywhere is
// its SKU, which no request shows; the path names the deployment, not the model. Nothing of Azure's is an operation.
import { test } from 'vitest';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();

test.each([
  ['POST', '/openai/deployments/gpt-4o-global/chat/completions?api-version=2024-10-21'],
  ['POST', '/openai/deployments/gpt-4o/embeddings?api-version=2024-10-21'],
  ['POST', '/openai/deployments/gpt-4o/extensions/chat/completions?api-version=2023-12-01-preview'],
  ['POST', '/openai/deployments/whisper/audio/transcriptions?api-version=2024-10-21'],
  ['POST', '/openai/v1/responses?api-version=preview'],
  ['POST', '/openai/v1/chat/completions'],
  ['POST', '/openai/responses?api-version=2025-04-01-preview'],
  ['POST', '/openai/threads?api-version=2024-10-21'],
  ['GET', '/openai/models?api-version=2024-10-21'],
  ['POST', '/models/chat/completions?api-version=2024-05-01-preview'],
  ['POST', '/v1/chat/completions?api-version=2024-10-21'],
])('%s %s is no operation', async (method, target) => {
  const headers = { 'api-key': 'client-azure-key' };
  const body = method === 'POST' ? { body: { messages: [] } } : {};
  for (const classification of ['identity', 'content'])
    await world.refuses(
      { dialect: 'openai', method, target, classification, headers, ...body },
      { reason: 'operation_not_permitted' },
    );
});
