import { createHash } from 'node:crypto';
import Anthropic, { AuthenticationError as AnthropicAuthenticationError } from '@anthropic-ai/sdk';
import {
  ApplyGuardrailCommand,
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  CountTokensCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  StartAsyncInvokeCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { S3Client } from '@aws-sdk/client-s3';
import OpenAI, { AuthenticationError, NotFoundError, toFile } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bedrock } from '../../src/dialect/bedrock/bedrock.ts';
import { Signer } from '../../src/sigv4/sign.ts';
import { startInferenceStandIn, type InferenceStandIn } from '../../src/standin/inference.ts';
import { passed, placeOf, run } from '../dialect/inference.ts';

const signatory = { cloudRegion: 'eu-west-1', accessKeyId: 'AKSTANDIN', secretAccessKey: 'secret' };
const SAID = 'This was answered in eu-west-1.';
const CLAUDE = 'anthropic.claude-sonnet-4-5-20250929-v1:0';
const MESSAGES = [{ role: 'user' as const, content: 'hello' }];
const TURNS = [{ role: 'user' as const, content: [{ text: 'hello' }] }];

let standIn: InferenceStandIn;
const bedrocks: BedrockRuntimeClient[] = [];

function bedrockClient(change: { region?: string; secretAccessKey?: string } = {}): BedrockRuntimeClient {
  const { accessKeyId, secretAccessKey } = signatory;
  const client = new BedrockRuntimeClient({
    endpoint: standIn.url,
    region: change.region ?? 'eu-west-1',
    credentials: { accessKeyId, secretAccessKey: change.secretAccessKey ?? secretAccessKey },
    // Bedrock's own handler speaks HTTP/2; that of S3 is the SDK's one for HTTP/1.1.
    requestHandler: new S3Client({ region: 'eu-west-1' }).config.requestHandler,
    maxAttempts: 1,
  });
  bedrocks.push(client);
  return client;
}

function openaiClient(apiKey = 'sk-openai'): OpenAI {
  return new OpenAI({ baseURL: `${standIn.url}/v1`, apiKey, maxRetries: 0 });
}

function anthropicClient(apiKey = 'sk-anthropic'): Anthropic {
  return new Anthropic({ baseURL: standIn.url, apiKey, authToken: null, maxRetries: 0 });
}

beforeAll(async () => {
  standIn = await startInferenceStandIn({ signatory, openaiKey: 'sk-openai', anthropicKey: 'sk-anthropic' });
});

afterAll(async () => {
  for (const client of bedrocks) client.destroy();
  await standIn.close();
});

test('nothing sent is nothing counted', async () => {
  const other = await startInferenceStandIn({ signatory, openaiKey: 'a', anthropicKey: 'b' });
  expect([other.requests, other.bytes, other.lastRequest, other.lastBody()]).toEqual([0, 0, null, null]);
  await fetch(`${other.url}/v1/models`);
  expect(other.requests).toBe(1);
  expect(other.bytes).toBeGreaterThan(0);
  expect(other.lastRequest?.target).toBe('/v1/models');
  await other.close();
});

describe('OpenAI, by its own SDK', () => {
  test('chat completions, whole and streamed', async () => {
    const body = { model: 'gpt-5', messages: MESSAGES };
    const whole = await openaiClient().chat.completions.create(body);
    expect(whole.choices[0]?.message.content).toBe(SAID);
    let text = '';
    for await (const chunk of await openaiClient().chat.completions.create({ ...body, stream: true }))
      text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe(SAID);
    expect(JSON.parse(standIn.lastBody() ?? '')).toEqual({ ...body, stream: true });
  });

  test('responses, whole and streamed', async () => {
    const body = { model: 'gpt-5', input: 'hello' };
    expect((await openaiClient().responses.create(body)).output_text).toBe(SAID);
    const stream = openaiClient().responses.stream(body);
    expect((await stream.finalResponse()).output_text).toBe(SAID);
  });

  test('embeddings, moderations, models, images and audio', async () => {
    const client = openaiClient();
    const embedded = await client.embeddings.create({ model: 'e', input: ['a', 'b'] });
    expect(embedded.data.map((item) => item.embedding.length)).toEqual([8, 8]);
    expect(Math.hypot(...(embedded.data[0]?.embedding ?? []))).toBeCloseTo(1, 5);
    expect((await client.moderations.create({ input: 'a' })).results[0]?.flagged).toBe(false);
    expect((await client.models.list()).data[0]?.id).toBe('gpt-5');
    expect((await client.models.retrieve('gpt-5')).id).toBe('gpt-5');
    expect((await client.images.generate({ prompt: 'a', model: 'gpt-image-1' })).data?.[0]?.b64_json).toMatch(/^iVBOR/);
    const file = await toFile(Buffer.from('RIFF'), 'a.wav');
    expect((await client.audio.transcriptions.create({ model: 'whisper-1', file })).text).toBe(SAID);
    const speech = await client.audio.speech.create({ model: 'tts-1', input: 'a', voice: 'alloy' });
    expect(await speech.text()).toBe(SAID);
  });

  test('another key and another path are its typed errors', async () => {
    await expect(openaiClient('sk-other').models.list()).rejects.toBeInstanceOf(AuthenticationError);
    await expect(openaiClient().files.list()).rejects.toBeInstanceOf(NotFoundError);
  });
});

