import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';
import { S3Error } from './s3-error.ts';

/** Reads a body whole. @throws S3Error 400 EntityTooLarge past `limit` bytes */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, length);
}

function tooLarge(): S3Error {
  return new S3Error(400, 'EntityTooLarge', 'Your proposed upload exceeds the maximum allowed size.');
}

/**
 * The object's bytes of a body, checked against everything that the head says of them.
 *
 * @param hash value of `x-amz-content-sha256`
 * @throws S3Error 400 XAmzContentSHA256Mismatch, BadDigest, IncompleteBody, InvalidRequest; 501 for signed chunks, whose
 *   chain of signatures this stand-in does not follow
 */
export function openPayload(body: Buffer, hash: string, request: IncomingMessage): Buffer {
  const { headers } = request;
  if (hash === 'STREAMING-UNSIGNED-PAYLOAD-TRAILER') {
    const { data, trailers } = decodeTrailerFraming(body);
    if (String(data.length) !== headers['x-amz-decoded-content-length']) {
      throw new S3Error(
        400,
        'IncompleteBody',
        'You did not provide the number of bytes specified by x-amz-decoded-content-length.',
      );
    }
    for (const name of String(headers['x-amz-trailer'] ?? '').split(',')) {
      const value = trailers.get(name.trim().toLowerCase());
      if (value === undefined) throw new S3Error(400, 'MalformedTrailerError', `The trailer ${name} is missing.`);
      checkSum(name.trim().toLowerCase(), value, data);
    }
    return data;
  }
  if (hash.startsWith('STREAMING-'))
    throw new S3Error(501, 'NotImplemented', `${hash} is not implemented by this stand-in.`);
  if (hash !== 'UNSIGNED-PAYLOAD' && createHash('sha256').update(body).digest('hex') !== hash) {
    throw new S3Error(
      400,
      'XAmzContentSHA256Mismatch',
      "The provided 'x-amz-content-sha256' header does not match what was computed.",
    );
  }
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz-checksum-') && !NOT_SUMS.has(name)) checkSum(name, String(value), body);
  }
  const md5 = headers['content-md5'];
  if (md5 !== undefined && createHash('md5').update(body).digest('base64') !== md5) throw badDigest('Content-MD5');
  return body;
}

const NOT_SUMS = new Set(['x-amz-checksum-algorithm', 'x-amz-checksum-mode', 'x-amz-checksum-type']);

function checkSum(name: string, value: string, data: Buffer): void {
  if (sumOf(name, data) !== value) throw badDigest(name);
}

function sumOf(name: string, data: Buffer): string {
  switch (name) {
    case 'x-amz-checksum-crc32': {
      const sum = Buffer.alloc(4);
      sum.writeUInt32BE(crc32(data));
      return sum.toString('base64');
    }
    case 'x-amz-checksum-sha1':
    case 'x-amz-checksum-sha256':
      return createHash(name.slice('x-amz-checksum-'.length)).update(data).digest('base64');
    default:
      throw new S3Error(501, 'NotImplemented', `${name} is not implemented by this stand-in.`);
  }
}

function badDigest(name: string): S3Error {
  return new S3Error(400, 'BadDigest', `The ${name} you specified did not match the calculated checksum.`);
}

/** Chunks `SIZE CRLF bytes CRLF`, a chunk of size 0, trailers, an empty line. */
function decodeTrailerFraming(body: Buffer): { data: Buffer; trailers: Map<string, string> } {
  const chunks: Buffer[] = [];
  let at = 0;
  const line = (): string => {
    const end = body.indexOf('\r\n', at);
    if (end < 0) throw broken();
    const text = body.toString('latin1', at, end);
    at = end + 2;
    return text;
  };
  for (;;) {
    const size = line();
    if (!/^[0-9a-fA-F]+$/.test(size)) throw broken();
    const length = Number.parseInt(size, 16);
    if (length === 0) break;
    chunks.push(body.subarray(at, at + length));
    at += length;
    if (line() !== '') throw broken();
  }
  const trailers = new Map<string, string>();
  for (let text = line(); text !== ''; text = line()) {
    const colon = text.indexOf(':');
    if (colon < 1) throw broken();
    trailers.set(text.slice(0, colon).toLowerCase(), text.slice(colon + 1).trim());
  }
  if (at !== body.length) throw broken();
  return { data: Buffer.concat(chunks), trailers };
}

function broken(): S3Error {
  return new S3Error(400, 'InvalidRequest', 'The chunked body is malformed.');
}
