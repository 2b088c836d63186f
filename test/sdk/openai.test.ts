import OpenAI, { APIError, BadRequestError, InternalServerError, PermissionDeniedError, toFile } from 'openai';
import { afterAll, describe, expect, test } from 'vitest';
import { Trial } from './trial.ts';
import { FACTS, FOREIGN_FACTS, INSPECTED, refusedFacts, RESTRICTED_FACTS, startWorld } from './world.ts';

const world = await startWorld();
const { rig, home } = world;
afterAll(() => world.stop());
const trial = new Trial('openai', world);
const SAID = 'This was answered in eu-west-1.';
const messages = [{ role: 'user' as const, content: 'hello' }];

function client(facts: Readonly<Record<string, string>>, base = rig.inference): OpenAI {
  return new OpenAI({ baseURL: `${base}/v1`, apiKey: 'sk-ignored', defaultHeaders: facts });
}

const openai = client(FACTS);
const ask = { model: 'gpt-5', messages };

/** By status: what the SDK makes of it. It is told not to retry, whatever the status. */
const TYPED = { 400: BadRequestError, 403: PermissionDeniedError, 503: InternalServerError };

describe('inference in residency', () => {
  test('a chat completes, with the decision in the headers and the credential of the region', async () => {
    const { data, response } = await trial.allows('ChatCompletions', () =>
      openai.chat.completions.create(ask).withResponse(),
    );
    expect(data.choices[0]?.message.content).toBe(SAID);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-residency-decision': 'allow',
      'x-residency-reason': 'in_residency',
      'x-residency-region': 'eu-west',
      'x-residency-policy': expect.stringMatching(/^acme-home@\d+$/),
    });
    expect(home.inference.lastRequest?.headers).toMatchObject({ authorization: 'Bearer sk-upstream-openai' });
    expect(home.inference.lastRequest?.headers).not.toHaveProperty('x-tenant-id');
    expect(JSON.parse(home.inference.lastBody()!)).toEqual({ ...ask, store: false });
  });

  test('a chat streams, piece by piece', async () => {
    const pieces: string[] = [];
    await trial.allows('ChatCompletions', async () => {
      const stream = await openai.chat.completions.create({ ...ask, stream: true });
      for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? '');
    });
    expect(pieces.filter((piece) => piece !== '').length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(SAID);
  });

  test('a response is given, plain and streamed, and kept nowhere', async () => {
    const input = { model: 'gpt-5', input: 'hello' };
    const plain = await trial.allows('Responses', () => openai.responses.create(input));
    expect(plain.output_text).toBe(SAID);
    expect(JSON.parse(home.inference.lastBody()!)).toEqual({ ...input, store: false });
    let text = '';
    const types: string[] = [];
    await trial.allows('Responses', async () => {
      for await (const event of await openai.responses.create({ ...input, stream: true })) {
        types.push(event.type);
        if (event.type === 'response.output_text.delta') text += event.delta;
      }
    });
    expect(text).toBe(SAID);
    expect([types[0], types.at(-1)]).toEqual(['response.created', 'response.completed']);
  });

  test('text is embedded and moderated', async () => {
    const embedded = await trial.allows('Embeddings', () =>
      openai.embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] }),
    );
    expect(embedded.data.map(({ embedding }) => embedding.length)).toEqual([8, 8]);
    const judged = await trial.allows('Moderations', () => openai.moderations.create({ input: 'hello' }));
    expect(judged.results[0]?.flagged).toBe(false);
  });

  test('models are listed and looked up', async () => {
    const { data } = await trial.allows('ListModels', () => openai.models.list());
    expect(data.map(({ id }) => id)).toContain('gpt-5');
    expect(await trial.allows('GetModel', () => openai.models.retrieve('gpt-5'))).toMatchObject({ id: 'gpt-5' });
  });

  test('a recording is transcribed and translated: the form passes whole', async () => {
    const recording = Buffer.alloc(200_000, 'sound');
    const file = () => toFile(recording, 'speech.wav', { type: 'audio/wav' });
    const transcribed = await trial.allows('Transcriptions', async () =>
      openai.audio.transcriptions.create({ model: 'whisper-1', file: await file() }),
    );
    expect(transcribed.text).toBe(SAID);
    const form = home.inference.lastBody()!;
    expect(form).toContain('filename="speech.wav"');
    expect(form).toContain(recording.toString());
    const translated = await trial.allows('Translations', async () =>
      openai.audio.translations.create({ model: 'whisper-1', file: await file() }),
    );
    expect(translated.text).toBe(SAID);
  });

  test('speech and pictures are made and changed', async () => {
    const speech = await trial.allows('Speech', () =>
      openai.audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'hello' }),
    );
    expect(await speech.text()).toBe(SAID);
    const made = await trial.allows('ImageGenerations', () =>
      openai.images.generate({ model: 'gpt-image-1', prompt: 'a house' }),
    );
    expect(made.data?.[0]?.b64_json).toMatch(/^iVBOR/);
    const image = await toFile(Buffer.from(made.data![0]!.b64_json!, 'base64'), 'a.png', { type: 'image/png' });
    const changed = await trial.allows('ImageEdits', () =>
      openai.images.edit({ model: 'gpt-image-1', image, prompt: 'a door' }),
    );
    expect(changed.data?.[0]?.b64_json).toMatch(/^iVBOR/);
  });

  test('a client that says who it is in the path of its base URL works as well', async () => {
    const prefixed = client({}, `${rig.inference}/t/acme/identity`);
    const { choices } = await trial.allows('ChatCompletions', () => prefixed.chat.completions.create(ask));
    expect(choices[0]?.message.content).toBe(SAID);
  });
});

