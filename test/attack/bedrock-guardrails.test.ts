// PROTOCOLS, leak table "Bedrock": "A guardrail's crossRegionConfig moves prompts within the geography and is invisible in the
// request". A request names a guardrail by its id alone, in a header, in a body or in a path; which regions it reaches is
// in its definition. Only those that the operator has looked at, and listed, are let through.
import { expect, test } from 'vitest';
import { ask, CLAUDE, modelTarget, saying } from './inference-asks.ts';
import { startInferenceWorld, type InferenceAttack } from './inference-world.ts';

const ARN = 'arn:aws:bedrock:eu-west-1:123456789012:guardrail/gr1';
const world = await startInferenceWorld({ endpoints: { bedrock: { guardrails: ['gr1'] } } });

const inBody = (guardrailIdentifier: unknown) =>
  saying('bedrock', { guardrailConfig: { guardrailIdentifier, guardrailVersion: '1' } });
const inHeader = (id: string | string[]) =>
  ask('bedrock', {
    target: modelTarget(CLAUDE, 'invoke'),
    headers: { 'x-amzn-bedrock-guardrailidentifier': id, 'x-amzn-bedrock-guardrailversion': '1' },
    body: { anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: [] },
  });
const inPath = (id: string, version = '1'): InferenceAttack => ({
  dialect: 'bedrock',
  target: `/guardrail/${encodeURIComponent(id)}/version/${version}/apply`,
  body: { source: 'INPUT', content: [{ text: { text: 'How is pupil 4711?' } }] },
});

test.each([
  'gr2',
  'GR1',
  'gr11',
  'gr1:2',
  ARN.replace('eu-west-1', 'us-east-1'),
  ARN.replace('eu-west-1', ''),
  ARN.replace('gr1', 'gr2'),
  'arn:aws:bedrock:eu-west-1:123456789012:guardrail-profile/eu.guardrail.v1:0',
])('%s, not listed or elsewhere, is refused in a body, a header and a path', async (id) => {
  for (const attack of [inBody(id), inHeader(id), inPath(id)])
    await world.refuses(attack, { reason: 'leak_blocked', leak: 'guardrail' });
});

test('one that is no plain name is refused', async () => {
  for (const id of [['gr1'], { id: 'gr1' }, 7, true, ''])
    await world.refuses(inBody(id), { reason: 'leak_blocked', leak: 'guardrail' });
  await world.refuses(inHeader(''), { reason: 'leak_blocked', leak: 'guardrail' });
  await world.refuses(inPath('gr1', '1%2F..%2F2'), { reason: 'request_malformed' });
  await world.refuses(inPath('gr1', 'latest'), { reason: 'request_malformed' });
});

test('a second one, of which another reader may take the last, is refused', async () => {
  for (const ids of [
    ['gr1', 'gr2'],
    ['gr1', 'gr1'],
  ])
    await world.refuses(inHeader(ids), { reason: 'request_malformed' });
});

test('one that is written with escapes, or in another case, is the same one', async () => {
  const body = '{"messages":[],"guardrailConfig":{"guardrail\\u0049dentifier":"g\\u0072\\u0032"}}';
  await world.refuses(ask('bedrock', { body }), { reason: 'leak_blocked', leak: 'guardrail' });
  const target = modelTarget('meta.llama3-1-70b-instruct-v1:0', 'invoke');
  for (const key of ['GuardrailIdentifier', 'guardrail_identifier', 'guardrailArn', 'guardrailId'])
    await world.refuses(ask('bedrock', { target, body: { prompt: 'x', config: { [key]: 'gr2' } } }), {
      reason: 'leak_blocked',
      leak: 'guardrail',
    });
});

test('a header of Bedrock’s that nobody knows is refused', async () => {
  for (const name of ['x-amzn-bedrock-region', 'x-amzn-bedrock-guardrailarn', 'x-amzn-bedrock-inferenceprofile'])
    await world.refuses(ask('bedrock', { headers: { [name]: 'us-east-1' } }), {
      reason: 'leak_blocked',
      leak: 'header',
    });
});

test('the listed one works, by id and by ARN, wherever it stands', async () => {
  for (const id of ['gr1', ARN]) {
    expect(JSON.parse((await world.forwards(inBody(id))).body)).toMatchObject({
      guardrailConfig: { guardrailIdentifier: id },
    });
    const { received } = await world.forwards(inHeader(id));
    expect(received.headers['x-amzn-bedrock-guardrailidentifier']).toBe(id);
    await world.forwards(inPath(id));
  }
});
