// DESIGN 1.9 (RFC 9112 §3.2.2): a target with a host of its own. One server goes by it, the next by the Host field, and a proxy
// that believes it is an open one.
import { expect, test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const elsewhere = new URL(world.storage('us-east').url).host;
const own = `127.0.0.1:${world.port('storage')}`;

test.each([
  `http://${elsewhere}/reports/key`,
  `https://${elsewhere}/reports/key`,
  `http://${own}@${elsewhere}/reports/key`,
  `http://x@${own}/reports/key`,
  `http://${own}`.replace(own, `${own}.`),
  `http:///reports/key`,
  `http:/reports/key`,
  `ftp://${own}/reports/key`,
  `http://${own}\\@${elsewhere}/reports/key`,
  `http://${own}#@${elsewhere}/reports/key`,
  'reports/key',
  '?x',
  '*',
])('GET %s is refused', async (target) => {
  const bytes = headWith('', `GET ${target} HTTP/1.1`, `Host: ${own}\r\n`);
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed' });
});

test('two slashes in front are a bucket of no name, not a host', async () => {
  await world.refuses({ target: `//${elsewhere}/reports/key` }, { reason: 'operation_not_permitted' });
});

test('a target that names the host of the Host field is the path in it', async () => {
  const bytes = headWith('', `GET http://${own.toUpperCase()}/reports/key HTTP/1.1`, `Host: ${own}\r\n`);
  const [answer] = await world.sendBytes('storage', bytes);
  expect(answer?.status).toBe(404);
  expect(world.storage('eu-west').lastRequest?.target).toBe('/reports-eu-west-1/key');
});
