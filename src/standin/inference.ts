import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pathOf } from '../core/http.ts';
import { anthropicError, anthropicReply } from './anthropic-answers.ts';
import { bedrockError, bedrockReply } from './bedrock-answers.ts';
import { signatureProblem } from './bedrock-signature.ts';
import { openaiError, openaiReply } from './openai-answers.ts';
import type { Ask, Reply } from './reply.ts';
import type { Signatory } from './s3-signature.ts';
import { startStandIn, type StandIn } from './standin.ts';

export interface InferenceStandInOptions {
  /** Whose SigV4 signatures Bedrock accepts, and the cloud region that all three say they are in. */
  readonly signatory: Signatory;
  /** OpenAI's key, expected as `authorization: Bearer KEY`. */
  readonly openaiKey: string;
  /** Anthropic's key, expected as `x-api-key: KEY` or `authorization: Bearer KEY`. */
  readonly anthropicKey: string;
  /** What Anthropic's `usage.inference_geo` says. Default: what was asked for, else `global`. */
  readonly inferenceGeo?: string | null;
  /** Default: 0, a free one. */
  readonly port?: number;
}

export interface InferenceStandIn extends StandIn {
  /** The last body that was read whole, as text; null before the first. */
  lastBody(): string | null;
}

const MAX_BODY = 32 * 1024 * 1024;

/**
 * One region's Bedrock, OpenAI and Anthropic, on loopback over HTTP/1.1. Answers are canned and say the region; streams
 * are server-sent events, for Bedrock AWS's event stream. Credentials are checked: Bedrock's signature with AWS's own
 * signer. A path that a service does not have is its own 404.
 */
export async function startInferenceStandIn(options: InferenceStandInOptions): Promise<InferenceStandIn> {
  let lastBody: string | null = null;
  const standIn = await startStandIn(async (request, response) => {
    if (request.headers.expect !== undefined) response.writeContinue();
    const bytes = await readBody(request);
    lastBody = bytes.toString('utf8');
    send(response, await reply(request, bytes, options));
  }, options.port ?? 0);
  return Object.assign(standIn, { lastBody: () => lastBody });
}

async function reply(request: IncomingMessage, bytes: Buffer, options: InferenceStandInOptions): Promise<Reply> {
  const { headers } = request;
  const method = request.method ?? '';
  const path = pathOf(request.url ?? '/');
  const ask: Ask = {
    method,
    path,
    body: parseBody(headers['content-type'], bytes),
    cloudRegion: options.signatory.cloudRegion,
    now: Math.floor(Date.now() / 1000),
  };
  if (/^\/(?:model|guardrail|async-invoke)(?:\/|$)/.test(path)) {
    const problem = await signatureProblem(method, path, headers, bytes, options.signatory, Date.now());
    if (problem !== null) return bedrockError(403, 'InvalidSignatureException', problem);
    return bedrockReply(ask) ?? bedrockError(404, 'UnknownOperationException', 'Unknown operation.');
  }
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? '')?.[1];
  if (headers['anthropic-version'] !== undefined || path.startsWith('/v1/messages')) {
    if ((headers['x-api-key'] ?? bearer) !== options.anthropicKey)
      return anthropicError(401, 'authentication_error', 'invalid x-api-key');
    return anthropicReply(ask, options.inferenceGeo) ?? anthropicError(404, 'not_found_error', 'Not found');
  }
  if (bearer !== options.openaiKey) return openaiError(401, 'Incorrect API key provided.', 'invalid_api_key');
  return openaiReply(ask) ?? openaiError(404, `Invalid URL (${method} ${path})`, null);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY) throw new RangeError(`the body is over ${MAX_BODY} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** @throws SyntaxError when a body that says it is JSON is not */
function parseBody(type: string | undefined, bytes: Buffer): Ask['body'] {
  if (bytes.length === 0 || !(type ?? '').startsWith('application/json')) return {};
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  return typeof value === 'object' && value !== null ? (value as Ask['body']) : {};
}

function send(response: ServerResponse, reply: Reply): void {
  const id = randomUUID();
  response.setHeader('x-request-id', id);
  response.setHeader('x-amzn-requestid', id);
  if ('events' in reply) {
    response.writeHead(200, { 'content-type': reply.type });
    for (const event of reply.events) response.write(event);
    response.end();
    return;
  }
  const bytes = 'bytes' in reply ? reply.bytes : Buffer.from(JSON.stringify(reply.json));
  response.writeHead('bytes' in reply ? 200 : reply.status, {
    'content-type': 'bytes' in reply ? reply.type : 'application/json',
    'content-length': bytes.length,
    ...('bytes' in reply ? {} : reply.headers),
  });
  response.end(bytes);
}
