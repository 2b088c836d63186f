import type { Verb } from '../../core/vocabulary.ts';

/**
 * What a request addresses: a bucket, an object, or (`copy`) an object that is written from `x-amz-copy-source`. The
 * service as a whole (`GET /`, ListBuckets) has no operation.
 */
type Shape = 'bucket' | 'object' | 'copy';

export interface Operation {
  readonly name: string;
  readonly verb: Verb;
  readonly body: 'stream' | 'inspect';
  /** Query parameters it takes, the selecting one included. */
  readonly parameters: ReadonlySet<string>;
  /** A parameter without which the request would mean something else to some server, or null. */
  readonly requires: string | null;
  /** It lays down a whole object: server-side encryption and the retention tag are stated on it. */
  readonly creates: boolean;
  /** Resources as `Facts` has them: the key itself, every key under a prefix, or the bucket alone. */
  readonly names: 'key' | 'prefix' | 'bucket';
}

const VERSION = 'versionId';
const OVERRIDES = [
  'response-cache-control',
  'response-content-disposition',
  'response-content-encoding',
  'response-content-language',
  'response-content-type',
  'response-expires',
];
const LIST = ['delimiter', 'encoding-type', 'prefix', 'max-keys'];

/**
 * The operations that Domicile forwards; everything else is `operation_not_permitted`. A row: method, shape, selecting
 * query parameter (`''`: none), name, verb, further query parameters. Source: Amazon S3 API Reference, "Actions".
 */
const OPERATIONS: readonly (readonly [string, Shape, string, string, Verb, readonly string[]])[] = [
  ['GET', 'object', '', 'GetObject', 'access', [VERSION, 'partNumber', ...OVERRIDES]],
  ['HEAD', 'object', '', 'HeadObject', 'access', [VERSION, 'partNumber', ...OVERRIDES]],
  ['PUT', 'object', '', 'PutObject', 'store', []],
  ['DELETE', 'object', '', 'DeleteObject', 'delete', [VERSION]],
  ['POST', 'bucket', 'delete', 'DeleteObjects', 'delete', []],
  ['GET', 'bucket', '', 'ListObjects', 'access', [...LIST, 'marker']],
  [
    'GET',
    'bucket',
    'list-type',
    'ListObjectsV2',
    'access',
    [...LIST, 'continuation-token', 'fetch-owner', 'start-after'],
  ],
  ['GET', 'bucket', 'versions', 'ListObjectVersions', 'access', [...LIST, 'key-marker', 'version-id-marker']],

  ['POST', 'object', 'uploads', 'CreateMultipartUpload', 'store', []],
  ['PUT', 'object', 'uploadId', 'UploadPart', 'store', ['partNumber']],
  ['PUT', 'copy', 'uploadId', 'UploadPartCopy', 'store', ['partNumber']],
  ['POST', 'object', 'uploadId', 'CompleteMultipartUpload', 'store', []],
  ['DELETE', 'object', 'uploadId', 'AbortMultipartUpload', 'delete', []],
  ['GET', 'object', 'uploadId', 'ListParts', 'access', ['max-parts', 'part-number-marker']],
  [
    'GET',
    'bucket',
    'uploads',
    'ListMultipartUploads',
    'access',
    ['delimiter', 'encoding-type', 'prefix', 'max-uploads', 'key-marker', 'upload-id-marker'],
  ],

  ['PUT', 'copy', '', 'CopyObject', 'store', []],
  ['GET', 'object', 'tagging', 'GetObjectTagging', 'access', [VERSION]],
  ['PUT', 'object', 'tagging', 'PutObjectTagging', 'store', [VERSION]],
  ['DELETE', 'object', 'tagging', 'DeleteObjectTagging', 'delete', [VERSION]],
  ['GET', 'object', 'attributes', 'GetObjectAttributes', 'access', [VERSION]],
  ['GET', 'object', 'retention', 'GetObjectRetention', 'access', [VERSION]],
  ['PUT', 'object', 'retention', 'PutObjectRetention', 'admin', [VERSION]],
  ['GET', 'object', 'legal-hold', 'GetObjectLegalHold', 'access', [VERSION]],
  ['PUT', 'object', 'legal-hold', 'PutObjectLegalHold', 'admin', [VERSION]],
  ['POST', 'object', 'restore', 'RestoreObject', 'access', [VERSION]],
  ['POST', 'object', 'select', 'SelectObjectContent', 'access', ['select-type']],

  ['HEAD', 'bucket', '', 'HeadBucket', 'access', []],
  ['GET', 'bucket', 'location', 'GetBucketLocation', 'access', []],
  ['PUT', 'bucket', '', 'CreateBucket', 'admin', []],
];

/** Their bodies are read: one could name another bucket, the other another region. */
const INSPECTED = new Set(['RestoreObject', 'CreateBucket']);
const CREATES = new Set(['PutObject', 'CopyObject', 'CreateMultipartUpload']);
const REQUIRES: Readonly<Record<string, string>> = {
  UploadPart: 'partNumber',
  UploadPartCopy: 'partNumber',
  SelectObjectContent: 'select-type',
};
/** What they touch is told by a prefix, or by a body that lists keys. */
const WHOLE_PREFIX = new Set([
  'ListObjects',
  'ListObjectsV2',
  'ListObjectVersions',
  'ListMultipartUploads',
  'DeleteObjects',
]);

type ByMethod = Map<string, Operation>;
const TABLE: Readonly<Record<Shape, Map<string, ByMethod>>> = { bucket: new Map(), object: new Map(), copy: new Map() };

/** Parameters that select an operation; two of them in one query contradict each other. */
export const SELECTORS: ReadonlySet<string> = new Set(OPERATIONS.map((row) => row[2]).filter((name) => name !== ''));

for (const [method, shape, selector, name, verb, parameters] of OPERATIONS) {
  const methods: ByMethod = TABLE[shape].get(selector) ?? new Map();
  TABLE[shape].set(selector, methods);
  methods.set(method, {
    name,
    verb,
    body: INSPECTED.has(name) ? 'inspect' : 'stream',
    parameters: new Set(selector === '' ? parameters : [selector, ...parameters]),
    requires: REQUIRES[name] ?? null,
    creates: CREATES.has(name),
    names: shape !== 'bucket' ? 'key' : WHOLE_PREFIX.has(name) ? 'prefix' : 'bucket',
  });
}

/** The operation of a request, or null when the table has none. `selector` is `''` when the query selects nothing. */
export function operationOf(method: string, shape: Shape, selector: string): Operation | null {
  return TABLE[shape].get(selector)?.get(method) ?? null;
}

/** Every operation of the table, for documentation and tests. */
export const OPERATION_NAMES: readonly string[] = OPERATIONS.map((row) => row[3]);
