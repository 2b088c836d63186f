// Issue 3, section 4, and Go's encoding/json: a name matches a field whatever its case, and by Unicode's folding, where the Kelvin sign
// is a `k` and the long s an `s`. `"bac\u212aground":true` is unknown to a guard and `background` to such a server. In
// guarded classes no name passes that is not written the API's own way; a near miss of a name with power passes in none.
import { test } from 'vitest';
import { ask, membersOf } from './inference-asks.ts';
import { startInferenceWorld, type InferenceDialect } from './inference-world.ts';

const world = await startInferenceWorld();

test.each<[InferenceDialect, string, string]>([
  ['openai', '"Store":true', 'key_unknown'],
  ['openai', '"\u017ftore":true', 'key_unknown'],
  ['openai', '"\\u017ftore":true', 'key_unknown'],
  ['openai', '"BACKGROUND":true', 'key_unknown'],
  ['openai', '"bac\u212aground":true', 'key_unknown'],
  ['openai', '"previous-response-id":"x"', 'key_unknown'],
  ['openai', '"previousResponseId":"x"', 'key_unknown'],
  ['openai', '"tools":[{"TYPE":"mcp"}]', 'key_unknown'],
  ['openai', '"tools":[{"Server_URL":"x"}]', 'key_unknown'],
  ['anthropic', '"MCP_servers":[{}]', 'key_unknown'],
  ['anthropic', '"Container":"x"', 'key_unknown'],
  ['anthropic', '"tools":[{"Type":"web_search_20250305"}]', 'key_unknown'],
  ['anthropic', '"inference\u00adgeo":"global"', 'key_unknown'],
  ['bedrock', '"GuardrailConfig":{"guardrailIdentifier":"x"}', 'key_unknown'],
  ['bedrock', '"guardrailConfig":{"GUARDRAILIDENTIFIER":"x"}', 'guardrail'],
  ['bedrock', '"guardrailConfig":{"guardrail\\u0130dentifier":"x","guardrail_identifier":"x"}', 'guardrail'],
  ['bedrock', '"additionalModelRequestFields":{"mcpServers":[{}]}', 'mcp_servers'],
  ['bedrock', '"additionalModelRequestFields":{"MCP-SERVERS":[{}]}', 'mcp_servers'],
  ['bedrock', '"additionalModelRequestFields":{"x":{"S3_URI":"https://x"}}', 's3_uri'],
  ['bedrock', '"additionalModelRequestFields":{"\u212amsKeyId":"arn:aws:kms:us-east-1:123456789012:key/1"}', 'kms_key'],
])('%s: %s is refused in guarded classes', async (dialect, members, leak) => {
  const body = `{${membersOf(dialect)},${members}}`;
  for (const classification of ['identity', 'transactional', 'operational'])
    await world.refuses(ask(dialect, { classification, body }), { reason: 'leak_blocked', leak });
});

test.each<[InferenceDialect, string, string]>([
  ['openai', '"Model":"gpt-4o"', 'key_case'],
  ['openai', '"MODEL":"gpt-4o"', 'key_case'],
  ['openai', '"tools":[{"Model":"gpt-4o"}]', 'key_case'],
  ['anthropic', '"Inference_Geo":"global"', 'key_case'],
  ['anthropic', '"WORKSPACE_ID":"w"', 'key_case'],
  ['anthropic', '"wor\u212aspace_id":"w"', 'key_case'],
  ['bedrock', '"additionalModelRequestFields":{"Model":"x"}', 'model_in_body'],
  ['bedrock', '"additionalModelRequestFields":{"InferenceGeo":"global"}', 'inference_geo'],
])('%s: %s decides where or by whom, and is refused in every class', async (dialect, members, leak) => {
  const body = `{${membersOf(dialect)},${members}}`;
  for (const classification of ['identity', 'content', 'analytical'])
    await world.refuses(ask(dialect, { classification, body }), { reason: 'leak_blocked', leak });
});
