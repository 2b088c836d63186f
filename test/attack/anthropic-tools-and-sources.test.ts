// PROTOCOLS, leak table "Other inference", row "Anthropic": `mcp_servers` are third parties, `web_search_*` and `web_fetch_*` go out
// from wherever Anthropic is, `code_execution_*` and `container` run and keep things there, and a file is one that was
// uploaded somewhere. Each is a member of an otherwise plain message.
import { test } from 'vitest';
import { ask, saying } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const tool = (value: object) => saying('anthropic', { tools: [value] });
const block = (value: object) => saying('anthropic', { messages: [{ role: 'user', content: [value] }] });
const beta = (value: string | string[]) => ask('anthropic', { headers: { 'anthropic-beta': value } });

const ATTACKS = [
  ['mcp_servers', saying('anthropic', { mcp_servers: [{ type: 'url', url: 'https://mcp.example', name: 'x' }] })],
  ['mcp_servers', tool({ type: 'mcp_toolset', mcp_server_name: 'x' })],
  ['mcp_servers', block({ type: 'mcp_tool_use', id: 'x' })],
  ['server_tool', tool({ type: 'web_search_20250305', name: 'web_search' })],
  ['server_tool', tool({ type: 'web_search_20991231', name: 'web_search' })],
  ['server_tool', tool({ type: 'web_fetch_20250910', name: 'web_fetch' })],
  ['server_tool', tool({ type: 'code_execution_20250825', name: 'code_execution' })],
  ['server_tool', tool({ type: 'tool_of_tomorrow', name: 'x' })],
  ['server_tool', block({ type: 'server_tool_use', id: 'x', name: 'web_search', input: {} })],
  ['container', saying('anthropic', { container: 'container_1' })],
  ['container', saying('anthropic', { container: { skills: [{ type: 'anthropic', skill_id: 'pdf' }] } })],
  ['container', block({ type: 'container_upload', file_id: 'file_1' })],
  ['file_source', block({ type: 'document', source: { type: 'file', file_id: 'file_1' } })],
  ['file_source', block({ type: 'image', source: { type: 'url', url: 'https://x.example/a.png' } })],
  ['file_source', block({ type: 'document', source: { url: 'https://x.example/a.pdf' } })],
  [
    'file_source',
    block({ type: 'tool_result', tool_use_id: 't', content: [{ type: 'image', source: { file_id: 'f' } }] }),
  ],
  ['beta', beta('files-api-2025-04-14')],
  ['beta', beta('context-1m-2025-08-07,MCP-client-2025-11-20')],
  ['beta', beta(['context-1m-2025-08-07', 'code-execution-2025-08-25'])],
  ['key_unknown', saying('anthropic', { member_of_tomorrow: 1 })],
] as const;

test.each(ATTACKS)('%s: %j is refused in guarded classes, and passes in open ones', async (leak, attack) => {
  for (const classification of ['identity', 'transactional', 'operational'])
    await world.refuses({ ...attack, classification }, { reason: 'leak_blocked', leak });
  const count = { ...attack, target: '/v1/messages/count_tokens' };
  await world.refuses(count, { reason: 'leak_blocked', leak });
  await world.forwards({ ...attack, classification: 'content' });
});

test('a key or type that is written with escapes, or in another case, does not slip through', async () => {
  const text = (more: string) =>
    ask('anthropic', { body: `{"model":"claude-opus-4-6","max_tokens":9,"messages":[],${more}}` });
  await world.refuses(text('"mcp\\u005fservers":[{}]'), { reason: 'leak_blocked', leak: 'mcp_servers' });
  await world.refuses(text('"tools":[{"t\\u0079pe":"web\\u005fsearch_20250305"}]'), {
    reason: 'leak_blocked',
    leak: 'server_tool',
  });
  for (const more of ['"Container":"x"', '"tools":[{"Type":"web_search_20250305"}]', '"MCP_Servers":[{}]'])
    await world.refuses(text(more), { reason: 'leak_blocked', leak: 'key_unknown' });
  await world.refuses(text('"container":null,"container":"x"'), { reason: 'request_malformed' });
});

test('a tool that the client runs, and what its input is called, pass in every class', async () => {
  const input_schema = { type: 'object', properties: { url: { type: 'string' }, container: {}, Type: {} } };
  await world.forwards(tool({ name: 'f', input_schema }));
  await world.forwards(tool({ type: 'bash_20250124', name: 'bash' }));
  await world.forwards(saying('anthropic', { mcp_servers: null, container: null }));
});
