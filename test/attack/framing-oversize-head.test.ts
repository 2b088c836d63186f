// DESIGN 1.6 `limits` and 1.9: a head that is too large is refused with 431, and no field is dropped in silence: the one dropped
// would be the second tenant.
import { test } from 'vitest';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const fields = (n: number) => Array.from({ length: n }, (_, i) => `X-${i}: ${i}\r\n`).join('');

test('one field too long', async () => {
  const bytes = headWith(`X-A: ${'a'.repeat(20_000)}\r\n`);
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed', status: 431 });
  await world.refusesBytes('search', bytes, { reason: 'request_malformed', status: 431 });
});

test('many fields that are too long together', async () => {
  const bytes = headWith(Array.from({ length: 90 }, (_, i) => `X-${i}: ${'a'.repeat(200)}\r\n`).join(''));
  await world.refusesBytes('storage', bytes, { reason: 'request_malformed', status: 431 });
});

test('too many fields', async () => {
  await world.refusesBytes('storage', headWith(fields(101)), { reason: 'request_malformed', status: 431 });
  await world.refusesBytes('storage', headWith(fields(1200)), { reason: 'request_malformed', status: 431 });
});

test('a second tenant behind a hundred fields is seen', async () => {
  const bytes = headWith(`${fields(90)}X-Tenant-ID: globex\r\nConnection: close\r\n`);
  await world.refusesBytes('storage', bytes, { reason: 'header_conflict' });
  const over = headWith(`${fields(2100)}X-Tenant-ID: globex\r\n`).replaceAll(/X-\d+: \d+/g, 'A:');
  await world.refusesBytes('storage', over, { reason: 'request_malformed', status: 431 });
});

test('a head of a hundred fields is served', async () => {
  const headers = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`X-${i}`, String(i)]));
  await world.forwards({ target: '/reports/key', headers }, { region: 'eu-west', reason: 'in_residency' });
});
