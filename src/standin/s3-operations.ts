import type { IncomingMessage } from 'node:http';
import { elementTexts, S3Error, unescapeXml, xmlDocument, xmlElement } from './s3-error.ts';
import { decodeComponent } from './s3-signature.ts';
import type { S3Store, StoredObject } from './s3-store.ts';

/** One request, taken apart. */
export interface S3Request {
  readonly method: string;
  readonly bucket: string;
  readonly key: string;
  readonly query: Readonly<Record<string, string>>;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly cloudRegion: string;
}

export interface S3Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Query parameters of operations that this stand-in has; another one that selects an operation is not implemented. */
const UNKNOWN_SELECTORS = [
  'acl',
  'attributes',
  'legal-hold',
  'policy',
  'replication',
  'restore',
  'retention',
  'select',
  'tagging',
  'versions',
];

/** Carries out one request whose signature and body are known to be right. @throws S3Error */
export function operate(store: S3Store, request: S3Request): S3Answer {
  const { method, bucket, key, query } = request;
  if (bucket === '') throw notImplemented();
  for (const name of UNKNOWN_SELECTORS) if (name in query) throw notImplemented();
  if (key === '') {
    if (method === 'PUT') return createBucket(store, request);
    if (method === 'HEAD') return headBucket(store, request);
    if (method === 'POST' && 'delete' in query) return deleteObjects(store, request);
    if (method === 'GET' && 'location' in query) return location(store, request);
    if (method === 'GET' && !('uploads' in query)) return listObjects(store, request);
    throw notImplemented();
  }
  const uploadId = query['uploadId'];
  switch (method) {
    case 'GET':
      return uploadId === undefined ? getObject(store, request) : listParts(store, request, uploadId);
    case 'HEAD':
      return getObject(store, request);
    case 'PUT':
      if (uploadId !== undefined) return putPart(store, request, uploadId);
      return request.headers['x-amz-copy-source'] === undefined
        ? putObject(store, request)
        : copyObject(store, request);
    case 'POST':
      if ('uploads' in query) return createUpload(store, request);
      if (uploadId !== undefined) return completeUpload(store, request, uploadId);
      throw notImplemented();
    case 'DELETE':
      if (uploadId === undefined) store.delete(bucket, key);
      else store.abortUpload(bucket, key, uploadId);
      return { status: 204 };
    default:
      throw notImplemented();
  }
}

function notImplemented(): S3Error {
  return new S3Error(501, 'NotImplemented', 'This operation is not implemented by this stand-in.');
}

function createBucket(store: S3Store, { bucket, body, cloudRegion }: S3Request): S3Answer {
  const [constraint] = elementTexts(body.toString('utf8'), 'LocationConstraint');
  if ((constraint ?? 'us-east-1') !== cloudRegion) {
    const message = `The ${constraint ?? 'unspecified'} location constraint is incompatible for the region specific endpoint this request was sent to.`;
    throw new S3Error(400, 'IllegalLocationConstraintException', message);
  }
  store.createBucket(bucket);
  return { status: 200, headers: { location: `/${bucket}` } };
}

function headBucket(store: S3Store, { bucket, cloudRegion }: S3Request): S3Answer {
  store.bucket(bucket);
  return { status: 200, headers: { 'x-amz-bucket-region': cloudRegion } };
}

function location(store: S3Store, { bucket, cloudRegion }: S3Request): S3Answer {
  store.bucket(bucket);
  const constraint = cloudRegion === 'us-east-1' ? '' : cloudRegion;
  return { status: 200, body: xmlDocument('LocationConstraint', constraint) };
}

function deleteObjects(store: S3Store, { bucket, body }: S3Request): S3Answer {
  const xml = body.toString('utf8');
  const keys = elementTexts(xml, 'Object').map((object) => unescapeXml(elementTexts(object, 'Key')[0] ?? ''));
  if (keys.length === 0 || keys.length > 1000)
    throw new S3Error(400, 'MalformedXML', 'The XML you provided was not well-formed.');
  for (const key of keys) store.delete(bucket, key);
  const quiet = elementTexts(xml, 'Quiet')[0] === 'true';
  const deleted = quiet ? '' : keys.map((key) => `<Deleted>${xmlElement('Key', key)}</Deleted>`).join('');
  return { status: 200, body: xmlDocument('DeleteResult', deleted) };
}

