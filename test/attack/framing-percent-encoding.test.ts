// DESIGN 1.9: `%00` ends a name for one server and is part of it for the next; a broken or overlong encoding is another name
// to each.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();

test.each([
  '/reports/key%00.txt',
  '/reports%00/key',
  '/reports/key?versionId=%00',
  '/reports/key%',
  '/reports/key%4',
  '/reports/key%zz',
  '/reports/key%u002e',
  '/reports/key?versionId=%',
  '/reports/%c0%ae%c0%ae/key',
  '/reports/%c0%80',
  '/reports/%ed%a0%80',
  '/reports/%ff',
  '/reports\\key',
])('GET %s is refused by storage', async (target) => {
  await world.refuses({ target }, { reason: 'request_malformed' });
});

test.each([
  '/notes%00/_search',
  '/notes/_doc/1%00',
  '/notes/_search?q=%00',
  '/notes/_doc/%',
  '/notes/_doc/%zz',
  '/notes/_doc/%c0%ae',
  '/notes\\_search',
  '/notes%5c/_search',
  '/%ff/_search',
])('GET %s is refused by search', async (target) => {
  await world.refuses({ service: 'search', target }, { reason: 'request_malformed' });
});
