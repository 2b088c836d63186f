// DESIGN 1.9 (RFC 9112 §2.2): a bare LF, or a bare CR, ends a line for one server and not for the next, so that a field hides in
// the value of another.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();

test.each([
  ['LF everywhere', headWith('').replaceAll('\r\n', '\n')],
  ['LF after the request line', headWith('').replace('\r\n', '\n')],
  ['LF between two fields', headWith('X-A: b\nX-Tenant-ID: globex\r\n')],
  ['LF at the end of the head', headWith('').replace(/\r\n$/, '\n')],
  ['CR between two fields', headWith('X-A: b\rX-Tenant-ID: globex\r\n')],
  ['CR before the end of a line', headWith('X-A: b\r\r\n')],
  ['CR after the request line', headWith('').replace('\r\n', '\r')],
  ['CR in the target', headWith('', 'GET /reports/key\rX HTTP/1.1')],
  ['LF in front of a colon', headWith('X-A\n: b\r\n')],
])('%s is refused', async (_, bytes) => {
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed' });
});
