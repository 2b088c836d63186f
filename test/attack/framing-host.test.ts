// DESIGN 1.9 (RFC 9112 §3.2): a Host that is missing, empty or sent twice, so that one server goes by the first and the next by
// the last. In virtual-host style the Host names the bucket.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld({
  settings: {
    listeners: {
      storage: { listen: '127.0.0.1:0', virtual_host_suffix: 's3.local' },
      search: { listen: '127.0.0.1:0' },
      inference: { listen: '127.0.0.1:0' },
    },
  },
});

test.each([
  ['two that differ', 'Host: reports.s3.local\r\nHost: secrets.s3.local\r\n'],
  ['two that agree', 'Host: reports.s3.local\r\nHost: reports.s3.local\r\n'],
  ['two in other letters', 'Host: reports.s3.local\r\nHOST: secrets.s3.local\r\n'],
  ['none', ''],
  ['an empty one', 'Host:\r\n'],
  ['one of spaces', 'Host:   \r\n'],
])('%s is refused', async (_, host) => {
  await world.refusesBytes('storage', headWith('', undefined, host), { reason: 'request_malformed' });
  await world.refusesBytes('search', headWith('', 'GET /notes/_search HTTP/1.1', host), {
    reason: 'request_malformed',
  });
});

test.each([
  ['a list', 'reports.s3.local, secrets.s3.local'],
  ['a path', 'reports/key.s3.local'],
  ['a user', 'reports@secrets.s3.local'],
  ['an encoding', 'reports%2e.s3.local'],
  ['a bucket that is none', '..s3.local'],
])('one that is no bucket is refused: %s', async (_, host) => {
  await world.refuses({ target: '/key', host }, { reason: 'request_malformed' });
});

test('one Host is understood', async () => {
  await world.forwards({ target: '/key', host: 'reports.s3.local' }, { region: 'eu-west', reason: 'in_residency' });
});
