import { createHash } from 'node:crypto';
import { TENANT, UNSIGNED_TENANT } from './peers/map.ts';

export const DOCUMENT_BYTES = 200;
export const OBJECT_BYTES = 16 * 1024;
export const EVENTS = 200;
export const BULK_BYTES = 64 * 1024 * 1024;

/** A request that a load sends again and again. */
export interface Request {
  readonly method: 'GET' | 'PUT' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | null;
  /** Of every answer; another fails the bench. */
  readonly status: 200 | 403;
}

/** Operational data: a class that is guarded, and that any endpoint may be sent. */
const IDENTITY = { 'x-tenant-id': TENANT, 'x-data-classification': 'operational' };

/** What an S3 client sends along; the signature is its own, over the proxy's address. */
function s3Headers(body: Buffer | null): Record<string, string> {
  return {
    ...IDENTITY,
    'user-agent': 'aws-sdk-js/3.1173.0 ua/2.1 os/linux lang/js md/nodejs#24.21.0 api/s3#3.1173.0',
    'x-amz-content-sha256': createHash('sha256')
      .update(body ?? '')
      .digest('hex'),
    'x-amz-date': '20261107T120000Z',
    authorization: `AWS4-HMAC-SHA256 Credential=any/20261107/eu-west-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=${'0'.repeat(64)}`,
  };
}

export const GET_DOCUMENT: Request = {
  method: 'GET',
  path: '/logs/_doc/1',
  headers: IDENTITY,
  body: null,
  status: 200,
};

/** The same, from a region that the tenant's policy does not allow. */
export const GET_REFUSED: Request = {
  ...GET_DOCUMENT,
  headers: { ...IDENTITY, 'x-requested-region': 'ca-central' },
  status: 403,
};

/** The same, abroad by a grant: its use is on record before it leaves. */
export const GET_GRANTED: Request = {
  ...GET_DOCUMENT,
  headers: { ...IDENTITY, 'x-requested-region': 'ca-central', 'x-user-id': 'bench' },
};

export const GET_OBJECT: Request = {
  method: 'GET',
  path: '/bench-bucket/reports/2026/11/07/report-4711.pdf',
  headers: s3Headers(null),
  body: null,
  status: 200,
};

/** The same, of the tenant whose region has a storage that is not signed. */
export const GET_UNSIGNED: Request = {
  ...GET_OBJECT,
  headers: { ...GET_OBJECT.headers, 'x-tenant-id': UNSIGNED_TENANT },
};

const OBJECT = Buffer.alloc(OBJECT_BYTES, 'domicile');

/** With the hash of its body, which the new signature takes over. */
export const PUT_OBJECT: Request = {
  method: 'PUT',
  path: GET_OBJECT.path,
  headers: { ...s3Headers(OBJECT), 'content-type': 'application/octet-stream' },
  body: OBJECT,
  status: 200,
};

/** 64 MB each way, their bodies made where they are sent. */
export const GET_BULK: Request = { ...GET_OBJECT, path: '/bench-bucket/large' };
export const PUT_BULK: Request = {
  method: 'PUT',
  path: GET_BULK.path,
  headers: { ...IDENTITY, 'content-type': 'application/octet-stream', 'content-length': String(BULK_BYTES) },
  body: null,
  status: 200,
};

/** 64 KB: 128 documents, each with its action, 512 bytes a pair. */
export const INDEX_MANY: Request = {
  method: 'POST',
  path: '/_bulk',
  headers: { ...IDENTITY, 'content-type': 'application/x-ndjson' },
  body: Buffer.from(Array.from({ length: 128 }, (_, i) => action(i)).join('')),
  status: 200,
};

function action(i: number): string {
  const line = JSON.stringify({ index: { _index: 'logs', _id: String(i) } });
  const document = (message: string) =>
    JSON.stringify({ '@timestamp': '2026-11-07T12:00:00Z', level: 'info', service: 'billing', status: 200, message });
  const fill = 512 - line.length - document('').length - 2;
  return `${line}\n${document('m'.repeat(fill))}\n`;
}

/** 4 KB of JSON: a system prompt, four turns and what SDKs set. */
export const CHAT: Request = {
  method: 'POST',
  path: '/v1/chat/completions',
  headers: {
    ...IDENTITY,
    'content-type': 'application/json',
    authorization: 'Bearer any',
    accept: 'text/event-stream',
  },
  body: Buffer.from(conversation()),
  status: 200,
};

function conversation(): string {
  const write = (text: string) =>
    JSON.stringify({
      model: 'gpt-5-mini',
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.2,
      max_completion_tokens: 800,
      messages: [
        { role: 'system', content: 'You answer questions about invoices, briefly.' },
        { role: 'user', content: [{ type: 'text', text: 'What is open?' }] },
        { role: 'assistant', content: 'Three invoices are open.' },
        { role: 'user', content: [{ type: 'text', text }] },
      ],
    });
  return write('w'.repeat(4096 - write('').length));
}
