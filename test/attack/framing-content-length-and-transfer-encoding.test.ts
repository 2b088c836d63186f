// DESIGN 1.9, request smuggling CL.TE and TE.CL (RFC 9112 §6.1): with both fields one server reads the length, the next one the
// chunks, and what is between is a second request that nobody decided on.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const PUT = 'PUT /reports/key HTTP/1.1';
const HIDDEN = 'GET /secrets/key HTTP/1.1\r\nHost: a\r\nX-Tenant-ID: globex\r\nX-Data-Classification: content\r\n\r\n';

test.each([
  ['CL.TE', `Content-Length: ${5 + HIDDEN.length}\r\nTransfer-Encoding: chunked\r\n`, `0\r\n\r\n${HIDDEN}`],
  [
    'TE.CL',
    'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
    `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
  ],
  ['a length of zero', 'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${HIDDEN}`],
  ['other letters', 'content-length: 4\r\nTRANSFER-ENCODING: CHUNKED\r\n', `0\r\n\r\n${HIDDEN}`],
])('%s is refused with one answer, for every method', async (_, lines, body) => {
  for (const first of [
    PUT,
    'GET /reports/key HTTP/1.1',
    'DELETE /reports/key HTTP/1.1',
    'POST /reports?delete HTTP/1.1',
  ]) {
    await world.refusesBytes('storage', headWith(lines, first) + body, { reason: 'request_malformed' });
  }
  const search = headWith(`${lines}Content-Type: application/json\r\n`, 'POST /notes/_search HTTP/1.1');
  await world.refusesBytes('search', search + body, { reason: 'request_malformed' });
});
