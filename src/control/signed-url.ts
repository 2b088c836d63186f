import { Sha256 } from '@aws-crypto/sha256-js';
import { S3RequestPresigner } from '@aws-sdk/s3-request-presigner';
import type { Outgoing } from '../dialect/dialect.ts';
import type { Endpoint, Region } from '../region/catalogue.ts';

/**
 * A URL that the storage of a region serves by itself, by SigV4 in its query.
 * @param outgoing the request as it would be forwarded: its headers are signed, so that whoever uses the URL must send them
 * @param seconds how long it holds, from `now` on, 7 days at most
 * @param now milliseconds since the epoch
 * @returns null when the endpoint has no key to sign with, or cannot be reached by a URL
 */
export async function storageUrl(
  endpoint: Endpoint,
  region: Region,
  outgoing: Pick<Outgoing, 'method' | 'path' | 'headers'>,
  seconds: number,
  now: number,
): Promise<string | null> {
  const { authentication, origin, basePath, host, socketPath } = endpoint;
  if (authentication.kind !== 'sigv4' || socketPath !== null) return null;
  const { accessKeyId, secretAccessKey, sessionToken } = authentication;
  const presigner = new S3RequestPresigner({
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === null ? {} : { sessionToken }) },
    region: region.cloudRegion,
    service: authentication.service,
    sha256: Sha256,
  });
  const { protocol, hostname, port } = new URL(origin);
  const own = headersOf(outgoing);
  const signed = await presigner.presign(
    {
      method: outgoing.method,
      protocol,
      hostname,
      ...(port === '' ? {} : { port: Number(port) }),
      path: `${basePath}${outgoing.path}`,
      query: {},
      headers: { ...own, host },
    },
    { expiresIn: seconds, signingDate: new Date(now), unhoistableHeaders: new Set(Object.keys(own)) },
  );
  const query = Object.entries(signed.query ?? {}).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`,
  );
  return `${origin}${signed.path}?${query.join('&')}`;
}

/** What whoever uses such a URL must send along. */
export function headersOf({ headers }: Pick<Outgoing, 'headers'>): Record<string, string> {
  const own: Record<string, string> = {};
  for (let i = 0; i < headers.length; i += 2) own[headers[i] as string] = headers[i + 1] as string;
  return own;
}
