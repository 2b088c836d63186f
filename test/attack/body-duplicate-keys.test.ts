// Issue 3, section 4: "a parser that disagrees with the server's is a leak". RFC 8259, section 4, leaves open which of two members
// of one name counts: Go and JavaScript take the last, others the first. A guard that reads `"store":false` where the server
// reads `"store":true` has guarded nothing. So no name may come twice, anywhere, however it is written.
import { test } from 'vitest';
import { ask, membersOf } from './inference-asks.ts';
import { DIALECTS, startInferenceWorld, type InferenceDialect } from './inference-world.ts';

const world = await startInferenceWorld();
const many = Array.from({ length: 40 }, (_, i) => `"k${i}":null`).join(',');

/** Members to put behind the honest ones. */
const CASES: readonly (readonly [string, string])[] = [
  ['the same twice', '"x":1,"x":1'],
  ['the second with escapes', '"max":1,"m\\u0061x":2'],
  ['the second with an escaped slash', '"a/b":1,"a\\/b":2'],
  ['nothing and something', '"x":null,"x":{"y":1}'],
  ['deep inside', '"x":[{"y":{"z":1,"z":2}}]'],
  ['the empty name', '"":1,"":2'],
  ['among many', `${many},"k3":1`],
];

test.each(CASES)('%s is malformed, whoever is asked', async (_, members) => {
  for (const dialect of DIALECTS)
    await world.refuses(ask(dialect, { body: `{${membersOf(dialect)},${members}}` }), { reason: 'request_malformed' });
});

const POWERFUL: readonly (readonly [InferenceDialect, string])[] = [
  ['openai', '"store":false,"store":true'],
  ['openai', '"background":false,"background":true'],
  ['openai', '"model":"gpt-5"'],
  ['anthropic', '"inference_geo":null,"inference_geo":"global"'],
  ['anthropic', '"mcp_servers":null,"mcp_servers":[{}]'],
  ['anthropic', '"messages":[]'],
  ['bedrock', '"guardrailConfig":null,"guardrailConfig":{"guardrailIdentifier":"x"}'],
  ['bedrock', '"messages":[]'],
];

test.each(POWERFUL)('%s: %s does not choose for the server, in no class', async (dialect, members) => {
  for (const classification of ['identity', 'content']) {
    const attack = ask(dialect, { classification, body: `{${membersOf(dialect)},${members}}` });
    await world.refuses(attack, { reason: 'request_malformed' });
  }
});

test('one name in two objects is no repeat', async () => {
  const body = '{"model":"gpt-5","input":[{"role":"user","content":"x"},{"role":"user","content":"x"}]}';
  await world.forwards(ask('openai', { body }));
});
