import {
  AccessDeniedException,
  ApplyGuardrailCommand,
  BedrockRuntimeClient,
  type BedrockRuntimeServiceException,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  ListAsyncInvokesCommand,
  ServiceUnavailableException,
  StartAsyncInvokeCommand,
  ValidationException,
  type BedrockRuntimeClientConfig,
} from '@aws-sdk/client-bedrock-runtime';
import { afterAll, describe, expect, test } from 'vitest';
import { Trial } from './trial.ts';
import { FACTS, FOREIGN_FACTS, INSPECTED, refusedFacts, RESTRICTED_FACTS, startWorld } from './world.ts';

const world = await startWorld({ endpoints: { bedrock: { guardrails: ['gr-house'] } } });
const { rig, home } = world;
afterAll(() => world.stop());
const trial = new Trial('@aws-sdk/client-bedrock-runtime (HTTP/2)', world);
const clients: BedrockRuntimeClient[] = [];

const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const LLAMA = 'meta.llama3-70b-instruct-v1:0';
const SAID = 'This was answered in eu-west-1.';
const messages = [{ role: 'user' as const, content: [{ text: 'hello' }] }];
const claude = { anthropic_version: 'bedrock-2023-05-31', max_tokens: 16, messages: [{ role: 'user', content: 'hi' }] };

interface Answered {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** What the SDK does not show of an answer, seen by a middleware of its own. */
let answered: Answered = { statusCode: 0, headers: {} };

/** The SDK's own handler: HTTP/2 with prior knowledge. */
function client(facts: Readonly<Record<string, string>>, more: BedrockRuntimeClientConfig = {}): BedrockRuntimeClient {
  const made = new BedrockRuntimeClient({
    endpoint: rig.inference,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'ignored', secretAccessKey: 'ignored' },
    ...more,
  });
  made.middlewareStack.add(
    (next) => (args) => {
      Object.assign((args.request as { headers: object }).headers, facts);
      return next(args);
    },
    { step: 'build', name: 'residency' },
  );
  made.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      answered = result.response as Answered;
      return result;
    },
    { step: 'deserialize', name: 'headers', priority: 'low' },
  );
  clients.push(made);
  return made;
}

const bedrock = client(FACTS);
afterAll(() => {
  for (const made of clients) made.destroy();
});

/** By status: what the SDK makes of it, and how often it asks. */
const TYPED = {
  400: { class: ValidationException, attempts: 1 },
  403: { class: AccessDeniedException, attempts: 1 },
  503: { class: ServiceUnavailableException, attempts: 3 },
};

