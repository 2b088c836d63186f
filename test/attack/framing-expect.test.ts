// DESIGN 1.9 and RFC 9110 §10.1.1: an expectation other than 100-continue is refused with 417, since a server behind might mean
// something by it; and 100 Continue is said only after an allow, so that a refused upload never leaves its client.
import { expect, test } from 'vitest';
import { fieldOf } from './answers.ts';
import { headWith, startWorld } from './world.ts';

const world = await startWorld();
const PUT = 'PUT /reports/key HTTP/1.1';

test.each(['200-ok', '100-continued', 'x100-continue', '100-continue, x', 'x, 100-continue', 'x="100-continue"', ''])(
  'Expect: %s is refused',
  async (value) => {
    await world.refusesBytes('storage', headWith(`Expect: ${value}\r\nContent-Length: 0\r\n`, PUT), {
      reason: 'request_malformed',
      status: 417,
    });
  },
);

test('who is refused is not told to go on', async () => {
  const head = headWith('Expect: 100-continue\r\nContent-Length: 5\r\n', PUT).replace('acme', 'initech');
  await world.refusesBytes('storage', head, { reason: 'no_policy' });
});

test('who is allowed is told to go on, once', async () => {
  const head = headWith('Expect: 100-continue\r\nContent-Length: 5\r\n', PUT);
  const answers = await world.sendBytes('storage', `${head}hello`);
  expect(answers.map(({ status }) => status)).toEqual([100, 200]);
  expect(fieldOf(answers[1]!, 'x-residency-reason')).toBe('in_residency');
  expect(world.storage('eu-west').lastRequest?.headers.expect).toBeUndefined();
});
