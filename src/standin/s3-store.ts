import { createHash, randomUUID } from 'node:crypto';
import { S3Error } from './s3-error.ts';

/** An object as it lies. `headers` are those that GET gives back, `x-amz-meta-*` included; `etag` is quoted. */
export interface StoredObject {
  readonly body: Buffer;
  readonly etag: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly lastModified: Date;
}

interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, StoredObject>;
}

interface Listing {
  readonly keys: readonly { readonly key: string; readonly object: StoredObject }[];
  readonly prefixes: readonly string[];
  /** Where the next page goes on: after this key or prefix. Null: the end. */
  readonly next: string | null;
}

/** Buckets in memory, bounded by the bytes of all objects and parts. */
export class S3Store {
  readonly #buckets = new Map<string, Map<string, StoredObject>>();
  readonly #uploads = new Map<string, Upload>();
  readonly #createBuckets: boolean;
  readonly #maxBytes: number;
  #bytes = 0;

  /** @param createBuckets a bucket that is not there is made when it is first named, instead of NoSuchBucket */
  constructor(createBuckets: boolean, maxBytes: number) {
    this.#createBuckets = createBuckets;
    this.#maxBytes = maxBytes;
  }

  createBucket(bucket: string): void {
    if (!this.#buckets.has(bucket)) this.#buckets.set(bucket, new Map());
  }

  /** @throws S3Error 404 NoSuchBucket */
  bucket(name: string): Map<string, StoredObject> {
    if (this.#createBuckets) this.createBucket(name);
    const bucket = this.#buckets.get(name);
    if (bucket === undefined)
      throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist', { BucketName: name });
    return bucket;
  }

  /** @throws S3Error 404 NoSuchKey */
  get(bucket: string, key: string): StoredObject {
    const object = this.bucket(bucket).get(key);
    if (object === undefined) throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist.', { Key: key });
    return object;
  }

  /** An object as it lies, or null; makes no bucket. */
  find(bucket: string, key: string): StoredObject | null {
    return this.#buckets.get(bucket)?.get(key) ?? null;
  }

  put(
    bucket: string,
    key: string,
    body: Buffer,
    headers: Readonly<Record<string, string>>,
    etag = etagOf(body),
  ): StoredObject {
    const objects = this.bucket(bucket);
    this.#grow(body.length - (objects.get(key)?.body.length ?? 0));
    const object = { body, etag, headers, lastModified: new Date() };
    objects.set(key, object);
    return object;
  }

  delete(bucket: string, key: string): void {
    const objects = this.bucket(bucket);
    this.#bytes -= objects.get(key)?.body.length ?? 0;
    objects.delete(key);
  }

  list(bucket: string, prefix: string, delimiter: string, after: string, maxKeys: number): Listing {
    const keys: { key: string; object: StoredObject }[] = [];
    const prefixes = new Set<string>();
    let last = after;
    const sorted = [...this.bucket(bucket)].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    for (const [key, object] of sorted) {
      if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0) continue;
      const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
      const common = cut < 0 ? null : key.slice(0, cut + delimiter.length);
      if (common !== null && (prefixes.has(common) || common === after)) continue;
      if (keys.length + prefixes.size >= maxKeys) return { keys, prefixes: [...prefixes], next: last };
      if (common === null) keys.push({ key, object });
      else prefixes.add(common);
      last = common ?? key;
    }
    return { keys, prefixes: [...prefixes], next: null };
  }

  startUpload(bucket: string, key: string, headers: Readonly<Record<string, string>>): string {
    this.bucket(bucket);
    const id = randomUUID();
    this.#uploads.set(id, { bucket, key, headers, parts: new Map() });
    return id;
  }

  putPart(bucket: string, key: string, id: string, number: number, body: Buffer): StoredObject {
    const { parts } = this.#upload(bucket, key, id);
    this.#grow(body.length - (parts.get(number)?.body.length ?? 0));
    const part = { body, etag: etagOf(body), headers: {}, lastModified: new Date() };
    parts.set(number, part);
    return part;
  }

  parts(bucket: string, key: string, id: string): readonly (readonly [number, StoredObject])[] {
    return [...this.#upload(bucket, key, id).parts].sort(([a], [b]) => a - b);
  }

  /** Joins the parts. `listed` are number and ETag of each, in order. @throws S3Error 400 InvalidPart, InvalidPartOrder */
  completeUpload(
    bucket: string,
    key: string,
    id: string,
    listed: readonly (readonly [number, string])[],
  ): StoredObject {
    const upload = this.#upload(bucket, key, id);
    if (listed.length === 0) throw new S3Error(400, 'MalformedXML', 'The list of parts is empty.');
    const bodies: Buffer[] = [];
    const digest = createHash('md5');
    let previous = 0;
    for (const [number, etag] of listed) {
      const part = upload.parts.get(number);
      if (part === undefined || part.etag.replaceAll('"', '') !== etag.replaceAll('"', '')) {
        throw new S3Error(400, 'InvalidPart', `Part ${number} was not found, or its entity tag did not match.`);
      }
      if (number <= previous)
        throw new S3Error(400, 'InvalidPartOrder', 'The list of parts was not in ascending order.');
      previous = number;
      bodies.push(part.body);
      digest.update(Buffer.from(part.etag.replaceAll('"', ''), 'hex'));
    }
    this.abortUpload(bucket, key, id);
    return this.put(bucket, key, Buffer.concat(bodies), upload.headers, `"${digest.digest('hex')}-${listed.length}"`);
  }

  abortUpload(bucket: string, key: string, id: string): void {
    for (const part of this.#upload(bucket, key, id).parts.values()) this.#bytes -= part.body.length;
    this.#uploads.delete(id);
  }

  #upload(bucket: string, key: string, id: string): Upload {
    const upload = this.#uploads.get(id);
    if (upload === undefined || upload.bucket !== bucket || upload.key !== key) {
      throw new S3Error(404, 'NoSuchUpload', 'The specified multipart upload does not exist.');
    }
    return upload;
  }

  #grow(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes)
      throw new S3Error(400, 'EntityTooLarge', 'The memory of this stand-in is full.');
    this.#bytes += bytes;
  }
}

function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}
