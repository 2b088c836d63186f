import { hash, randomBytes } from 'node:crypto';
import type { Destination } from '../audit/destination.ts';
import type { Entry } from '../audit/entry.ts';
import { handle } from '../proxy/handle.ts';
import { OwnRequest } from '../proxy/own-request.ts';
import type { Proxy } from '../proxy/proxy.ts';
import type { ShipTarget } from './config/audit-settings.ts';

type BucketTarget = Extract<ShipTarget, { kind: 'bucket' }>;

const DAY = 86_400_000;

/** Tells a bucket from other destinations. */
export function bucketId({ bucket, prefix, tenant, region }: BucketTarget): string {
  return `bucket:${bucket}/${prefix} of ${tenant} in ${region ?? 'the region of its policy'}`;
}

/**
 * An S3 bucket, reached as every bucket is: each file is a PutObject through the data plane of this process, as a request
 * of the tenant that the configuration names. What its policy does not permit does not leave. Nothing is read back and
 * nothing deleted, so that a credential that can only write is enough.
 */
export class BucketDestination implements Destination {
  readonly id: string;
  readonly readable = false;
  readonly #proxy: Proxy;
  readonly #target: BucketTarget;
  /** Random, so that no client can name a request as one of these. */
  readonly #requests = `ship-${randomBytes(12).toString('hex')}-`;
  readonly #now: () => number;
  #count = 0;
  #current: OwnRequest | null = null;

  /** @param now milliseconds since the epoch */
  constructor(target: BucketTarget, proxy: Proxy, now: () => number) {
    this.#target = target;
    this.#proxy = proxy;
    this.#now = now;
    this.id = bucketId(target);
  }

  /** Whether an entry is the record of a request of this destination. */
  isOwn(entry: Entry): boolean {
    return entry.text.includes(`"request_id":"${this.#requests}`);
  }

  /** Gives up what is under way. */
  abandon(): void {
    this.#current?.abandon();
  }

  /** Rules are the bucket's: versions and object lock keep what is replaced. */
  async put(path: string, bytes: Buffer): Promise<void> {
    const { bucket, prefix, tenant, classification, region } = this.#target;
    const key = [...prefix.split('/'), ...path.split('/')].filter((part) => part !== '').map(encodeURIComponent);
    const target = `/${bucket}/${key.join('/')}`;
    const headers = [
      'content-type',
      'application/octet-stream',
      'x-request-id',
      `${this.#requests}${++this.#count}`,
      // S3 wants an MD5 with object lock; what proves the bytes is the SHA-256, which is signed.
      'content-md5',
      hash('md5', bytes, 'base64'),
      'x-amz-content-sha256',
      hash('sha256', bytes, 'hex'),
      ...this.#lock(),
    ];
    const request = new OwnRequest({ method: 'PUT', target, headers }, bytes, { tenant, classification, region });
    this.#current = request;
    handle(this.#proxy, 'storage', request);
    const { status, reason, body } = await request.answer;
    if (status === 200) return;
    const code = /<Code>([A-Za-z.]{1,64})<\/Code>/.exec(body.toString('latin1'))?.[1] ?? '';
    throw new Error(`PutObject to ${bucket}: ${[status, reason, code].filter(Boolean).join(' ')}`);
  }

  async settle(): Promise<void> {
    // An answered PutObject is durable.
  }

  read(): Promise<null> {
    return Promise.resolve(null);
  }

  async remove(): Promise<void> {
    // What an earlier checkpoint needed stays: it may be locked.
  }

  #lock(): string[] {
    const { objectLock } = this.#target;
    if (objectLock === null) return [];
    const until = new Date(this.#now() + objectLock.days * DAY).toISOString().replace(/\.\d+Z$/, 'Z');
    return ['x-amz-object-lock-mode', objectLock.mode, 'x-amz-object-lock-retain-until-date', until];
  }
}