describe('inference in residency', () => {
  test('the client speaks HTTP/2 to Domicile and gets the decision in the headers', async () => {
    const output = await trial.allows('Converse', () =>
      bedrock.send(new ConverseCommand({ modelId: CLAUDE, messages })),
    );
    expect(output.output?.message).toEqual({ role: 'assistant', content: [{ text: SAID }] });
    expect(bedrock.config.requestHandler.metadata?.handlerProtocol).toBe('h2');
    expect(answered.headers).toMatchObject({
      'x-residency-decision': 'allow',
      'x-residency-reason': 'in_residency',
      'x-residency-region': 'eu-west',
      'x-residency-policy': expect.stringMatching(/^acme-home@\d+$/),
    });
    expect(home.inference.lastRequest?.target).toBe(`/model/${encodeURIComponent(CLAUDE)}/converse`);
    expect(home.inference.lastRequest?.headers['x-tenant-id']).toBeUndefined();
  });

  test('a conversation streams, event by event', async () => {
    const pieces: string[] = [];
    await trial.allows('ConverseStream', async () => {
      const { stream } = await bedrock.send(new ConverseStreamCommand({ modelId: CLAUDE, messages }));
      for await (const event of stream!) pieces.push(event.contentBlockDelta?.delta?.text ?? '');
    });
    expect(pieces.filter((piece) => piece !== '').length).toBeGreaterThan(1);
    expect(pieces.join('')).toBe(SAID);
  });

  test('a model is invoked in its own words, with the body as sent', async () => {
    const body = JSON.stringify(claude);
    const output = await trial.allows('InvokeModel', () =>
      bedrock.send(new InvokeModelCommand({ modelId: CLAUDE, contentType: 'application/json', body })),
    );
    expect(JSON.parse(output.body.transformToString())).toMatchObject({ content: [{ text: SAID }] });
    expect(home.inference.lastBody()).toBe(body);
  });

  test("a model's own words stream", async () => {
    let text = '';
    await trial.allows('InvokeModelWithResponseStream', async () => {
      const body = JSON.stringify({ prompt: 'hello' });
      const { body: stream } = await bedrock.send(
        new InvokeModelWithResponseStreamCommand({ modelId: LLAMA, contentType: 'application/json', body }),
      );
      for await (const event of stream!) {
        text += (JSON.parse(new TextDecoder().decode(event.chunk!.bytes)) as { generation: string }).generation;
      }
    });
    expect(text).toBe(SAID);
  });

  test('tokens are counted', async () => {
    const { inputTokens } = await trial.allows('CountTokens', () =>
      bedrock.send(new CountTokensCommand({ modelId: CLAUDE, input: { converse: { messages } } })),
    );
    expect(inputTokens).toBeGreaterThan(0);
  });

  test('a guardrail that the operator listed is applied', async () => {
    const output = await trial.allows('ApplyGuardrail', () =>
      bedrock.send(
        new ApplyGuardrailCommand({
          guardrailIdentifier: 'gr-house',
          guardrailVersion: '1',
          source: 'INPUT',
          content: [{ text: { text: 'hello' } }],
        }),
      ),
    );
    expect(output.action).toBe('NONE');
  });

  test('20 conversations share one connection and none is mixed up', async () => {
    const turns = Array.from({ length: 20 }, () => 'Converse');
    const outputs = await trial.allows(turns, () =>
      Promise.all(turns.map(() => bedrock.send(new ConverseCommand({ modelId: CLAUDE, messages })))),
    );
    for (const { output } of outputs) expect(output?.message?.content).toEqual([{ text: SAID }]);
  });

  test('a client that says who it is in the path of its endpoint works as well', async () => {
    const prefixed = client({}, { endpoint: `${rig.inference}/t/acme/identity` });
    const output = await trial.allows('Converse', () =>
      prefixed.send(new ConverseCommand({ modelId: CLAUDE, messages })),
    );
    expect(output.stopReason).toBe('end_turn');
  });
});