function listObjects(store: S3Store, { bucket, query }: S3Request): S3Answer {
  const v2 = query['list-type'] === '2';
  const prefix = query['prefix'] ?? '';
  const delimiter = query['delimiter'] ?? '';
  const token = query['continuation-token'];
  const after = v2
    ? token === undefined
      ? (query['start-after'] ?? '')
      : Buffer.from(token, 'base64url').toString()
    : (query['marker'] ?? '');
  const maxKeys = Math.min(Number(query['max-keys'] ?? 1000), 1000);
  const listing = store.list(bucket, prefix, delimiter, after, maxKeys);
  const coded =
    query['encoding-type'] === 'url'
      ? (text: string): string => encodeURIComponent(text).replaceAll('%2F', '/')
      : (text: string): string => text;
  const parts = [
    xmlElement('Name', bucket),
    xmlElement('Prefix', coded(prefix)),
    ...(delimiter === '' ? [] : [xmlElement('Delimiter', coded(delimiter))]),
    ...(v2
      ? [xmlElement('KeyCount', listing.keys.length + listing.prefixes.length)]
      : [xmlElement('Marker', coded(after))]),
    xmlElement('MaxKeys', maxKeys),
    ...(query['encoding-type'] === 'url' ? [xmlElement('EncodingType', 'url')] : []),
    xmlElement('IsTruncated', String(listing.next !== null)),
  ];
  if (listing.next !== null) {
    parts.push(
      v2
        ? xmlElement('NextContinuationToken', Buffer.from(listing.next).toString('base64url'))
        : xmlElement('NextMarker', coded(listing.next)),
    );
  }
  for (const { key, object } of listing.keys) {
    parts.push(
      `<Contents>${xmlElement('Key', coded(key))}${xmlElement('LastModified', object.lastModified.toISOString())}${xmlElement('ETag', object.etag)}${xmlElement('Size', object.body.length)}${xmlElement('StorageClass', 'STANDARD')}</Contents>`,
    );
  }
  for (const common of listing.prefixes)
    parts.push(`<CommonPrefixes>${xmlElement('Prefix', coded(common))}</CommonPrefixes>`);
  return { status: 200, body: xmlDocument('ListBucketResult', parts.join('')) };
}

function getObject(store: S3Store, { bucket, key, headers, query }: S3Request): S3Answer {
  const object = store.get(bucket, key);
  const answer: Record<string, string> = {
    'content-type': 'binary/octet-stream',
    ...object.headers,
    etag: object.etag,
    'last-modified': object.lastModified.toUTCString(),
    'accept-ranges': 'bytes',
  };
  for (const [name, value] of Object.entries(query)) if (name.startsWith('response-')) answer[name.slice(9)] = value;
  const ifMatch = headers['if-match'];
  if (ifMatch !== undefined && ifMatch !== object.etag && ifMatch !== '*') throw preconditionFailed();
  if (headers['if-none-match'] === object.etag) return { status: 304, headers: { etag: object.etag } };
  const range = headers.range === undefined ? null : rangeOf(headers.range, object.body.length);
  const body = range === null ? object.body : object.body.subarray(range[0], range[1] + 1);
  if (range !== null) answer['content-range'] = `bytes ${range[0]}-${range[1]}/${object.body.length}`;
  return { status: range === null ? 200 : 206, headers: { ...answer, 'content-length': String(body.length) }, body };
}

/** First and last byte of a single range; null when the header is not one and is therefore ignored. */
function rangeOf(header: string, length: number): readonly [number, number] | null {
  const match = /^bytes=(\d*)-(\d*)$/.exec(header);
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  const first = match[1] === '' ? Math.max(0, length - Number(match[2])) : Number(match[1]);
  const last = match[1] === '' || match[2] === '' ? length - 1 : Math.min(Number(match[2]), length - 1);
  if (first > last) throw new S3Error(416, 'InvalidRange', 'The requested range is not satisfiable');
  return [first, last];
}

function preconditionFailed(): S3Error {
  return new S3Error(412, 'PreconditionFailed', 'At least one of the pre-conditions you specified did not hold');
}

const KEPT = [
  'cache-control',
  'content-disposition',
  'content-language',
  'content-type',
  'expires',
  'x-amz-server-side-encryption',
  'x-amz-storage-class',
];

/** The headers of a write that belong to the object. `aws-chunked` is of the transfer, not of the object. */
function objectHeaders(headers: IncomingMessage['headers']): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (KEPT.includes(name) || name.startsWith('x-amz-meta-')) kept[name] = String(value);
  }
  const codings = String(headers['content-encoding'] ?? '')
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'aws-chunked');
  if (codings.length > 0) kept['content-encoding'] = codings.join(',');
  return kept;
}

