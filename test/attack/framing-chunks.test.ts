// DESIGN 1.9 (RFC 9112 §7.1): a chunk size that overflows, or is no number, ends the body at two places. Where a body is
// inspected, it is read whole first, so that not a byte leaves; `framing-late-fault` has the bodies that stream.
import { expect, test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const HEAD = headWith(
  'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n',
  'POST /notes/_search HTTP/1.1',
);
const END = '0\r\n\r\n';

test.each([
  ['a size of 65 bits', `10000000000000002\r\n{}\r\n${END}`],
  ['a size of very many digits', `${'0'.repeat(64)}${'f'.repeat(64)}\r\n{}\r\n${END}`],
  ['a size below nothing', `-2\r\n{}\r\n${END}`],
  ['a size with a prefix', `0x2\r\n{}\r\n${END}`],
  ['a size with an underscore', `0_2\r\n{}\r\n${END}`],
  ['a size in front of which is a space', ` 2\r\n{}\r\n${END}`],
  ['no size', `\r\n{}\r\n${END}`],
  ['a size that ends in LF', `2\n{}\r\n${END}`],
  ['a size that ends in CR', `2\r{}\r\n${END}`],
  ['a chunk longer than its size', `2\r\n{ }\r\n${END}`],
  ['a chunk shorter than its size', `3\r\n{}\r\n${END}`],
  ['a chunk that ends in LF', `2\r\n{}\n${END}`],
  ['an extension with a line in it', `2;a=\n\r\n{}\r\n${END}`],
  ['a body that never ends', '2\r\n{}\r\n'],
  ['a body that ends within a chunk', '5\r\n{}'],
])('%s is refused', async (_, body) => {
  await world.refusesBytes('search', HEAD + body, { reason: 'request_malformed' });
});

test('extensions without end are refused', async () => {
  await world.refusesBytes('search', `${HEAD}2;${'a'.repeat(40_000)}\r\n{}\r\n${END}`, {
    reason: 'request_malformed',
    status: 413,
  });
});

test('a field in the trailer is not believed, and does not travel', async () => {
  const trailer = 'X-Tenant-ID: globex\r\nX-Requested-Region: us-east\r\nHost: b\r\n';
  const put = headWith(
    'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\nTrailer: X-Tenant-ID\r\n',
    'PUT /notes/_doc/1 HTTP/1.1',
  );
  const [answer, ...more] = await world.sendBytes('search', `${put}2\r\n{}\r\n0\r\n${trailer}\r\n`);
  expect([answer?.status, more]).toEqual([201, []]);
  const { headers } = world.search('eu-west').lastRequest!;
  expect(Object.keys(headers)).not.toContain('x-tenant-id');
  expect(headers.trailer).toBeUndefined();
});
