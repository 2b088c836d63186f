// DESIGN 1.9 (RFC 9110 §5.5): a NUL, or another control character, ends a string for one server and not for the next.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();

test.each([
  ['NUL in a tenant', headWith('').replace('acme', 'acme\0globex')],
  ['NUL in another value', headWith('X-A: a\0b\r\n')],
  ['NUL in a name', headWith('X-A\0: b\r\n')],
  ['NUL in the target', headWith('', 'GET /reports/key\0.txt HTTP/1.1')],
  ['NUL in the Host', headWith('', undefined, 'Host: a\0b\r\n')],
  ['a bell in a value', headWith('X-A: a\x07b\r\n')],
  ['DEL in a value', headWith('X-A: a\x7fb\r\n')],
  ['a tab in the target', headWith('', 'GET /reports/a\tb HTTP/1.1')],
  ['a space in the target', headWith('', 'GET /reports/a b HTTP/1.1')],
  ['a byte above ASCII in the target', headWith('', 'GET /reports/\xe9 HTTP/1.1')],
  ['a byte above ASCII in a name', headWith('X-\xe9: b\r\n')],
])('%s is refused', async (_, bytes) => {
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed' });
});
