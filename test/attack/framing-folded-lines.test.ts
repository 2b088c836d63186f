// DESIGN 1.9 (RFC 9112 §5.2): a line that starts with a space continues the one before for some servers, and is a field, or
// nothing, for others.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();

test.each([
  ['a tenant folded in two', headWith('').replace('acme', 'ac\r\n me')],
  ['a tenant folded behind an empty value', headWith('').replace(' acme', '\r\n acme')],
  ['a class folded by a tab', headWith('').replace('identity', 'content\r\n\tidentity')],
  ['a field hidden in the fold of another', headWith('X-A: b\r\n X-Tenant-ID: globex\r\n')],
  ['an encoding folded', headWith('Transfer-Encoding:\r\n chunked\r\n', 'PUT /reports/key HTTP/1.1')],
  ['a fold in front of the first field', headWith('', 'GET /reports/key HTTP/1.1\r\n X-A: b')],
])('%s is refused', async (_, bytes) => {
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed' });
});
