// Issue 3, section 4: a body is inspected as what it is said to be, so what it is said to be must not be open to two readings. JSON
// under another name (a form, CBOR, text that some servers parse all the same), two names at once, or a form where JSON is
// expected would each be read one way here and another there. And what cannot be looked into is no way around what can.
import { expect, test } from 'vitest';
import { ask } from './inference-asks.ts';
import { DIALECTS, startInferenceWorld } from './inference-world.ts';

const world = await startInferenceWorld();

test.each([
  'text/plain',
  'text/json',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'application/cbor',
  'application/x-amz-json-1.1',
  'application/x-ndjson',
  'application/jsonl',
  'application/json-patch+json',
  'application/problem+json',
  'application/vnd.amazon.eventstream',
  'application/json, text/plain',
  'application/json; boundary=x',
  'application/json;',
  'application/jsonx',
  'xapplication/json',
  '*/*',
  '',
])('JSON under the name %j is malformed, whoever is asked', async (type) => {
  for (const dialect of DIALECTS) await world.refuses(ask(dialect, { type }), { reason: 'request_malformed' });
});

test('two names are malformed, also if they agree', async () => {
  for (const names of [
    ['application/json', 'application/json'],
    ['application/json', 'application/cbor'],
    ['text/plain', 'application/json'],
  ])
    for (const dialect of DIALECTS)
      await world.refuses(ask(dialect, { type: null, headers: { 'content-type': names } }), {
        reason: 'request_malformed',
      });
});

test.each(['/v1/audio/transcriptions', '/v1/audio/translations', '/v1/images/edits', '/v1/images/variations'])(
  'JSON where a form is expected (%s), or a form that is encoded, is malformed',
  async (target) => {
    const body = { model: 'gpt-image-1', image: [{ image_url: 'https://x.example/a.png' }] };
    for (const type of ['application/json', 'text/plain', 'multipart/mixed; boundary=x', 'multipart/form-data', null])
      await world.refuses(ask('openai', { target, body, type }), { reason: 'request_malformed' });
    const form = { target, type: 'multipart/form-data; boundary=x', body: '--x--\r\n' };
    await world.refuses(ask('openai', { ...form, headers: { 'content-encoding': 'gzip' } }), {
      reason: 'request_malformed',
    });
  },
);

test('a body where none belongs is malformed', async () => {
  for (const [dialect, headers] of [
    ['openai', {}],
    ['anthropic', { 'anthropic-version': '2023-06-01' }],
  ] as const)
    await world.refuses(
      { dialect, method: 'GET', target: '/v1/models', headers, body: { x: 1 } },
      { reason: 'request_malformed' },
    );
});

test('JSON without a name is read, and sent under its name', async () => {
  for (const dialect of DIALECTS) {
    const { received } = await world.forwards(ask(dialect, { type: null }));
    expect(received.headers['content-type']).toBe('application/json');
  }
});
