import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { REASON_NAMES, statusOf } from '../../../src/core/reasons.ts';
import { call, dialect, head, place } from './fixture.ts';

const get = call(head('GET', '/invoices/a'));
const at = place();

const error = (code: string): Buffer =>
  Buffer.from(`<?xml version="1.0"?><Error><Code>${code}</Code><Region>us-east-1</Region></Error>`);
const judge = (body: Buffer, headers: string[] = []): string =>
  dialect.guardAnswerBody(get, at, 400, headers, body)?.reason ?? 'pass';

describe('an answer', () => {
  test('of the target’s region passes', () => {
    expect(dialect.guardAnswer(get, at, 200, ['x-amz-bucket-region', 'eu-west-1']).action).toBe('pass');
    expect(dialect.guardAnswer(get, at, 404, []).action).toBe('pass');
  });

  test.each([200, 403, 404])('of another region, with status %i, is upstream_region_mismatch', (status) => {
    const verdict = dialect.guardAnswer(get, at, status, ['etag', 'x', 'x-amz-bucket-region', 'us-east-1']);
    expect(verdict).toMatchObject({ action: 'refuse', refusal: { reason: 'upstream_region_mismatch' } });
    if (verdict.action !== 'refuse') return;
    expect(verdict.refusal.message).not.toContain('us-east-1');
    expect(verdict.refusal.detail).toContain('us-east-1');
  });

  test('with 400 is read, but for HEAD, which has no body', () => {
    expect(dialect.guardAnswer(get, at, 400, []).action).toBe('inspect');
    expect(dialect.guardAnswer(call(head('HEAD', '/invoices/a')), at, 400, []).action).toBe('pass');
  });

  test.each([
    'AuthorizationHeaderMalformed',
    'PermanentRedirect',
    'TemporaryRedirect',
    'IllegalLocationConstraintException',
  ])('whose body says %s is upstream_region_mismatch, and only the log names the region', (code) => {
    const refused = dialect.guardAnswerBody(get, at, 400, [], error(code));
    expect(refused).toMatchObject({ reason: 'upstream_region_mismatch', detail: `${code} us-east-1` });
    expect(refused?.message).not.toContain('us-east-1');
  });

  test('whose body says something else passes, compressed or not; one that cannot be read does not', () => {
    expect(judge(error('BadDigest'))).toBe('pass');
    expect(judge(Buffer.from(''))).toBe('pass');
    expect(judge(gzipSync(error('BadDigest')), ['content-encoding', 'gzip'])).toBe('pass');
    expect(judge(gzipSync(error('PermanentRedirect')), ['content-encoding', 'gzip'])).toBe('upstream_region_mismatch');
    expect(judge(error('BadDigest'), ['content-encoding', 'br'])).toBe('upstream_region_mismatch');
  });
});

describe('a refusal', () => {
  test('is an S3 error with reason, request id and an escaped message', () => {
    expect(dialect.refuse(head('GET', '/x/y'), 'leak_blocked', 403, 'a <b> & "c"\u0000', 'r-1')).toEqual({
      status: 403,
      headers: ['content-type', 'application/xml', 'x-amz-request-id', 'r-1'],
      body: '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>a &#60;b&#62; &#38; &#34;c&#34;?</Message><Reason>leak_blocked</Reason><RequestId>r-1</RequestId></Error>',
    });
  });

  test('of HEAD has no body', () => {
    expect(dialect.refuse(head('HEAD', '/x/y'), 'leak_blocked', 403, 'm', 'r-1').body).toBe('');
  });

  test('has a code of its own for every status that a reason has', () => {
    const codes = REASON_NAMES.filter((reason) => statusOf(reason) !== 200).map((reason) => {
      const { body } = dialect.refuse(head('GET', '/x/y'), reason, statusOf(reason), 'm', 'r');
      return [statusOf(reason), /<Code>(.*)<\/Code>/.exec(body)?.[1]];
    });
    expect(Object.fromEntries(codes)).toEqual({
      400: 'InvalidRequest',
      401: 'AccessDenied',
      403: 'AccessDenied',
      413: 'EntityTooLarge',
      429: 'SlowDown',
      502: 'BadGateway',
      503: 'ServiceUnavailable',
      504: 'GatewayTimeout',
    });
  });
});
