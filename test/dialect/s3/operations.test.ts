import { describe, expect, test } from 'vitest';
import { OPERATION_NAMES } from '../../../src/dialect/s3/operations.ts';
import { call, head, place, verdict } from './fixture.ts';

const COPY = { 'x-amz-copy-source': 'source/k' };

/** method, target, headers → operation, verb, resources */
const ROWS: readonly [string, string, Record<string, string>, string, string, string[]][] = [
  [
    'GET',
    '/invoices/a/b?x-id=GetObject&versionId=3&partNumber=2&response-content-type=text%2Fplain',
    {},
    'GetObject',
    'access',
    ['invoices/a/b'],
  ],
  ['HEAD', '/invoices/a/b', {}, 'HeadObject', 'access', ['invoices/a/b']],
  ['PUT', '/invoices/a%20b', {}, 'PutObject', 'store', ['invoices/a b']],
  ['DELETE', '/invoices/a?versionId=1', {}, 'DeleteObject', 'delete', ['invoices/a']],
  ['POST', '/invoices?delete', {}, 'DeleteObjects', 'delete', ['invoices/*']],
  ['GET', '/invoices', {}, 'ListObjects', 'access', ['invoices/*']],
  [
    'GET',
    '/invoices/?prefix=2026%2F&delimiter=%2F&marker=x&max-keys=3&encoding-type=url',
    {},
    'ListObjects',
    'access',
    ['invoices/2026/*'],
  ],
  [
    'GET',
    '/invoices?list-type=2&continuation-token=x&start-after=y&fetch-owner=true',
    {},
    'ListObjectsV2',
    'access',
    ['invoices/*'],
  ],
  ['GET', '/invoices?versions&key-marker=a&version-id-marker=b', {}, 'ListObjectVersions', 'access', ['invoices/*']],
  ['POST', '/invoices/a?uploads', {}, 'CreateMultipartUpload', 'store', ['invoices/a']],
  ['PUT', '/invoices/a?partNumber=1&uploadId=u', {}, 'UploadPart', 'store', ['invoices/a']],
  ['PUT', '/invoices/a?partNumber=1&uploadId=u', COPY, 'UploadPartCopy', 'store', ['invoices/a', 'source/k']],
  ['POST', '/invoices/a?uploadId=u', {}, 'CompleteMultipartUpload', 'store', ['invoices/a']],
  ['DELETE', '/invoices/a?uploadId=u', {}, 'AbortMultipartUpload', 'delete', ['invoices/a']],
  ['GET', '/invoices/a?uploadId=u&max-parts=9&part-number-marker=1', {}, 'ListParts', 'access', ['invoices/a']],
  [
    'GET',
    '/invoices?uploads&max-uploads=3&key-marker=a&upload-id-marker=b',
    {},
    'ListMultipartUploads',
    'access',
    ['invoices/*'],
  ],
  ['PUT', '/invoices/a', COPY, 'CopyObject', 'store', ['invoices/a', 'source/k']],
  ['GET', '/invoices/a?tagging', {}, 'GetObjectTagging', 'access', ['invoices/a']],
  ['PUT', '/invoices/a?tagging=', {}, 'PutObjectTagging', 'store', ['invoices/a']],
  ['DELETE', '/invoices/a?tagging&versionId=1', {}, 'DeleteObjectTagging', 'delete', ['invoices/a']],
  ['GET', '/invoices/a?attributes', {}, 'GetObjectAttributes', 'access', ['invoices/a']],
  ['GET', '/invoices/a?retention', {}, 'GetObjectRetention', 'access', ['invoices/a']],
  ['PUT', '/invoices/a?retention', {}, 'PutObjectRetention', 'admin', ['invoices/a']],
  ['GET', '/invoices/a?legal-hold', {}, 'GetObjectLegalHold', 'access', ['invoices/a']],
  ['PUT', '/invoices/a?legal-hold', {}, 'PutObjectLegalHold', 'admin', ['invoices/a']],
  ['POST', '/invoices/a?restore', {}, 'RestoreObject', 'access', ['invoices/a']],
  ['POST', '/invoices/a?select&select-type=2', {}, 'SelectObjectContent', 'access', ['invoices/a']],
  ['HEAD', '/invoices', {}, 'HeadBucket', 'access', ['invoices']],
  ['GET', '/invoices?location', {}, 'GetBucketLocation', 'access', ['invoices']],
  ['PUT', '/invoices', {}, 'CreateBucket', 'admin', ['invoices']],
];