function putObject(store: S3Store, { bucket, key, headers, body }: S3Request): S3Answer {
  if (headers['if-none-match'] === '*' && store.bucket(bucket).has(key)) throw preconditionFailed();
  const kept = objectHeaders(headers);
  const object = store.put(bucket, key, body, kept);
  return { status: 200, headers: { etag: object.etag, ...encryptionOf(kept) } };
}

function encryptionOf(headers: Readonly<Record<string, string>>): Record<string, string> {
  const encryption = headers['x-amz-server-side-encryption'];
  return encryption === undefined ? {} : { 'x-amz-server-side-encryption': encryption };
}

function sourceOf(store: S3Store, header: string | string[] | undefined): StoredObject {
  const [path = ''] = String(header).split('?');
  const decoded = decodeComponent(path).replace(/^\//, '');
  const slash = decoded.indexOf('/');
  if (slash < 1) throw new S3Error(400, 'InvalidArgument', 'Copy Source must mention the source bucket and key.');
  return store.get(decoded.slice(0, slash), decoded.slice(slash + 1));
}

function copyObject(store: S3Store, { bucket, key, headers }: S3Request): S3Answer {
  const source = sourceOf(store, headers['x-amz-copy-source']);
  const sent = objectHeaders(headers);
  const kept = headers['x-amz-metadata-directive'] === 'REPLACE' ? sent : { ...source.headers, ...encryptionOf(sent) };
  const object = store.put(bucket, key, source.body, kept);
  return { status: 200, headers: encryptionOf(kept), body: xmlDocument('CopyObjectResult', copied(object)) };
}

function copied(object: StoredObject): string {
  return xmlElement('LastModified', object.lastModified.toISOString()) + xmlElement('ETag', object.etag);
}

function createUpload(store: S3Store, { bucket, key, headers }: S3Request): S3Answer {
  const kept = objectHeaders(headers);
  const id = store.startUpload(bucket, key, kept);
  const inner = xmlElement('Bucket', bucket) + xmlElement('Key', key) + xmlElement('UploadId', id);
  return { status: 200, headers: encryptionOf(kept), body: xmlDocument('InitiateMultipartUploadResult', inner) };
}

function putPart(store: S3Store, { bucket, key, query, headers, body }: S3Request, uploadId: string): S3Answer {
  const number = Number(query['partNumber']);
  if (!Number.isInteger(number) || number < 1 || number > 10_000) {
    throw new S3Error(400, 'InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive');
  }
  const from = headers['x-amz-copy-source'];
  if (from === undefined)
    return { status: 200, headers: { etag: store.putPart(bucket, key, uploadId, number, body).etag } };
  const source = sourceOf(store, from).body;
  const range =
    headers['x-amz-copy-source-range'] === undefined
      ? null
      : rangeOf(String(headers['x-amz-copy-source-range']), source.length);
  const part = store.putPart(
    bucket,
    key,
    uploadId,
    number,
    range === null ? source : source.subarray(range[0], range[1] + 1),
  );
  return { status: 200, body: xmlDocument('CopyPartResult', copied(part)) };
}

function listParts(store: S3Store, { bucket, key }: S3Request, uploadId: string): S3Answer {
  const parts = store
    .parts(bucket, key, uploadId)
    .map(
      ([number, part]) =>
        `<Part>${xmlElement('PartNumber', number)}${copied(part)}${xmlElement('Size', part.body.length)}</Part>`,
    );
  const inner = xmlElement('Bucket', bucket) + xmlElement('Key', key) + xmlElement('UploadId', uploadId);
  return {
    status: 200,
    body: xmlDocument('ListPartsResult', `${inner}${xmlElement('IsTruncated', 'false')}${parts.join('')}`),
  };
}

function completeUpload(store: S3Store, { bucket, key, body }: S3Request, uploadId: string): S3Answer {
  const listed = elementTexts(body.toString('utf8'), 'Part').map((part): [number, string] => [
    Number(elementTexts(part, 'PartNumber')[0]),
    unescapeXml(elementTexts(part, 'ETag')[0] ?? ''),
  ]);
  const object = store.completeUpload(bucket, key, uploadId, listed);
  const inner = xmlElement('Bucket', bucket) + xmlElement('Key', key) + xmlElement('ETag', object.etag);
  return {
    status: 200,
    headers: encryptionOf(object.headers),
    body: xmlDocument('CompleteMultipartUploadResult', inner),
  };
}
