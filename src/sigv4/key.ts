import { createHmac, hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';

export const ALGORITHM = 'AWS4-HMAC-SHA256';

/** Never changed once in use: to rotate a secret, make a new object. */
export interface SigningCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Null for long-term keys. */
  readonly sessionToken: string | null;
}

const BLOCK = 64;
const DIGEST = 32;
const AMZ_DATE_AT = BLOCK + ALGORITHM.length + 1;
const AMZ_DATE_LENGTH = 16;

/**
 * The derived key of one day, region and service, with the string to sign laid out in front of it (AWS "Create a signed
 * AWS API request", steps 3 and 4). Only the time and the hash of the canonical request change between two requests, so
 * HMAC (RFC 2104) is two one-shot hashes over buffers made once: half the price of `createHmac`.
 */
export class SigningKey {
  readonly fingerprint: string;
  /** UTC, `YYYYMMDD` */
  readonly day: string;
  readonly region: string;
  readonly service: string;
  /** `YYYYMMDD/region/service/aws4_request` */
  readonly scope: string;
  private readonly inner: Buffer;
  private readonly outer: Buffer;
  private readonly hashAt: number;

  constructor(fingerprint: string, secretAccessKey: string, day: string, region: string, service: string) {
    const forDay = hmac(`AWS4${secretAccessKey}`, day);
    const key = hmac(hmac(hmac(forDay, region), service), 'aws4_request');
    this.fingerprint = fingerprint;
    this.day = day;
    this.region = region;
    this.service = service;
    this.scope = `${day}/${region}/${service}/aws4_request`;
    const text = `${ALGORITHM}\n${'0'.repeat(AMZ_DATE_LENGTH)}\n${this.scope}\n`;
    this.hashAt = BLOCK + text.length;
    this.inner = Buffer.alloc(this.hashAt + 2 * DIGEST);
    this.outer = Buffer.alloc(BLOCK + DIGEST);
    for (let i = 0; i < BLOCK; i++) {
      const byte = key[i] ?? 0;
      this.inner[i] = byte ^ 0x36;
      this.outer[i] = byte ^ 0x5c;
    }
    this.inner.write(text, BLOCK, 'latin1');
  }

  isFor(fingerprint: string, region: string, service: string, day: string): boolean {
    return this.fingerprint === fingerprint && this.region === region && this.service === service && this.day === day;
  }

  /**
   * @param amzDate `YYYYMMDDTHHMMSSZ` of this key's day
   * @param requestHash SHA-256 of the canonical request in hex
   * @returns the signature in hex
   */
  sign(amzDate: string, requestHash: string): string {
    this.inner.write(amzDate, AMZ_DATE_AT, 'latin1');
    this.inner.write(requestHash, this.hashAt, 'latin1');
    this.outer.write(hash('sha256', this.inner, 'binary'), BLOCK, 'latin1');
    return hash('sha256', this.outer, 'hex');
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

const SCOPE_PART = /^[A-Za-z0-9_.-]+$/;
const ACCESS_KEY_ID = /^[\w.~:@+=-]+$/;

/** The derived keys in use: bounded, least recently used out first. Holds no secret, nor what a secret can be told from. */
export class SigningKeys {
  /** Per credentials object, so that a secret is looked at once. */
  private readonly fingerprints = new WeakMap<SigningCredentials, string>();
  private readonly keys: LRUCache<string, SigningKey>;
  /** The latest answer: most requests ask for the same again, at no cost. */
  private latest: SigningKey | null = null;

  /** @param size most keys kept; a key is one (credentials, region, service), renewed when the day changes */
  constructor(size: number) {
    if (!Number.isInteger(size) || size < 1) throw new TypeError(`keyCacheSize must be an integer ≥ 1, not ${size}`);
    this.keys = new LRUCache({ max: size });
  }

  get size(): number {
    return this.keys.size;
  }

  /** @throws TypeError for credentials, a region or a service that no signature can be made of */
  get(credentials: SigningCredentials, region: string, service: string, day: string): SigningKey {
    const fingerprint = this.fingerprints.get(credentials) ?? this.fingerprint(credentials);
    const { latest } = this;
    if (latest !== null && latest.isFor(fingerprint, region, service, day)) return latest;
    // Unambiguous: what is put in has a fingerprint of fixed length and no slash in its other two parts, so that parts
    // which do have one never find anything.
    const tuple = `${fingerprint}/${region}/${service}`;
    let key = this.keys.get(tuple);
    if (key === undefined || key.day !== day) {
      if (!SCOPE_PART.test(region)) throw new TypeError(`No region for a signature: ${JSON.stringify(region)}`);
      if (!SCOPE_PART.test(service)) throw new TypeError(`No service for a signature: ${JSON.stringify(service)}`);
      key = new SigningKey(fingerprint, credentials.secretAccessKey, day, region, service);
      this.keys.set(tuple, key);
    }
    this.latest = key;
    return key;
  }

  private fingerprint(credentials: SigningCredentials): string {
    const { accessKeyId, secretAccessKey, sessionToken } = credentials;
    if (!ACCESS_KEY_ID.test(accessKeyId))
      throw new TypeError('accessKeyId is empty or cannot stand in a credential scope');
    if (secretAccessKey === '') throw new TypeError('secretAccessKey is empty');
    if (sessionToken === '') throw new TypeError('sessionToken is empty: without one it is null');
    const fingerprint = hmac(secretAccessKey, accessKeyId).toString('hex');
    this.fingerprints.set(credentials, fingerprint);
    return fingerprint;
  }
}
