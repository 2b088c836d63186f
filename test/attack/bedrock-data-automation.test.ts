// PROTOCOLS, leak table "Bedrock": "Data Automation requires cross-region processing (bda-cris): deny, along with agent-runtime". Its
// documents are read in whichever region of the geography has room; agents, flows and knowledge bases call models, stores
// and functions that the request does not name.
import { test } from 'vitest';
import { startInferenceWorld } from './inference-world.ts';

const scope = (service: string) =>
  `AWS4-HMAC-SHA256 Credential=AKIDCLIENT/20261121/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=00`;
const world = await startInferenceWorld();

test.each(['InvokeDataAutomationAsync', 'InvokeDataAutomation', 'GetDataAutomationStatus'])(
  'Data Automation: %s is refused',
  async (operation) => {
    const attack = {
      dialect: 'bedrock',
      target: '/',
      headers: { 'x-amz-target': `AmazonBedrockKeystoneRuntimeService.${operation}`, authorization: scope('bedrock') },
      type: 'application/x-amz-json-1.1',
      body: {
        inputConfiguration: { s3Uri: 's3://acme-documents/x' },
        outputConfiguration: { s3Uri: 's3://us-documents/x' },
        dataAutomationProfileArn:
          'arn:aws:bedrock:us-east-1:123456789012:data-automation-profile/us.data-automation-v1',
      },
    } as const;
    await world.refuses(attack, { reason: 'operation_not_permitted' });
    await world.refuses(attack, { reason: 'operation_not_permitted' }, 2);
  },
);

test.each([
  '/agents/A/agentAliases/B/sessions/C/text',
  '/agents/A',
  '/flows/F/aliases/B',
  '/knowledgebases/K/retrieve',
  '/retrieveAndGenerate',
  '/retrieveAndGenerateStream',
  '/rerank',
  '/optimize-prompt',
  '/generateQuery',
  '/sessions/',
  '/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fx/invocations',
  '/memories/m/events',
])('agent-runtime: POST %s is refused', async (target) => {
  const attack = { dialect: 'bedrock', target, headers: { authorization: scope('bedrock') }, body: { inputText: 'x' } };
  await world.refuses({ ...attack, dialect: 'bedrock' }, { reason: 'operation_not_permitted' });
});
