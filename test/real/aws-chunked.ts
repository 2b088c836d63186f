import { createHash, createHmac } from 'node:crypto';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';

/** Who signs, for which region. */
export interface Signatory {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface ChunkedOptions {
  readonly url: string;
  readonly signatory: Signatory;
  readonly chunks: readonly Buffer[];
  /** Sent behind the last chunk, signed too. Name in lower case and value. */
  readonly trailer?: readonly [string, string];
  /** Headers beside those of the stream itself. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the sum of the chunks. */
  readonly decodedLength?: number;
}

/** A PUT as it goes over the wire. */
export interface ChunkedPut {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/**
 * A PUT whose body is a stream of signed chunks, each signature chained to the one before it, the first to that of the
 * head: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD`, with a trailer `…-PAYLOAD-TRAILER`. Source: Amazon S3 API Reference,
 * "Signature calculations for the authorization header: transferring payload in multiple chunks", and its sequel
 * "including trailing headers".
 */
export async function signChunkedPut(options: ChunkedOptions): Promise<ChunkedPut> {
  const { url, signatory, chunks, trailer } = options;
  const { region, ...credentials } = signatory;
  const signer = new SignatureV4({ credentials, region, service: 's3', sha256: Sha256, uriEscapePath: false });
  const { host, hostname, port, pathname } = new URL(url);
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const { headers } = await signer.sign({
    method: 'PUT',
    protocol: 'http:',
    hostname,
    port: Number(port),
    path: pathname,
    headers: {
      ...options.headers,
      host,
      'content-encoding': 'aws-chunked',
      'x-amz-content-sha256': `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${trailer === undefined ? '' : '-TRAILER'}`,
      'x-amz-decoded-content-length': String(options.decodedLength ?? length),
      ...(trailer !== undefined && { 'x-amz-trailer': trailer[0] }),
    },
  });
  const chain = new Chain(headers, signatory);
  const parts: Buffer[] = [];
  for (const chunk of [...chunks, Buffer.alloc(0)]) {
    parts.push(Buffer.from(`${chunk.length.toString(16)};chunk-signature=${chain.next(chunk)}\r\n`));
    if (chunk.length > 0) parts.push(chunk, Buffer.from('\r\n'));
  }
  if (trailer !== undefined) {
    const [name, value] = trailer;
    parts.push(Buffer.from(`${name}:${value}\r\nx-amz-trailer-signature:${chain.trailer(`${name}:${value}\n`)}\r\n`));
  }
  parts.push(Buffer.from('\r\n'));
  const body = Buffer.concat(parts);
  return { headers: { ...headers, 'content-length': String(body.length) }, body };
}

class Chain {
  readonly #key: Buffer;
  readonly #date: string;
  readonly #scope: string;
  #previous: string;

  constructor(headers: Readonly<Record<string, string>>, { secretAccessKey, region }: Signatory) {
    this.#date = headers['x-amz-date']!;
    const day = this.#date.slice(0, 8);
    this.#scope = `${day}/${region}/s3/aws4_request`;
    this.#previous = /Signature=([0-9a-f]{64})/.exec(headers['authorization']!)![1]!;
    let key: Buffer | string = `AWS4${secretAccessKey}`;
    for (const step of [day, region, 's3', 'aws4_request']) key = hmac(key, step);
    this.#key = key as Buffer;
  }

  next(chunk: Buffer): string {
    return this.#sign('AWS4-HMAC-SHA256-PAYLOAD', `${sha256('')}\n${sha256(chunk)}`);
  }

  trailer(canonical: string): string {
    return this.#sign('AWS4-HMAC-SHA256-TRAILER', sha256(canonical));
  }

  #sign(algorithm: string, hashes: string): string {
    const text = [algorithm, this.#date, this.#scope, this.#previous, hashes].join('\n');
    this.#previous = hmac(this.#key, text).toString('hex');
    return this.#previous;
  }
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