describe('the table of operations', () => {
  test.each(ROWS)('%s %s %j is %s, which is %s', (method, target, headers, operation, verb, resources) => {
    const read = call(head(method, target, headers));
    expect([read.operation, read.verb, read.resources, read.naming]).toEqual([operation, verb, resources, 'named']);
  });

  test('is covered whole by the rows above', () => {
    expect([...new Set(ROWS.map((row) => row[3]))].sort()).toEqual([...OPERATION_NAMES].sort());
  });

  test('reads only the bodies that could name another place', () => {
    const inspected = ROWS.filter(
      ([method, target, headers]) => call(head(method, target, headers)).body === 'inspect',
    );
    expect(inspected.map((row) => row[3])).toEqual(['RestoreObject', 'CreateBucket']);
  });
});

describe('what is not in the table is operation_not_permitted', () => {
  test.each([
    ['GET', '/'],
    ['GET', '/?bucket-region=us-east-1'],
    ['GET', '/?x-id=ListDirectoryBuckets'],
    ['DELETE', '/invoices'],
    ['POST', '/invoices'],
    ['POST', '/invoices/a'],
    ['POST', '/WriteGetObjectResponse'],
    ['PATCH', '/invoices/a'],
    ['OPTIONS', '/invoices/a'],
    ['GET', '/invoices?session'],
    ['GET', '/invoices/a?torrent'],
    ['PUT', '/invoices/a?renameObject'],
    ['PUT', '/invoices/a?encryption'],
    ['PUT', '/invoices/a?annotation&annotationName=x'],
    ['PUT', '/invoices/a?partNumber=1'],
    ['PUT', '/invoices/a?versionId=1'],
    ['GET', '/invoices/a?%61cl'],
    ['GET', '/invoices/a?ACL'],
    ['GET', '/invoices?prefix=a&allow-unordered=true'],
    ['HEAD', '/invoices/a?uploadId=u'],
    ['GET', '/v20180820/jobs'],
  ])('%s %s', (method, target) => {
    expect(verdict(head(method, target))).toBe('operation_not_permitted');
  });

  test.each(
    [
      'replication',
      'logging',
      'inventory',
      'analytics',
      'metadataConfiguration',
      'metadataTable',
      'notification',
      'accelerate',
      'website',
      'policy',
      'acl',
      'cors',
      'lifecycle',
      'encryption',
      'versioning',
      'tagging',
      'object-lock',
      'publicAccessBlock',
      'ownershipControls',
      'requestPayment',
      'intelligent-tiering',
      'metrics',
      'abac',
    ].flatMap((name) => ['GET', 'PUT', 'POST', 'DELETE'].map((method) => [method, `/invoices?${name}`])),
  )('bucket configuration: %s %s', (method, target) => {
    expect(verdict(head(method as string, target as string))).toBe('operation_not_permitted');
  });

  test('a copy source has a place in copies only', () => {
    expect(verdict(head('GET', '/invoices/a', COPY))).toBe('operation_not_permitted');
    expect(verdict(head('PUT', '/invoices', COPY))).toBe('operation_not_permitted');
    expect(verdict(head('PUT', '/invoices/a?tagging', COPY))).toBe('operation_not_permitted');
  });

  test('CreateBucket passes only where the endpoint allows it', () => {
    expect(verdict(head('PUT', '/invoices'))).toBe('operation_not_permitted');
    expect(verdict(head('PUT', '/invoices'), place({ endpoint: { createBucket: true } }))).toBe('allowed');
  });
});

describe('a query that reads in two ways is request_malformed', () => {
  test.each([
    ['GET', '/invoices/a?versionId=1&versionId=2'],
    ['GET', '/invoices/a?versionId=1&version%49d=1'],
    ['GET', '/invoices/a?tagging&retention'],
    ['PUT', '/invoices/a?uploadId=&partNumber=1'],
    ['PUT', '/invoices/a?uploadId=u'],
    ['PUT', '/invoices/a?uploadId=u&partNumber=0'],
    ['PUT', '/invoices/a?uploadId=u&partNumber=1e3'],
    ['GET', '/invoices?list-type=1'],
    ['POST', '/invoices/a?select'],
    ['GET', '/invoices/a?tagging=other'],
    ['GET', '/invoices?prefix=a+b'],
    ['GET', '/invoices?prefix=%ff'],
    ['GET', '/invoices?prefix=%c0%af'],
    ['GET', '/invoices?prefix=a%00b'],
    ['GET', '/invoices?=a'],
  ])('%s %s', (method, target) => {
    expect(verdict(head(method, target))).toBe('request_malformed');
  });
});
