// DESIGN 1.9: a target that is too long is refused with 414, never cut to one that fits.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();

test.each([
  ['storage', `/reports/${'k'.repeat(9000)}`],
  ['storage', `/reports/key?versionId=${'v'.repeat(9000)}`],
  ['search', `/notes/_search?q=${'q'.repeat(9000)}`],
  ['search', `/${'notes,'.repeat(2000)}us:notes/_search`],
] as const)('%s refuses one of more than 8 KiB', async (service, target) => {
  const bytes = headWith('', `GET ${target} HTTP/1.1`);
  await world.refusesBytes(service, bytes, { reason: 'request_malformed', status: 414 });
});

test('one that does not fit in the head at all is refused with the head', async () => {
  const bytes = headWith('', `GET /reports/${'k'.repeat(20_000)} HTTP/1.1`);
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed', status: 431 });
});
