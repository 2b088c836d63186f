// PROTOCOLS, leak table "Other inference", row "OpenAI state": Responses keeps what it is told for 30 days unless told not to,
// `background` writes state, and a conversation or an earlier response is state that lies wherever it was written. Nothing
// of guarded classes is kept: `store` is forced to false, and what refers to state is refused.
import { expect, test } from 'vitest';
import { ask, saying } from './inference-asks.ts';
import { startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();
const CHAT = '/v1/chat/completions';
const chat = (more: object) => ask('openai', { target: CHAT, body: { model: 'gpt-5', messages: [], ...more } });
const GUARDED = ['identity', 'transactional', 'operational'];

test.each([
  [{ background: true }],
  [{ background: 'true' }],
  [{ background: 1 }],
  [{ conversation: 'conv_1' }],
  [{ conversation: { id: 'conv_1' } }],
  [{ previous_response_id: 'resp_1' }],
  [{ prompt: { id: 'pmpt_1' } }],
  [{ input: [{ type: 'item_reference', id: 'msg_1' }] }],
  [{ input: [{ id: 'msg_1' }] }],
  [{ prompt_cache_retention: '24h' }],
])('a response with %j is refused in guarded classes', async (more) => {
  for (const classification of GUARDED)
    await world.refuses({ ...saying('openai', more), classification }, { reason: 'leak_blocked', leak: 'state' });
});

test('a stored answer that is to be heard again, and an image that is kept to be fetched, are refused', async () => {
  const messages = [{ role: 'assistant', audio: { id: 'audio_1' } }];
  await world.refuses(chat({ messages }), { reason: 'leak_blocked', leak: 'state' });
  const image = { target: '/v1/images/generations', body: { model: 'dall-e-3', prompt: 'x', response_format: 'url' } };
  await world.refuses(ask('openai', image), { reason: 'leak_blocked', leak: 'state' });
});

test.each([
  ['says nothing', ''],
  ['says yes', ',"store":true'],
  ['says null', ',"store":null'],
  ['says yes as a text', ',"store":"true"'],
  ['says yes with escapes', ',"\\u0073tor\\u0065":true'],
])('a body that %s about storing is sent with store: false', async (_, more) => {
  for (const target of ['/v1/responses', CHAT]) {
    for (const classification of GUARDED) {
      const text = target === CHAT ? '"model":"gpt-5","messages":[]' : '"model":"gpt-5","input":"x"';
      const { body } = await world.forwards(ask('openai', { target, classification, body: `{${text}${more}}` }));
      expect(JSON.parse(body)).toMatchObject({ store: false });
    }
  }
});

test.each([
  'Store',
  'STORE',
  '\u017ftore',
  'store ',
  ' store',
  'Background',
  'bac\u212agground',
  'Previous_Response_Id',
])('the near miss %j, which a lenient parser takes for the real one, is refused', async (key) => {
  for (const attack of [saying('openai', { [key]: true }), chat({ [key]: true })])
    await world.refuses(attack, { reason: 'leak_blocked', leak: 'key_unknown' });
});

test('storing twice, once so and once so, is malformed', async () => {
  for (const pair of ['"store":false,"store":true', '"store":true,"\\u0073tore":false'])
    await world.refuses(ask('openai', { body: `{"model":"gpt-5","input":"x",${pair}}` }), {
      reason: 'request_malformed',
    });
});

test('in open classes state passes, at home', async () => {
  const { body } = await world.forwards({
    ...saying('openai', { store: true, background: true }),
    classification: 'content',
  });
  expect(JSON.parse(body)).toMatchObject({ store: true, background: true });
});
