// DESIGN 1.9, request smuggling CL.CL (RFC 9112 §6.3): two lengths, or one that is no plain number, end the request at two
// places.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const PUT = 'PUT /reports/key HTTP/1.1';
const BODY =
  'helloGET /secrets/key HTTP/1.1\r\nHost: a\r\nX-Tenant-ID: globex\r\nX-Data-Classification: content\r\n\r\n';

test.each([
  ['two that differ', 'Content-Length: 5\r\nContent-Length: 99\r\n'],
  ['two that agree', 'Content-Length: 5\r\nContent-Length: 5\r\n'],
  ['a list', 'Content-Length: 5, 99\r\n'],
  ['a list that agrees', 'Content-Length: 5, 5\r\n'],
  ['a sign', 'Content-Length: +5\r\n'],
  ['less than nothing', 'Content-Length: -5\r\n'],
  ['hexadecimal', 'Content-Length: 0x5\r\n'],
  ['an exponent', 'Content-Length: 5e0\r\n'],
  ['a fraction', 'Content-Length: 5.0\r\n'],
  ['two numbers', 'Content-Length: 5 5\r\n'],
  ['a vertical tab', 'Content-Length: 5\x0b\r\n'],
  ['other digits', 'Content-Length: \xb2\r\n'],
  ['a word', 'Content-Length: five\r\n'],
  ['nothing', 'Content-Length:\r\n'],
  ['more than 64 bits', 'Content-Length: 18446744073709551621\r\n'],
  ['more than a double holds', 'Content-Length: 9007199254740993\r\n'],
])('%s is refused', async (_, lines) => {
  await world.refusesBytes('storage', headWith(lines, PUT) + BODY, { reason: 'request_malformed' });
  const search = headWith(`Content-Type: application/json\r\n${lines}`, 'PUT /notes/_doc/1 HTTP/1.1');
  await world.refusesBytes('search', search + BODY, { reason: 'request_malformed' });
});
