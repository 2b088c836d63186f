import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import { S3Error } from './s3-error.ts';

/** Whose signatures a stand-in accepts, and for which cloud region. */
export interface Signatory {
  readonly cloudRegion: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

const MAX_SKEW_MS = 15 * 60_000;
const PRESIGN = new Set([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-SignedHeaders',
  'X-Amz-Signature',
]);
const SHA256_HEADER = 'x-amz-content-sha256';

interface Claim {
  readonly credential: string;
  readonly date: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
  /** Seconds that a presigned URL holds, or null for a signed header. */
  readonly expires: number | null;
}

/**
 * Checks a request with AWS's own signer for JavaScript: the head is signed again and the signatures are compared.
 *
 * @param now milliseconds since 1970
 * @returns the payload hash that the signature covers: hex or a sentinel
 * @throws S3Error as S3 answers: 400 AuthorizationHeaderMalformed with the right region, 403 SignatureDoesNotMatch, …
 */
export async function verifySignature(
  method: string,
  target: string,
  headers: IncomingHttpHeaders,
  signatory: Signatory,
  now: number,
): Promise<string> {
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  const query = parseQuery(question < 0 ? '' : target.slice(question + 1));
  const claim = readClaim(query, headers);
  checkScope(claim, signatory);
  const signingDate = parseDate(claim.date);
  const age = now - signingDate.getTime();
  if (claim.expires === null ? Math.abs(age) > MAX_SKEW_MS : age < -MAX_SKEW_MS) {
    throw new S3Error(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.',
    );
  }
  if (claim.expires !== null && age > claim.expires * 1000)
    throw new S3Error(403, 'AccessDenied', 'Request has expired');

  const signed = new Set(claim.signedHeaders);
  const toSign: Record<string, string> = {};
  for (const name of signed) {
    const value = headers[name];
    if (value !== undefined) toSign[name] = Array.isArray(value) ? value.join(',') : value;
  }
  for (const name of Object.keys(headers)) {
    if (name.startsWith('x-amz-') && !signed.has(name) && claim.expires === null) {
      throw new S3Error(
        403,
        'AccessDenied',
        `There were headers present in the request which were not signed: ${name}`,
      );
    }
  }
  const payloadHash =
    headers[SHA256_HEADER] ??
    query['X-Amz-Content-Sha256'] ??
    (claim.expires === null ? undefined : 'UNSIGNED-PAYLOAD');
  if (typeof payloadHash !== 'string')
    throw new S3Error(400, 'InvalidRequest', `Missing required header: ${SHA256_HEADER}`);
  toSign[SHA256_HEADER] = payloadHash;

  const signer = new SignatureV4({
    credentials: { accessKeyId: signatory.accessKeyId, secretAccessKey: signatory.secretAccessKey },
    region: signatory.cloudRegion,
    service: 's3',
    sha256: Sha256,
    uriEscapePath: false,
  });
  const [hostname = ''] = (headers.host ?? '').split(':');
  const request = {
    method,
    protocol: 'http:',
    hostname,
    path,
    query: {} as Record<string, string | string[]>,
    headers: toSign,
  };
  for (const [name, value] of Object.entries(query)) if (!PRESIGN.has(name)) request.query[name] = value;
  let expected: string;
  if (claim.expires === null) {
    const again = await signer.sign(request, { signingDate, signableHeaders: signed });
    expected = /Signature=([0-9a-f]+)/.exec(again.headers['authorization'] ?? '')?.[1] ?? '';
  } else {
    const unsigned = signed.has(SHA256_HEADER) ? new Set<string>() : new Set([SHA256_HEADER]);
    const again = await signer.presign(request, {
      signingDate,
      expiresIn: claim.expires,
      signableHeaders: signed,
      unsignableHeaders: unsigned,
      unhoistableHeaders: new Set(Object.keys(toSign)),
    });
    expected = String(again.query?.['X-Amz-Signature']);
  }
  if (!sameText(expected, claim.signature)) {
    throw new S3Error(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided.',
    );
  }
  return payloadHash;
}

function readClaim(query: Readonly<Record<string, string | string[]>>, headers: IncomingHttpHeaders): Claim {
  if (typeof query['X-Amz-Signature'] === 'string') {
    const text = (name: string): string => String(query[name] ?? '');
    return {
      credential: text('X-Amz-Credential'),
      date: text('X-Amz-Date'),
      signedHeaders: text('X-Amz-SignedHeaders').split(';'),
      signature: text('X-Amz-Signature'),
      expires: Number(text('X-Amz-Expires')),
    };
  }
  const authorization = headers.authorization;
  if (authorization === undefined) throw new S3Error(403, 'AccessDenied', 'Access Denied');
  const match = /^AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/.exec(
    authorization,
  );
  if (match === null) throw new S3Error(400, 'AuthorizationHeaderMalformed', 'The authorization header is malformed.');
  const [, credential = '', names = '', signature = ''] = match;
  return {
    credential,
    date: String(headers['x-amz-date'] ?? ''),
    signedHeaders: names.split(';'),
    signature,
    expires: null,
  };
}

function checkScope(claim: Claim, signatory: Signatory): void {
  const parts = claim.credential.split('/');
  const [accessKeyId, day, region, service, end] = parts;
  if (accessKeyId !== signatory.accessKeyId) {
    throw new S3Error(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.');
  }
  if (region !== signatory.cloudRegion) {
    const message = `The authorization header is malformed; the region '${region}' is wrong; expecting '${signatory.cloudRegion}'`;
    throw new S3Error(400, 'AuthorizationHeaderMalformed', message, { Region: signatory.cloudRegion });
  }
  if (parts.length !== 5 || service !== 's3' || end !== 'aws4_request' || !claim.date.startsWith(day ?? '-')) {
    throw new S3Error(
      400,
      'AuthorizationHeaderMalformed',
      'The authorization header is malformed; the credential scope is wrong.',
    );
  }
  if (!claim.signedHeaders.includes('host')) {
    throw new S3Error(403, 'AccessDenied', 'The host header must be signed.');
  }
}

function parseDate(text: string): Date {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (match === null) throw new S3Error(403, 'AccessDenied', 'AWS authentication requires a valid x-amz-date.');
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}

/** Decoded pairs; a repeated name has a list. */
export function parseQuery(raw: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = Object.create(null);
  for (const pair of raw.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decodeComponent(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decodeComponent(pair.slice(equals + 1));
    const before = query[name];
    query[name] = before === undefined ? value : Array.isArray(before) ? [...before, value] : [before, value];
  }
  return query;
}

/** @throws S3Error 400 InvalidURI */
export function decodeComponent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new S3Error(400, 'InvalidURI', "Couldn't parse the specified URI.");
  }
}

function sameText(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
