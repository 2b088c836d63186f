// PROTOCOLS, leak table "Other inference", rows "OpenAI tools" and "Anthropic", where they reach Bedrock: InvokeModel hands a body to
// the model's provider as it is, and Converse hands on `additionalModelRequestFields`. What those providers' own ports refuse
// for guarded classes (servers, the web, sandboxes, files, addresses to fetch) is refused here too.
import { test } from 'vitest';
import { ask, CLAUDE, modelTarget, NOVA, saying } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const fields = (additionalModelRequestFields: unknown) => saying('bedrock', { additionalModelRequestFields });
const claude = (more: object) =>
  ask('bedrock', {
    target: modelTarget(CLAUDE, 'invoke'),
    body: { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: [], ...more },
  });
const open = (more: object) =>
  ask('bedrock', { target: modelTarget('openai.gpt-oss-20b-1:0', 'invoke'), body: { messages: [], ...more } });

const ATTACKS = [
  ['server_tool', saying('bedrock', { toolConfig: { tools: [{ systemTool: { name: 'nova_grounding' } }] } })],
  ['server_tool', saying('bedrock', { toolConfig: { tools: [{ unheardOf: {} }] } })],
  ['server_tool', fields({ tools: [{ type: 'web_search_20250305', name: 'web_search' }] })],
  ['server_tool', fields({ tools: [{ type: 'code_execution_20250825', name: 'code_execution' }] })],
  ['mcp_servers', fields({ mcp_servers: [{ type: 'url', url: 'https://mcp.example' }] })],
  ['container', fields({ container: 'container_1' })],
  ['beta', fields({ anthropic_beta: ['files-api-2025-04-14'] })],
  ['mcp_servers', claude({ mcp_servers: [{ type: 'url', url: 'https://mcp.example' }] })],
  ['server_tool', claude({ tools: [{ type: 'web_fetch_20250910', name: 'web_fetch' }] })],
  [
    'file_source',
    claude({ messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url: 'https://x' } }] }] }),
  ],
  ['file_source', claude({ messages: [{ role: 'user', content: [{ type: 'document', source: { file_id: 'f' } }] }] })],
  ['beta', claude({ anthropic_beta: ['mcp-client-2025-11-20'] })],
  ['server_tool', open({ tools: [{ type: 'mcp', server_url: 'https://mcp.example' }] })],
  ['server_tool', open({ web_search_options: {} })],
  [
    'file_source',
    open({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x' } }] }] }),
  ],
] as const;

test.each(ATTACKS)('%s: %j is refused in guarded classes', async (leak, attack) => {
  for (const classification of ['identity', 'transactional', 'operational'])
    await world.refuses({ ...attack, classification }, { reason: 'leak_blocked', leak });
});

test('they pass at home in open classes', async () => {
  for (const [, attack] of ATTACKS)
    if (!JSON.stringify(attack.body).includes('unheardOf'))
      await world.forwards({ ...attack, classification: 'content' });
});

test('a tool that the client runs passes in every class', async () => {
  const tools = [{ toolSpec: { name: 'f', inputSchema: { json: { properties: { url: {}, mcp_servers: {} } } } } }];
  await world.forwards({ ...saying('bedrock', { toolConfig: { tools } }), target: modelTarget(NOVA, 'converse') });
});
