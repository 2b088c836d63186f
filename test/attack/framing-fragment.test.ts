// DESIGN 1.9 (RFC 9112 §3.2): a fragment never travels; one server cuts the target at it, the next takes it for a part of the
// name.
import { test } from 'vitest';
import { startWorld } from './world.ts';

const world = await startWorld();

test.each(['/reports/key#', '/reports/key#x', '/reports#/key', '/#/reports/key', '/reports/key?versionId=1#&x', '#'])(
  'GET %s is refused',
  async (target) => {
    await world.refusesBytes(
      'storage',
      `GET ${target} HTTP/1.1\r\nHost: a\r\nX-Tenant-ID: acme\r\nX-Data-Classification: identity\r\n\r\n`,
      { reason: 'request_malformed' },
    );
  },
);

test('search refuses one too', async () => {
  for (const target of ['/notes/_search#', '/notes#,us:notes/_search']) {
    await world.refuses({ service: 'search', target }, { reason: 'request_malformed' });
  }
});

test('encoded, it is a character of the name', async () => {
  await world.forwards({ target: '/reports/key%23x' }, { region: 'eu-west', reason: 'in_residency' });
});
