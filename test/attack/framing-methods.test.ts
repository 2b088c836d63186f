// DESIGN 1.9: a method that HTTP does not know is refused by the parser with 501; one that it knows and no dialect serves is
// an operation not permitted.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();

test.each(['FOO', 'get', 'Get', 'GETT', 'GE', 'INVALID-METHOD', '\x00GET', 'G\u00c9T', '{}'])(
  'the method %j is refused',
  async (method) => {
    await world.refusesBytes('storage', headWith('', `${method} /reports/key HTTP/1.1`), {
      reason: 'request_malformed',
      status: 501,
    });
  },
);

test.each(['OPTIONS', 'PATCH', 'TRACE', 'PROPFIND', 'COPY', 'MOVE', 'PURGE', 'SEARCH', 'LINK', 'M-SEARCH', 'QUERY'])(
  '%s is not served',
  async (method) => {
    await world.refuses({ method, target: '/reports/key' }, { reason: 'operation_not_permitted' });
    await world.refuses({ service: 'search', method, target: '/notes/_search' }, { reason: 'operation_not_permitted' });
  },
);

test.each([
  ['HTTP/0.9', 'GET /reports/key'],
  ['HTTP/2.0 in the words of HTTP/1', 'GET /reports/key HTTP/2.0'],
  ['a version of nobody', 'GET /reports/key HTTP/1.9'],
  ['a version behind another', 'GET /reports/key HTTP/1.1 HTTP/1.1'],
])('%s is refused', async (_, first) => {
  await world.refusesBytes('storage', headWith('', first), { reason: 'request_malformed' });
});
