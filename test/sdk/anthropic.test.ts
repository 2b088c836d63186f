import Anthropic, { APIError, BadRequestError, InternalServerError, PermissionDeniedError } from '@anthropic-ai/sdk';
import { afterAll, describe, expect, test } from 'vitest';
import { Trial } from './trial.ts';
import { FACTS, FOREIGN_FACTS, INSPECTED, refusedFacts, RESTRICTED_FACTS, startWorld } from './world.ts';

// Anthropic itself has one geography but `global`: `us`. So this is a tenant of the United States.
const world = await startWorld({ home: 'us-east', endpoints: { anthropic: { inference_geo: 'us' } } });
const { rig, home } = world;
afterAll(() => world.stop());
const trial = new Trial('@anthropic-ai/sdk', world);
const SAID = 'This was answered in us-east-1.';
const MODEL = 'claude-opus-4-6';
const ask = { model: MODEL, max_tokens: 64, messages: [{ role: 'user' as const, content: 'hello' }] };

function client(facts: Readonly<Record<string, string>>, more: ConstructorParameters<typeof Anthropic>[0] = {}) {
  return new Anthropic({ baseURL: rig.inference, apiKey: 'sk-ignored', defaultHeaders: facts, ...more });
}

const anthropic = client(FACTS);

/** By status: what the SDK makes of it. It is told not to retry, whatever the status. */
const TYPED = {
  400: { class: BadRequestError, type: 'invalid_request_error' },
  403: { class: PermissionDeniedError, type: 'permission_error' },
  503: { class: InternalServerError, type: 'api_error' },
};

describe('inference in residency', () => {
  test('a message is answered where it must be, with the decision in the headers', async () => {
    const { data, response } = await trial.allows('Messages', () => anthropic.messages.create(ask).withResponse());
    expect(data.content).toEqual([expect.objectContaining({ type: 'text', text: SAID })]);
    expect(data.usage.inference_geo).toBe('us');
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'x-residency-decision': 'allow',
      'x-residency-reason': 'in_residency',
      'x-residency-region': 'us-east',
      'x-residency-policy': expect.stringMatching(/^acme-home@\d+$/),
    });
    expect(JSON.parse(home.inference.lastBody()!)).toEqual({ ...ask, inference_geo: 'us' });
    expect(home.inference.lastRequest?.headers).toMatchObject({ 'x-api-key': 'sk-upstream-anthropic' });
    expect(home.inference.lastRequest?.headers).not.toHaveProperty('x-tenant-id');
  });

  test('a message streams, piece by piece', async () => {
    const pieces: string[] = [];
    const message = await trial.allows('Messages', async () => {
      const stream = anthropic.messages.stream(ask).on('text', (piece) => pieces.push(piece));
      return stream.finalMessage();
    });
    expect(pieces.length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(SAID);
    expect(message.stop_reason).toBe('end_turn');
  });

  test('tokens are counted, models listed and looked up', async () => {
    const { messages } = ask;
    const counted = await trial.allows('CountTokens', () => anthropic.messages.countTokens({ model: MODEL, messages }));
    expect(counted.input_tokens).toBeGreaterThan(0);
    const models = await trial.allows('ListModels', () => anthropic.models.list());
    expect(models.data.map(({ id }) => id)).toContain(MODEL);
    expect(await trial.allows('GetModel', () => anthropic.models.retrieve(MODEL))).toMatchObject({ id: MODEL });
  });

  test('tools that the client runs itself are no way out', async () => {
    const tools = [{ name: 'look_up', input_schema: { type: 'object' as const, properties: {} } }];
    const message = await trial.allows('Messages', () => anthropic.messages.create({ ...ask, tools }));
    expect(message.role).toBe('assistant');
  });

  test('clients that sign in by token, or say who they are in the path, work as well', async () => {
    const bearer = client(FACTS, { apiKey: null, authToken: 'token' });
    expect((await trial.allows('Messages', () => bearer.messages.create(ask))).role).toBe('assistant');
    const prefixed = client({}, { baseURL: `${rig.inference}/t/acme/identity` });
    expect((await trial.allows('Messages', () => prefixed.messages.create(ask))).role).toBe('assistant');
  });
});

describe('inference that is refused', () => {
  for (const { title, facts, reason, status } of refusedFacts(world.abroadId)) {
    const { class: errorClass, type } = TYPED[status];
    test(`${title}: ${errorClass.name}, once`, async () => {
      const refused = client(facts);
      for (const [operation, act] of [
        ['Messages', () => refused.messages.create(ask)],
        ['Messages', () => refused.messages.stream(ask).finalMessage()],
        ['CountTokens', () => refused.messages.countTokens({ model: MODEL, messages: ask.messages })],
        ['ListModels', () => refused.models.list()],
      ] as const) {
        const error = (await trial.denies(operation, { reason }, act)) as APIError;
        expect(error).toBeInstanceOf(errorClass);
        expect(error).toMatchObject({ status, error: { type: 'error', error: { type } } });
        expect(error.message).toMatch(new RegExp(`^${status} \\{"type":"error"`));
        expect(error.headers?.get('x-residency-reason')).toBe(reason);
        expect(error.error).toMatchObject({ request_id: error.headers?.get('x-request-id') });
      }
    });
  }

  test('data that must not come back over the border is PermissionDeniedError, once', async () => {
    const error = await trial.denies('Messages', { reason: 'cross_border_restricted' }, () =>
      client(RESTRICTED_FACTS).messages.create(ask),
    );
    expect(error).toBeInstanceOf(PermissionDeniedError);
  });

  test('another geography, servers, containers and tools of the service are PermissionDeniedError, once', async () => {
    const url = 'https://mcp.example';
    for (const more of [
      { inference_geo: 'global' },
      { mcp_servers: [{ type: 'url', name: 'x', url }] },
      { container: 'container_1' },
      { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      { tools: [{ type: 'code_execution_20250825', name: 'code_execution' }] },
      { messages: [{ role: 'user', content: [{ type: 'document', source: { type: 'file', file_id: 'file_1' } }] }] },
    ]) {
      const error = await trial.denies('Messages', { reason: 'leak_blocked' }, () =>
        anthropic.messages.create({ ...ask, ...more } as never),
      );
      expect(error).toBeInstanceOf(PermissionDeniedError);
      expect(error).toMatchObject({ status: 403, error: { error: { type: 'permission_error' } } });
    }
  });

  test('batches and files are PermissionDeniedError, once', async () => {
    for (const [operation, act] of [
      ['Batches', () => anthropic.messages.batches.create({ requests: [{ custom_id: '1', params: ask }] })],
      ['Batches', () => anthropic.messages.batches.list()],
      ['Files', () => anthropic.beta.files.list()],
    ] as const) {
      const error = await trial.denies(operation, { reason: 'operation_not_permitted' }, act);
      expect(error).toBeInstanceOf(PermissionDeniedError);
    }
  });

  test('a body that is too large to be looked into is an APIError at 413, once', async () => {
    const messages = [{ role: 'user' as const, content: 'x'.repeat(INSPECTED) }];
    const error = await trial.denies('Messages', { reason: 'body_too_large_to_inspect' }, () =>
      anthropic.messages.create({ ...ask, messages }),
    );
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ status: 413, error: { error: { type: 'request_too_large' } } });
  });
});

test('a tenant of the other region is served from there, and the matrix of this client is told', async () => {
  const abroad = client(FOREIGN_FACTS);
  const { content } = await trial.crosses('Messages', () => abroad.messages.create(ask));
  expect(content).toEqual([expect.objectContaining({ text: 'This was answered in eu-west-1.' })]);
  console.log(trial.summary());
});
