import { hash } from 'node:crypto';
import { CanonicalHeaders, canonicalPath, canonicalQuery, canonicalS3Path } from './canonical.ts';
import { ALGORITHM, SigningKeys, type SigningCredentials } from './key.ts';
import { isHash, STREAMING_UNSIGNED_PAYLOAD_TRAILER, UNSIGNED_PAYLOAD } from './payload.ts';

export type { SigningCredentials } from './key.ts';

/** A request, exactly as it will be sent. */
export interface SigningRequest {
  readonly method: string;
  /** Percent-encoded, starting with `/`, without query. For S3 in the form of `canonicalS3Path`. */
  readonly path: string;
  /** Percent-encoded, without `?`; empty when there is none. */
  readonly query: string;
  /** Value of the `Host` header, with the port if it is sent. */
  readonly host: string;
  /** Flat: name, value, name, value, …; names in lower case, values latin1. `sign` appends to it. */
  readonly headers: string[];
  /** SHA-256 of the body in lower-case hex, `UNSIGNED-PAYLOAD` or `STREAMING-UNSIGNED-PAYLOAD-TRAILER`. */
  readonly payloadHash: string;
}

const DEFAULT_KEY_CACHE_SIZE = 256;
/** 10000-01-01: the first instant that `YYYYMMDDTHHMMSSZ` cannot write. */
const END_OF_TIME = 253_402_300_800_000;

const CONTENT_SHA256 = 'x-amz-content-sha256';
const DATE = 'x-amz-date';
const SECURITY_TOKEN = 'x-amz-security-token';

/** AWS Signature Version 4 in the `Authorization` header. Synchronous; one per process or worker is enough. */
export class Signer {
  private readonly keys: SigningKeys;
  private readonly canonical = new CanonicalHeaders();
  /** The second that `amzDate` and `day` are written for. */
  private second = Number.NaN;
  private amzDate = '';
  private day = '';

  /** @param options.keyCacheSize most derived keys kept: one per credentials, region and service. Default is 256. */
  constructor(options: { keyCacheSize?: number } = {}) {
    this.keys = new SigningKeys(options.keyCacheSize ?? DEFAULT_KEY_CACHE_SIZE);
  }

  /**
   * Signs `host`, `content-type`, `content-md5` and every `x-amz-*` header; no other. Appends `x-amz-date`,
   * `x-amz-security-token` if there is one, `x-amz-content-sha256` (where the service asks for it: S3 and OpenSearch
   * Serverless; elsewhere only for a sentinel), and `authorization`. On an error nothing is appended.
   *
   * @param service `s3`, whose paths are neither normalised nor encoded twice, or any other (`es`, `aoss`, `bedrock`)
   * @param now milliseconds since 1970
   * @throws TypeError when called wrongly: a header that signing makes is there already, a payload hash that cannot be
   *   signed, a path, query or header value that could not be sent, a time out of range
   */
  sign(request: SigningRequest, credentials: SigningCredentials, region: string, service: string, now: number): void {
    this.setTime(now);
    const { headers, payloadHash } = request;
    const isSentinel = checkPayload(payloadHash);
    const sendsHash = isSentinel || service === 's3' || service === 'aoss';
    const key = this.keys.get(credentials, region, service, this.day);

    const { canonical } = this;
    canonical.reset();
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i]!;
      if (isSigned(name)) canonical.add(name, headers[i + 1]!);
    }
    canonical.add('host', request.host);
    canonical.addPlain(DATE, this.amzDate);
    if (sendsHash) canonical.addPlain(CONTENT_SHA256, payloadHash);
    if (credentials.sessionToken !== null) canonical.add(SECURITY_TOKEN, credentials.sessionToken);

    const path = service === 's3' ? canonicalS3Path(request.path) : canonicalPath(request.path);
    const names = canonical.names();
    const text = `${request.method}\n${path}\n${canonicalQuery(request.query)}\n${canonical.lines()}\n${names}\n${payloadHash}`;
    // A string is hashed as UTF-8: faster than a buffer, and the bytes that are sent as long as it is ASCII.
    const requestHash = hash('sha256', canonical.ascii ? text : Buffer.from(text, 'latin1'), 'hex');
    const signature = key.sign(this.amzDate, requestHash);

    headers.push(DATE, this.amzDate);
    if (sendsHash) headers.push(CONTENT_SHA256, payloadHash);
    if (credentials.sessionToken !== null) headers.push(SECURITY_TOKEN, credentials.sessionToken);
    headers.push(
      'authorization',
      `${ALGORITHM} Credential=${credentials.accessKeyId}/${key.scope}, SignedHeaders=${names}, Signature=${signature}`,
    );
  }

  private setTime(now: number): void {
    const second = Math.floor(now / 1000);
    if (second === this.second) return;
    if (!(now >= 0 && now < END_OF_TIME)) throw new TypeError(`No time for a signature: ${now}`);
    this.amzDate = new Date(second * 1000).toISOString().replace(/[-:]|\.000/g, '');
    this.day = this.amzDate.slice(0, 8);
    this.second = second;
  }
}

/** Whether it is a sentinel. Chunk signatures start from the request's own, so that those sentinels cannot be signed anew. */
function checkPayload(payloadHash: string): boolean {
  if (isHash(payloadHash)) return false;
  if (payloadHash === UNSIGNED_PAYLOAD || payloadHash === STREAMING_UNSIGNED_PAYLOAD_TRAILER) return true;
  throw new TypeError(`Not a payload hash that can be signed: ${JSON.stringify(payloadHash)}`);
}

function isSigned(name: string): boolean {
  switch (name) {
    case 'content-type':
    case 'content-md5':
      return true;
    case 'host':
    case 'authorization':
    case DATE:
    case CONTENT_SHA256:
    case SECURITY_TOKEN:
      throw new TypeError(`The header ${name} must be dropped before signing`);
    default:
      return name.startsWith('x-amz-');
  }
}
