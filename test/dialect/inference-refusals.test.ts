import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Anthropic, { PermissionDeniedError as AnthropicPermissionDenied } from '@anthropic-ai/sdk';
import { AccessDeniedException, BedrockRuntimeClient, ConverseCommand } from '@aws-sdk/client-bedrock-runtime';
import { S3Client } from '@aws-sdk/client-s3';
import OpenAI, { PermissionDeniedError } from 'openai';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Head } from '../../src/core/http.ts';
import { anthropic } from '../../src/dialect/anthropic/anthropic.ts';
import { bedrock } from '../../src/dialect/bedrock/bedrock.ts';
import { openai } from '../../src/dialect/openai/openai.ts';
import { selectInference } from '../../src/dialect/select.ts';

const DIALECTS = { anthropic: anthropic(), bedrock: bedrock(), openai: openai() };
const MESSAGE = 'Not permitted here.';

let server: Server;
let url: string;
let attempts: number;

/** Refuses everything with 403, in the words of the dialect that the request speaks. */
beforeEach(async () => {
  attempts = 0;
  server = createServer((request, response) => {
    attempts++;
    const headers = Object.entries(request.headers).flatMap(([name, value]) => [name, String(value)]);
    const head: Head = { method: request.method ?? '', target: request.url ?? '', headers };
    const dialect = DIALECTS[selectInference(head) as keyof typeof DIALECTS];
    const answer = dialect.refuse(head, 'leak_blocked', 403, MESSAGE, 'r-1');
    request.resume().on('end', () => response.writeHead(answer.status, [...answer.headers]).end(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('not refused');
}

test('the OpenAI SDK raises PermissionDeniedError with the code, after one attempt', async () => {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'x' });
  const error = await failureOf(client.chat.completions.create({ model: 'm', messages: [] }));
  expect(error).toBeInstanceOf(PermissionDeniedError);
  expect(error).toMatchObject({ status: 403, code: 'residency_policy_violation', type: 'invalid_request_error' });
  expect(String(error)).toContain(MESSAGE);
  expect(attempts).toBe(1);
});

test('the Anthropic SDK raises PermissionDeniedError with the request id, after one attempt', async () => {
  const client = new Anthropic({ baseURL: url, apiKey: 'x', authToken: null });
  const error = await failureOf(client.messages.create({ model: 'm', max_tokens: 1, messages: [] }));
  expect(error).toBeInstanceOf(AnthropicPermissionDenied);
  expect(error).toMatchObject({ status: 403, requestID: 'r-1', error: { error: { type: 'permission_error' } } });
  expect(String(error)).toContain(MESSAGE);
  expect(attempts).toBe(1);
});

test('the Bedrock SDK raises AccessDeniedException with the request id, after one attempt', async () => {
  const client = new BedrockRuntimeClient({
    endpoint: url,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'a', secretAccessKey: 'b' },
    // Bedrock's own handler speaks HTTP/2; that of S3 is the SDK's one for HTTP/1.1.
    requestHandler: new S3Client({ region: 'eu-west-1' }).config.requestHandler,
  });
  const error = await failureOf(client.send(new ConverseCommand({ modelId: 'global.x', messages: [] })));
  client.destroy();
  expect(error).toBeInstanceOf(AccessDeniedException);
  expect(error).toMatchObject({ message: MESSAGE, $metadata: { requestId: 'r-1', httpStatusCode: 403 } });
  expect(attempts).toBe(1);
});