describe('inference that is refused', () => {
  for (const { title, facts, reason, status } of refusedFacts(world.abroadId)) {
    const { class: type, attempts } = TYPED[status];
    test(`${title}: ${type.name}, ${attempts === 1 ? 'once' : `${attempts} times`}`, async () => {
      const refused = client(facts);
      for (const [operation, command] of [
        ['Converse', new ConverseCommand({ modelId: CLAUDE, messages })],
        ['ConverseStream', new ConverseStreamCommand({ modelId: CLAUDE, messages })],
      ] as const) {
        const error = await trial.denies(operation, { reason, attempts }, () => refused.send(command as never));
        expect(error).toBeInstanceOf(type);
        expect(error).toMatchObject({ name: type.name, $metadata: { httpStatusCode: status, attempts } });
        expect((error as Error).message).toMatch(/^[A-Z].+\.$/);
        expect(answered.headers).toMatchObject({ 'x-residency-decision': 'deny', 'x-residency-reason': reason });
        expect((error as BedrockRuntimeServiceException).$metadata.requestId).toBe(answered.headers['x-request-id']);
      }
    });
  }

  test('data that must not come back over the border is AccessDeniedException, once', async () => {
    const error = await trial.denies('Converse', { reason: 'cross_border_restricted' }, () =>
      client(RESTRICTED_FACTS).send(new ConverseCommand({ modelId: CLAUDE, messages })),
    );
    expect(error).toBeInstanceOf(AccessDeniedException);
    expect(error).toMatchObject({ $metadata: { httpStatusCode: 403, attempts: 1 } });
  });

  test('models that may run elsewhere are AccessDeniedException, once', async () => {
    for (const modelId of [
      `global.${CLAUDE}`,
      `us.${CLAUDE}`,
      `arn:aws:bedrock:us-east-1::foundation-model/${CLAUDE}`,
      'arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/unlisted',
      'acme-custom-name',
    ]) {
      const error = await trial.denies('Converse', { reason: 'leak_blocked' }, () =>
        bedrock.send(new ConverseCommand({ modelId, messages })),
      );
      expect(error).toBeInstanceOf(AccessDeniedException);
      expect(error).toMatchObject({ message: 'This model is not permitted.', $metadata: { attempts: 1 } });
    }
  });

  test('guardrails that are not listed, and operations that are not served, are AccessDeniedException, once', async () => {
    const guardrail = { guardrailIdentifier: 'gr-other', guardrailVersion: '1' };
    const s3Uri = 's3://elsewhere/out';
    for (const [operation, reason, act] of [
      [
        'ApplyGuardrail',
        'leak_blocked',
        () => bedrock.send(new ApplyGuardrailCommand({ ...guardrail, source: 'INPUT', content: [] })),
      ],
      [
        'Converse',
        'leak_blocked',
        () => bedrock.send(new ConverseCommand({ modelId: CLAUDE, messages, guardrailConfig: guardrail })),
      ],
      ['ListAsyncInvokes', 'operation_not_permitted', () => bedrock.send(new ListAsyncInvokesCommand({}))],
      [
        'StartAsyncInvoke',
        'leak_blocked',
        () =>
          bedrock.send(
            new StartAsyncInvokeCommand({
              modelId: `global.${CLAUDE}`,
              modelInput: { prompt: 'x' },
              outputDataConfig: { s3OutputDataConfig: { s3Uri } },
            }),
          ),
      ],
    ] as const) {
      const error = await trial.denies(operation, { reason }, act);
      expect(error).toBeInstanceOf(AccessDeniedException);
      expect(error).toMatchObject({ $metadata: { httpStatusCode: 403, attempts: 1 } });
    }
  });

  test('a body with a key twice is ValidationException, once', async () => {
    const body = '{"max_tokens":16,"messages":[],"messages":[]}';
    const error = await trial.denies('InvokeModel', { reason: 'request_malformed' }, () =>
      bedrock.send(new InvokeModelCommand({ modelId: CLAUDE, contentType: 'application/json', body })),
    );
    expect(error).toBeInstanceOf(ValidationException);
    expect(error).toMatchObject({ $metadata: { httpStatusCode: 400, attempts: 1 } });
  });

  test('a body that is too large to be looked into is ValidationException at 413, once', async () => {
    const long = [{ role: 'user' as const, content: [{ text: 'x'.repeat(INSPECTED) }] }];
    const error = await trial.denies('Converse', { reason: 'body_too_large_to_inspect' }, () =>
      bedrock.send(new ConverseCommand({ modelId: CLAUDE, messages: long })),
    );
    expect(error).toBeInstanceOf(ValidationException);
    expect(error).toMatchObject({ $metadata: { httpStatusCode: 413, attempts: 1 } });
  });

  test('after refusals the connection still serves', async () => {
    await trial.allows('Converse', () => bedrock.send(new ConverseCommand({ modelId: CLAUDE, messages })));
  });
});

test('a tenant of the other region is served from there, and the matrix of this client is told', async () => {
  const abroad = client(FOREIGN_FACTS);
  const output = await trial.crosses('Converse', () => abroad.send(new ConverseCommand({ modelId: CLAUDE, messages })));
  expect(output.output?.message?.content).toEqual([{ text: 'This was answered in us-east-1.' }]);
  console.log(trial.summary());
});