describe('Anthropic, by its own SDK', () => {
  const body = { model: 'claude-opus-4-6', max_tokens: 64, messages: MESSAGES };

  test('messages, whole and streamed, with the geography that was asked for', async () => {
    const whole = await anthropicClient().messages.create({ ...body, inference_geo: 'us' });
    expect(whole.content).toMatchObject([{ type: 'text', text: SAID }]);
    expect(whole.usage.inference_geo).toBe('us');
    const streamed = await anthropicClient().messages.stream(body).finalMessage();
    expect(streamed.content).toMatchObject([{ type: 'text', text: SAID }]);
    expect(streamed.usage.inference_geo).toBe('global');
  });

  test('token counts and models', async () => {
    const { model, messages } = body;
    expect((await anthropicClient().messages.countTokens({ model, messages })).input_tokens).toBeGreaterThan(0);
    expect((await anthropicClient().models.list()).data[0]?.id).toBe(model);
    expect((await anthropicClient().models.retrieve(model)).id).toBe(model);
  });

  test('both header styles are accepted, another key is a typed error', async () => {
    const bearer = new Anthropic({ baseURL: standIn.url, apiKey: null, authToken: 'sk-anthropic', maxRetries: 0 });
    expect((await bearer.messages.create(body)).role).toBe('assistant');
    await expect(anthropicClient('x').messages.create(body)).rejects.toBeInstanceOf(AnthropicAuthenticationError);
  });

  test('one that was told another geography says so', async () => {
    const geo = await startInferenceStandIn({ signatory, openaiKey: 'a', anthropicKey: 'b', inferenceGeo: 'mars' });
    const client = new Anthropic({ baseURL: geo.url, apiKey: 'b', authToken: null, maxRetries: 0 });
    expect((await client.messages.create({ ...body, inference_geo: 'us' })).usage.inference_geo).toBe('mars');
    await geo.close();
  });
});

describe('Bedrock, by its own SDK over HTTP/1.1', () => {
  test('Converse and ConverseStream', async () => {
    const input = { modelId: 'amazon.nova-lite-v1:0', messages: TURNS };
    const whole = await bedrockClient().send(new ConverseCommand(input));
    expect(whole.output?.message?.content).toEqual([{ text: SAID }]);
    let text = '';
    let stop = '';
    for await (const event of (await bedrockClient().send(new ConverseStreamCommand(input))).stream ?? []) {
      text += event.contentBlockDelta?.delta?.text ?? '';
      stop += event.messageStop?.stopReason ?? '';
    }
    expect([text, stop]).toEqual([SAID, 'end_turn']);
  });

  test('InvokeModel and InvokeModelWithResponseStream', async () => {
    const body = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', max_tokens: 9, messages: MESSAGES });
    const input = { modelId: CLAUDE, body, contentType: 'application/json' };
    const whole = await bedrockClient().send(new InvokeModelCommand(input));
    expect(JSON.parse(whole.body.transformToString())).toMatchObject({ content: [{ text: SAID }] });
    let text = '';
    for await (const event of (await bedrockClient().send(new InvokeModelWithResponseStreamCommand(input))).body ?? [])
      text += JSON.parse(Buffer.from(event.chunk?.bytes ?? []).toString()).delta?.text ?? '';
    expect(text).toBe(SAID);
  });

  test('ApplyGuardrail, CountTokens and StartAsyncInvoke', async () => {
    const client = bedrockClient();
    const guardrail = { guardrailIdentifier: 'gr1', guardrailVersion: '1', source: 'INPUT' as const };
    const applied = await client.send(new ApplyGuardrailCommand({ ...guardrail, content: [{ text: { text: 'a' } }] }));
    expect(applied.action).toBe('NONE');
    const counted = await client.send(
      new CountTokensCommand({ modelId: CLAUDE, input: { converse: { messages: TURNS } } }),
    );
    expect(counted.inputTokens).toBeGreaterThan(0);
    const started = await client.send(
      new StartAsyncInvokeCommand({
        modelId: 'amazon.nova-reel-v1:1',
        modelInput: { a: 1 },
        outputDataConfig: { s3OutputDataConfig: { s3Uri: 's3://b' } },
      }),
    );
    expect(started.invocationArn).toMatch(/^arn:aws:bedrock:eu-west-1:/);
  });

  test('a signature for another region, or with another secret, is refused', async () => {
    const command = new ConverseCommand({ modelId: CLAUDE, messages: TURNS });
    await expect(bedrockClient({ region: 'us-east-1' }).send(command)).rejects.toThrow(/scoped to a valid region/);
    await expect(bedrockClient({ secretAccessKey: 'x' }).send(command)).rejects.toThrow(/does not match/);
  });

  test('what the dialect rewrites and our signer signs is accepted by AWS’s signer', async () => {
    const target = `/model/${encodeURIComponent(CLAUDE)}/converse`;
    const { outgoing, inspection } = passed(
      run(bedrock(), placeOf('bedrock'), { target, headers: ['accept', '*/*'], body: { messages: TURNS } }),
    );
    const body = inspection?.body ?? Buffer.alloc(0);
    const host = `127.0.0.1:${standIn.port}`;
    const payloadHash = createHash('sha256').update(body).digest('hex');
    const credentials = { ...signatory, sessionToken: null };
    new Signer().sign({ ...outgoing, host, payloadHash }, credentials, 'eu-west-1', 'bedrock', Date.now());
    const headers = new Headers();
    for (let i = 0; i < outgoing.headers.length; i += 2) {
      const name = outgoing.headers[i] as string;
      if (name !== 'content-length') headers.append(name, outgoing.headers[i + 1] as string);
    }
    const answer = await fetch(`${standIn.url}${outgoing.path}`, { method: 'POST', headers, body });
    expect([answer.status, await answer.json()]).toMatchObject([200, { stopReason: 'end_turn' }]);
    expect(standIn.lastRequest?.target).toBe(target);
  });
});
