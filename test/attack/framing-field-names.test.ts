// DESIGN 1.9 (RFC 9112 §5.1): a space before the colon is part of the name for one server and nothing for the next, which is how
// a field gets past whoever looks for it by name.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();

test.each([
  ['a space before the colon of the tenant', headWith('X-Tenant-ID : globex\r\n')],
  ['a tab before it', headWith('X-Tenant-ID\t: globex\r\n')],
  ['a space before the colon of an encoding', headWith('Transfer-Encoding : chunked\r\n', 'PUT /reports/key HTTP/1.1')],
  ['a space before the colon of a length', headWith('Content-Length : 5\r\n', 'PUT /reports/key HTTP/1.1')],
  ['a space within a name', headWith('X-Tenant ID: globex\r\n')],
  ['a name of nothing', headWith(': globex\r\n')],
  ['a line without a colon', headWith('X-Tenant-ID\r\n')],
  ['a name in brackets', headWith('X-[Tenant]: globex\r\n')],
  ['a slash in a name', headWith('X/Tenant-ID: globex\r\n')],
  ['a pseudo-header of HTTP/2', headWith(':authority: other\r\n')],
])('%s is refused', async (_, bytes) => {
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed' });
});
