// PROTOCOLS, leak table "Bedrock": "Decode {modelId} (colons and slashes arrive as %3A, %2F)". A guard that compares the path as
// it came lets `%67lobal.` through; one that decodes once passes `%2567lobal.` to a server that decodes twice. What is
// judged is decoded, once, and what is sent is encoded anew from what was judged.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const attack = (segment: string, operation = 'converse') =>
  ask('bedrock', { target: `/model/${segment}/${operation}` });
const plain = encodeURIComponent(CLAUDE);

test.each([`%67lobal.${plain}`, `global%2E${plain}`, `%67%6C%6F%62%61%6C%2e${plain}`])(
  '%s is the global profile, and refused as that',
  async (segment) => {
    await world.refuses(attack(segment), { reason: 'leak_blocked', leak: 'global_profile' });
    await world.refuses(attack(segment), { reason: 'leak_blocked', leak: 'global_profile' }, 2);
  },
);

test.each([
  `%2567lobal.${plain}`,
  `global%252E${plain}`,
  plain.replace('%3A', '%253A'),
  `${plain}%00`,
  `${plain}%0d%0ax-tenant-id:%20globex`,
  `${plain}%20`,
  `${plain}%3Fx=1`,
  `${plain}%23`,
  `${plain}%FF`,
  `%C0%AF${plain}`,
  `..%2F..%2Fmodel%2Fglobal.${plain}`,
  '%2e%2e',
  '',
])('%j does not decode to a model id', async (segment) => {
  await world.refuses(attack(segment), { reason: 'request_malformed' });
});

test.each([
  `/model/${plain}/../global.${plain}/converse`,
  `/model/global.${CLAUDE}/x/../converse`,
  `/model//${plain}/converse`,
  `/model/${plain}/converse/`,
  `/model/${plain}%2Fconverse`,
  `/model/${plain}/Converse`,
  `/model/${plain}/converse;x`,
  `/model/${plain}/converse?region=us-east-1`,
  `/model/arn:aws:bedrock:us-east-1::foundation-model/${CLAUDE}/converse`,
])('%s is no operation', async (target) => {
  await world.refuses(ask('bedrock', { target }), { reason: 'operation_not_permitted' });
});

test('however an honest id is written, it is sent in one form, and signed as sent', async () => {
  for (const segment of [CLAUDE, plain, plain.replace('a', '%61'), plain.toLowerCase()]) {
    const { received } = await world.forwards(attack(segment));
    expect(received.target).toBe(modelTarget(CLAUDE, 'converse'));
  }
});
