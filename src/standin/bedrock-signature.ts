import { timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { Sha256 } from '@aws-crypto/sha256-js';
import { SignatureV4 } from '@smithy/signature-v4';
import type { Signatory } from './s3-signature.ts';

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request,\s*SignedHeaders=([^,\s]+),\s*Signature=([0-9a-f]{64})$/;
const DATE = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;
const MAX_SKEW_MS = 15 * 60_000;

/**
 * Checks a Bedrock request with AWS's own signer for JavaScript: it is signed again and the signatures are compared.
 *
 * @param path as on the wire, percent-encoded
 * @param now milliseconds since 1970
 * @returns what is wrong, in the words of AWS; null when nothing is
 */
export async function signatureProblem(
  method: string,
  path: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
  signatory: Signatory,
  now: number,
): Promise<string | null> {
  const match = AUTHORIZATION.exec(headers.authorization ?? '');
  if (match === null) return 'Missing Authentication Token';
  const [, accessKeyId, day, region, service, names = '', signature = ''] = match;
  if (accessKeyId !== signatory.accessKeyId) return 'The security token included in the request is invalid.';
  if (region !== signatory.cloudRegion || service !== 'bedrock')
    return `Credential should be scoped to a valid region: ${signatory.cloudRegion}, and to service 'bedrock'.`;
  const date = DATE.exec(String(headers['x-amz-date']));
  if (date === null || !date[0].startsWith(String(day))) return 'The request has no valid x-amz-date.';
  const signingDate = new Date(date[0].replace(DATE, '$1-$2-$3T$4:$5:$6Z'));
  if (Math.abs(now - signingDate.getTime()) > MAX_SKEW_MS) return 'Signature expired';

  const signed = new Set(names.split(';'));
  if (!signed.has('host')) return "'Host' must be a 'SignedHeader' in the AWS Authorization.";
  const toSign: Record<string, string> = {};
  for (const name of signed) toSign[name] = String(headers[name] ?? '');
  const signer = new SignatureV4({
    credentials: { accessKeyId: signatory.accessKeyId, secretAccessKey: signatory.secretAccessKey },
    region: signatory.cloudRegion,
    service: 'bedrock',
    sha256: Sha256,
    applyChecksum: false,
  });
  const request = { method, protocol: 'http:', hostname: String(headers.host), path, headers: toSign, body };
  const again = await signer.sign(request, { signingDate, signableHeaders: signed });
  const expected = /Signature=([0-9a-f]+)/.exec(again.headers['authorization'] ?? '')?.[1] ?? '';
  const isSame = expected.length === signature.length && timingSafeEqual(Buffer.from(expected), Buffer.from(signature));
  return isSame
    ? null
    : 'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.';
}
