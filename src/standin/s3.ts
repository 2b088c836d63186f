import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { S3Error, xmlElement } from './s3-error.ts';
import { operate, type S3Answer, type S3Request } from './s3-operations.ts';
import { openPayload, readBody } from './s3-payload.ts';
import { decodeComponent, parseQuery, verifySignature, type Signatory } from './s3-signature.ts';
import { S3Store, type StoredObject } from './s3-store.ts';
import { startStandIn, type StandIn } from './standin.ts';

export interface S3StandInOptions extends Signatory {
  /** Domicile's id of the region, told in the `server` header only. */
  readonly region: string;
  /** Default: 0, a free one. */
  readonly port?: number;
  /** Buckets come to be when they are first named. Default: true. */
  readonly createBuckets?: boolean;
  /** Bytes of all objects. Default: 268435456 (256 MiB). */
  readonly maxBytes?: number;
}

export interface S3StandIn extends StandIn {
  /** An object as it lies in this region, or null. Physical names. */
  object(bucket: string, key: string): StoredObject | null;
}

const MAX_BODY = 128 * 1024 * 1024;
const DEFAULT_MAX_BYTES = 256 * 1024 * 1024;

/**
 * An S3 region in memory, on loopback, in path style: checks signatures, its own region, payload hashes and checksums,
 * and answers put, get (with ranges), head, delete, delete objects, list (v1, v2), copy and multipart as S3 does.
 * What it does not know is 501 NotImplemented.
 */
export async function startS3StandIn(options: S3StandInOptions): Promise<S3StandIn> {
  const store = new S3Store(options.createBuckets ?? true, options.maxBytes ?? DEFAULT_MAX_BYTES);
  const standIn = await startStandIn(
    (request, response) => serve(request, response, options, store),
    options.port ?? 0,
  );
  return Object.assign(standIn, {
    object(bucket: string, key: string): StoredObject | null {
      return store.find(bucket, key);
    },
  });
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  options: S3StandInOptions,
  store: S3Store,
): Promise<void> {
  const requestId = randomUUID();
  const method = request.method ?? '';
  let answer: S3Answer;
  try {
    const target = request.url ?? '';
    const hash = await verifySignature(method, target, request.headers, options, Date.now());
    if (request.headers.expect !== undefined) response.writeContinue();
    const body = openPayload(await readBody(request, MAX_BODY), hash, request);
    answer = operate(store, {
      ...splitTarget(target),
      method,
      headers: request.headers,
      body,
      cloudRegion: options.cloudRegion,
    });
  } catch (error) {
    if (!(error instanceof S3Error)) throw error;
    answer = errorAnswer(error, requestId);
  }
  const body = answer.body ?? '';
  response.writeHead(answer.status, {
    server: `domicile-standin-${options.region}`,
    'x-amz-request-id': requestId,
    ...(typeof body === 'string' && body !== '' && { 'content-type': 'application/xml' }),
    ...(answer.status !== 204 && answer.status !== 304 && { 'content-length': String(Buffer.byteLength(body)) }),
    ...answer.headers,
    // A client that waits for 100 Continue sends no body behind a refusal: its connection has no next request.
    ...(request.headers.expect !== undefined && !request.complete && { connection: 'close' }),
  });
  response.end(method === 'HEAD' ? undefined : body);
}

function errorAnswer(error: S3Error, requestId: string): S3Answer {
  const extra = Object.entries(error.extra).map(([name, value]) => xmlElement(name, value));
  return {
    status: error.status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${xmlElement('Code', error.code)}${xmlElement('Message', error.message)}${extra.join('')}${xmlElement('RequestId', requestId)}</Error>`,
  };
}

function splitTarget(target: string): Pick<S3Request, 'bucket' | 'key' | 'query'> {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query: Record<string, string> = Object.create(null);
  for (const [name, value] of Object.entries(parseQuery(question < 0 ? '' : target.slice(question + 1)))) {
    query[name] = Array.isArray(value) ? (value[0] ?? '') : value;
  }
  const slash = path.indexOf('/', 1);
  return {
    bucket: decodeComponent(slash < 0 ? path.slice(1) : path.slice(1, slash)),
    key: slash < 0 ? '' : decodeComponent(path.slice(slash + 1)),
    query,
  };
}
