// PROTOCOLS, leak table "Other inference", row "OpenAI tools": an MCP server is a third party that the model talks to, a web search
// goes out whatever `external_web_access` says, a code interpreter runs in a container that keeps files. Each is a member of
// an otherwise plain request. In guarded classes only what the client runs itself is let through.
import { test } from 'vitest';
import { ask, saying } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const tool = (value: object) => saying('openai', { tools: [value] });
const item = (value: object) => saying('openai', { input: [value] });
const content = (value: object) => item({ role: 'user', content: [value] });
const chat = (more: object) =>
  ask('openai', { target: '/v1/chat/completions', body: { model: 'gpt-5', messages: [], ...more } });

const ATTACKS = [
  ['mcp', tool({ type: 'mcp', server_label: 'x', server_url: 'https://mcp.example', require_approval: 'never' })],
  ['mcp', tool({ server_url: 'https://mcp.example' })],
  ['mcp', tool({ type: 'function', connector_id: 'connector_gmail' })],
  ['mcp', item({ type: 'mcp_approval_response', approval_request_id: 'x', approve: true })],
  ['mcp', item({ type: 'mcp_list_tools', id: 'x' })],
  ['mcp', saying('openai', { tool_choice: { type: 'mcp' } })],
  ['web_search', tool({ type: 'web_search', external_web_access: false })],
  ['web_search', tool({ type: 'web_search_preview' })],
  ['web_search', tool({ type: 'web_search_preview_2025_03_11' })],
  ['web_search', tool({ type: 'web_search_2025_08_26' })],
  ['web_search', saying('openai', { tool_choice: { type: 'web_search_preview' } })],
  ['web_search', chat({ web_search_options: {} })],
  ['server_tool', tool({ type: 'code_interpreter', container: { type: 'auto' } })],
  ['container', tool({ type: 'shell', environment: { type: 'container_auto' } })],
  ['server_tool', tool({ type: 'code_interpreter' })],
  ['server_tool', tool({ type: 'file_search' })],
  ['server_tool', tool({ type: 'image_generation' })],
  ['server_tool', tool({ type: 'computer_use_preview' })],
  ['server_tool', tool({ type: 'tool_of_tomorrow' })],
  ['file_source', tool({ type: 'function', vector_store_ids: ['vs_1'] })],
  ['file_source', content({ type: 'input_file', file_id: 'file-1' })],
  ['file_source', content({ type: 'input_file', file_url: 'https://x.example/a.pdf' })],
  ['file_source', content({ type: 'input_image', image_url: 'https://x.example/a.png' })],
  [
    'file_source',
    chat({ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://x' } }] }] }),
  ],
  ['file_source', chat({ messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }] })],
] as const;

test.each(ATTACKS)('%s: %j is refused in guarded classes, and passes in open ones', async (leak, attack) => {
  for (const classification of ['identity', 'transactional', 'operational'])
    await world.refuses({ ...attack, classification }, { reason: 'leak_blocked', leak });
  await world.forwards({ ...attack, classification: 'content' });
});

test('a type that is written with escapes, or that is none, does not slip through', async () => {
  const body = (tools: string) => ask('openai', { body: `{"model":"gpt-5","input":"x","tools":[${tools}]}` });
  await world.refuses(body('{"t\\u0079pe":"m\\u0063p"}'), { reason: 'leak_blocked', leak: 'mcp' });
  await world.refuses(body('{"Type":"mcp"}'), { reason: 'leak_blocked', leak: 'key_unknown' });
  await world.refuses(body('{"type":["mcp"]}'), { reason: 'leak_blocked', leak: 'key_unknown' });
  await world.refuses(body('{"type":"MCP"}'), { reason: 'leak_blocked', leak: 'server_tool' });
  await world.refuses(body('{"type":"function","type":"mcp"}'), { reason: 'request_malformed' });
});

test('tools that the client runs, and pictures that are in the request, pass', async () => {
  const schema = { type: 'object', properties: { server_url: { type: 'string' }, Type: {} } };
  await world.forwards(tool({ type: 'function', name: 'f', parameters: schema }));
  await world.forwards(content({ type: 'input_image', image_url: 'data:image/png;base64,iVBORw0KGgo=' }));
});