describe('inference that is refused', () => {
  for (const { title, facts, reason, status } of refusedFacts(world.abroadId)) {
    const type = TYPED[status];
    test(`${title}: ${type.name}, once`, async () => {
      const refused = client(facts);
      for (const [operation, act] of [
        ['ChatCompletions', () => refused.chat.completions.create(ask)],
        ['ChatCompletions', () => refused.chat.completions.create({ ...ask, stream: true })],
        ['ListModels', () => refused.models.list()],
      ] as const) {
        const error = (await trial.denies(operation, { reason }, act)) as APIError;
        expect(error).toBeInstanceOf(type);
        expect(error).toMatchObject({ status, code: status === 403 ? 'residency_policy_violation' : reason });
        expect(error.type).toBe(status === 503 ? 'server_error' : 'invalid_request_error');
        expect(error.message).toMatch(new RegExp(`^${status} [A-Z].+\\.$`));
        expect(error.headers?.get('x-residency-reason')).toBe(reason);
        expect(error.requestID).toBe(error.headers?.get('x-request-id'));
      }
    });
  }

  test('data that must not come back over the border is PermissionDeniedError, once', async () => {
    const error = await trial.denies('ChatCompletions', { reason: 'cross_border_restricted' }, () =>
      client(RESTRICTED_FACTS).chat.completions.create(ask),
    );
    expect(error).toBeInstanceOf(PermissionDeniedError);
    expect(error).toMatchObject({ status: 403, code: 'residency_policy_violation' });
  });

  test('state, tools that call out, and references to what is kept are PermissionDeniedError, once', async () => {
    const input = { model: 'gpt-5', input: 'hello' };
    const mcp = { type: 'mcp' as const, server_label: 'x', server_url: 'https://mcp.example' };
    for (const [operation, act] of [
      ['Responses', () => openai.responses.create({ ...input, background: true })],
      ['Responses', () => openai.responses.create({ ...input, previous_response_id: 'resp_1' })],
      ['Responses', () => openai.responses.create({ ...input, conversation: 'conv_1' })],
      ['Responses', () => openai.responses.create({ ...input, tools: [mcp] })],
      ['Responses', () => openai.responses.create({ ...input, tools: [{ type: 'web_search' }] })],
      ['ChatCompletions', () => openai.chat.completions.create({ ...ask, web_search_options: {} })],
    ] as const) {
      const error = await trial.denies(operation, { reason: 'leak_blocked' }, act);
      expect(error).toBeInstanceOf(PermissionDeniedError);
      expect(error).toMatchObject({ status: 403, code: 'residency_policy_violation' });
    }
  });

  test('files, batches, vector stores, assistants and kept responses are PermissionDeniedError, once', async () => {
    const file = await toFile(Buffer.from('x'), 'x.jsonl');
    for (const [operation, act] of [
      ['Files', () => openai.files.create({ file, purpose: 'batch' })],
      ['Files', () => openai.files.list()],
      [
        'Batches',
        () =>
          openai.batches.create({
            input_file_id: 'file-1',
            endpoint: '/v1/chat/completions',
            completion_window: '24h',
          }),
      ],
      ['VectorStores', () => openai.vectorStores.create({ name: 'x' })],
      ['Assistants', () => openai.beta.assistants.list()],
      ['Threads', () => openai.beta.threads.create()],
      ['GetResponse', () => openai.responses.retrieve('resp_1')],
    ] as const) {
      const error = await trial.denies(operation, { reason: 'operation_not_permitted' }, act);
      expect(error).toBeInstanceOf(PermissionDeniedError);
      expect(error).toMatchObject({ status: 403, code: 'residency_policy_violation' });
    }
  });

  test('a body that is too large to be looked into is an APIError at 413, once', async () => {
    const long = [{ role: 'user' as const, content: 'x'.repeat(INSPECTED) }];
    const error = await trial.denies('ChatCompletions', { reason: 'body_too_large_to_inspect' }, () =>
      openai.chat.completions.create({ model: 'gpt-5', messages: long }),
    );
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 413, code: 'body_too_large_to_inspect', type: 'invalid_request_error' });
  });
});

test('a tenant of the other region is served from there, and the matrix of this client is told', async () => {
  const abroad = client(FOREIGN_FACTS);
  const { choices } = await trial.crosses('ChatCompletions', () => abroad.chat.completions.create(ask));
  expect(choices[0]?.message.content).toBe('This was answered in us-east-1.');
  console.log(trial.summary());
});
