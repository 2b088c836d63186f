// PROTOCOLS, leak table "Other inference", row "Vertex": `locations/global` on aiplatform.googleapis.com gives no control of where a
// request is served, and the location in a path need not match its host. Nothing of Vertex's or Gemini's is an operation,
// with whichever location.
import { test } from 'vitest';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const publisher = (location: string) => `/v1/projects/p/locations/${location}/publishers`;

test.each([
  `${publisher('global')}/google/models/gemini-2.5-pro:generateContent`,
  `${publisher('europe-west1')}/google/models/gemini-2.5-pro:streamGenerateContent?alt=sse`,
  `${publisher('europe-west1')}/anthropic/models/claude-sonnet-4-5@20250929:rawPredict`,
  `${publisher('us-east5')}/anthropic/models/claude-sonnet-4-5@20250929:streamRawPredict`,
  '/v1/projects/p/locations/global/endpoints/openapi/chat/completions',
  '/v1beta1/projects/p/locations/europe-west1/cachedContents',
  '/v1/projects/p/locations/europe-west1/batchPredictionJobs',
  '/v1beta/models/gemini-2.5-pro:generateContent?key=client-google-key',
  '/v1beta/openai/chat/completions',
])('POST %s is no operation', async (target) => {
  const headers = { 'x-goog-api-key': 'client-google-key', authorization: 'Bearer ya29.client' };
  const attack = { dialect: 'openai', target, headers, body: { contents: [] } } as const;
  for (const classification of ['identity', 'content'])
    await world.refuses({ ...attack, classification }, { reason: 'operation_not_permitted' });
  const anthropic = {
    ...attack,
    dialect: 'anthropic',
    headers: { ...headers, 'anthropic-version': 'vertex-2023-10-16' },
  };
  await world.refuses({ ...anthropic, dialect: 'anthropic' }, { reason: 'operation_not_permitted' });
});
