import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { Head } from '../../../src/core/http.ts';
import { Refusal } from '../../../src/core/refusal.ts';
import type { Inspection } from '../../../src/dialect/dialect.ts';
import { elementNames } from '../../../src/dialect/s3/xml.ts';
import { call, dialect, head, place } from './fixture.ts';

const LIMIT = 4096;
const inspect = (of: Head, body: string | Buffer, cloudRegion = 'eu-west-1'): Inspection | Refusal =>
  dialect.guardBody(of, call(of), place({ cloudRegion }), Buffer.from(body), LIMIT);
const outcome = (result: Inspection | Refusal): string =>
  result instanceof Refusal ? (result.leak === null ? result.reason : `${result.reason}:${result.leak}`) : 'allowed';

const restore = (inner: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</RestoreRequest>`;
const create = (inner: string): string => `<CreateBucketConfiguration>${inner}</CreateBucketConfiguration>`;

describe('RestoreObject', () => {
  const of = head('POST', '/invoices/a?restore');

  test('back to where the object lies passes unchanged', () => {
    const body = restore('<Days>1</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>');
    const result = inspect(of, body);
    expect(result).toMatchObject({ changed: false, buckets: [], resources: [] });
    expect((result as Inspection).body.toString()).toBe(body);
  });

  test.each([
    [
      'an output location',
      restore('<OutputLocation><S3><BucketName>us</BucketName></S3></OutputLocation>'),
      'leak_blocked:restore_output',
    ],
    ['a selection', restore('<Type>SELECT</Type>'), 'leak_blocked:restore_output'],
    ['select parameters', restore('<SelectParameters/>'), 'leak_blocked:restore_output'],
    ['an element that is not known', restore('<Other>1</Other>'), 'operation_not_permitted'],
    ['a prefixed name', restore('<s3:OutputLocation/>'), 'request_malformed'],
    ['a document type', '<!DOCTYPE x [<!ENTITY e "y">]><RestoreRequest/>', 'request_malformed'],
    ['CDATA', restore('<Days><![CDATA[1]]></Days>'), 'request_malformed'],
    ['a comment', restore('<!-- <OutputLocation> -->'), 'request_malformed'],
    ['an unknown entity', restore('<Days>&days;</Days>'), 'request_malformed'],
    ['two roots', '<RestoreRequest/><OutputLocation/>', 'request_malformed'],
    ['an element that is not closed', '<RestoreRequest><Days>', 'request_malformed'],
    ['crossed elements', '<RestoreRequest><Days></RestoreRequest></Days>', 'request_malformed'],
    ['another encoding', '<?xml version="1.0" encoding="UTF-7"?><RestoreRequest/>', 'request_malformed'],
    ['JSON', '{}', 'request_malformed'],
  ])('with %s is refused', (_, body, reason) => {
    expect(outcome(inspect(of, body))).toBe(reason);
  });

  test('in UTF-16, or with broken UTF-8, is request_malformed', () => {
    expect(outcome(inspect(of, Buffer.from(restore(''), 'utf16le')))).toBe('request_malformed');
    expect(outcome(inspect(of, Buffer.from('<RestoreRequest>\xff</RestoreRequest>', 'latin1')))).toBe(
      'request_malformed',
    );
  });

  test('in gzip is inflated within the limit and sent plain', () => {
    const gzip = head('POST', '/invoices/a?restore', { 'content-encoding': 'gzip', 'content-length': '50' });
    const body = gzipSync(restore('<Days>1</Days>'));
    const result = inspect(gzip, body) as Inspection;
    expect([result.changed, result.body.toString()]).toEqual([true, restore('<Days>1</Days>')]);
    const out = dialect.rewrite(gzip, call(gzip), place(), result);
    expect(out).toMatchObject({ payloadHash: null, headers: ['content-length', String(result.body.length)] });
    expect(outcome(inspect(gzip, gzipSync(restore('<OutputLocation/>'))))).toBe('leak_blocked:restore_output');
    expect(outcome(inspect(gzip, restore('')))).toBe('request_malformed');
    expect(outcome(inspect(gzip, gzipSync(Buffer.alloc(LIMIT + 1))))).toBe('body_too_large_to_inspect');
    const stacked = head('POST', '/invoices/a?restore', { 'content-encoding': 'gzip, gzip' });
    expect(outcome(inspect(stacked, gzipSync(gzipSync(restore('')))))).toBe('request_malformed');
  });
});

describe('CreateBucket', () => {
  const of = head('PUT', '/invoices', {
    'content-length': '9',
    'content-md5': 'x',
    'x-amz-checksum-crc32': 'y',
    'x-amz-sdk-checksum-algorithm': 'CRC32',
  });
  const forced =
    '<CreateBucketConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><LocationConstraint>eu-west-1</LocationConstraint></CreateBucketConfiguration>';

  test.each(['', create(''), create('<LocationConstraint>us-east-2</LocationConstraint>')])(
    '%j is created in the target region',
    (body) => {
      const result = inspect(of, body) as Inspection;
      expect([result.changed, result.body.toString()]).toEqual([true, forced]);
      const out = dialect.rewrite(of, call(of), place(), result);
      expect(out).toMatchObject({
        path: '/invoices-eu-west-1',
        payloadHash: null,
        headers: ['host', '127.0.0.1:9100', 'content-length', String(forced.length)].slice(2),
      });
    },
  );

  test('in us-east-1 has no constraint at all', () => {
    const result = inspect(of, create('<LocationConstraint>eu-west-1</LocationConstraint>'), 'us-east-1') as Inspection;
    expect(result.body.length).toBe(0);
  });

  test('of a directory bucket, or with more than a location, is refused', () => {
    expect(outcome(inspect(of, create('<Location><Name>use1-az4</Name></Location>')))).toBe('leak_blocked:s3_express');
    expect(outcome(inspect(of, create('<Tags/>')))).toBe('operation_not_permitted');
    expect(outcome(inspect(of, '<x'))).toBe('request_malformed');
  });
});

test('XML names are read in order, with text, white space and namespaces between', () => {
  expect(elementNames('<a xmlns="urn:x">\n<b>1 &amp; é</b><c/></a>\n')).toEqual(['a', 'b', 'c']);
  expect(elementNames('<a b="c"/>')).toBeNull();
  expect(elementNames('x<a/>')).toBeNull();
  expect(elementNames('')).toBeNull();
});
