// DESIGN 1.9: the request id is the one field of the client that is sent on, sent back and written to the log. One that could end a
// line, or a string, in any of these is replaced.
import { expect, test } from 'vitest';
import { fieldOf } from './answers.ts';
import { startWorld } from './world.ts';

const world = await startWorld();
const NEW = /^[A-Za-z0-9._:-]{1,128}$/;

test.each([
  'a b',
  'a"b',
  '<x>',
  "a'b",
  '{}',
  'a,b',
  '%0d%0a',
  '\u00e9',
  'a'.repeat(129),
  '',
  'a;b',
  'a\tb',
  '$(x)',
  '../x',
])('the id %j is replaced', async (id) => {
  const { answer, received } = await world.forwards(
    { target: '/reports/key', headers: { 'X-Request-ID': id } },
    { region: 'eu-west', reason: 'in_residency' },
  );
  const made = fieldOf(answer, 'x-request-id');
  expect(made).not.toBe(id);
  expect(made).toMatch(NEW);
  expect(received.headers['x-request-id']).toBe(made);
  const refused = await world.refuses(
    { target: '/', headers: { 'X-Request-ID': id } },
    { reason: 'operation_not_permitted' },
  );
  expect(fieldOf(refused, 'x-request-id')).toMatch(NEW);
  if (id !== '') expect(refused.body).not.toContain(id);
});

test('two ids make one', async () => {
  const { received } = await world.forwards(
    { target: '/reports/key', headers: { 'X-Request-ID': 'a', 'x-request-id': 'b' } },
    { region: 'eu-west', reason: 'in_residency' },
  );
  expect(received.headers['x-request-id']).toMatch(/^[ab]$/);
});
